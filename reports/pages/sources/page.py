"""The sources' experiments: what each source printed, beside what both twins give here."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.probes.published import CALLS, EXPERIMENTS, PUBLISHED, Experiment
from experiments.tasks.imdb_store import OFFICIAL_SHA256
from reports import statistics
from reports.data.comparable import FRAMEWORKS, ordered, sample
from reports.data.results import BASES, Results
from reports.html.blocks import Block, Cell, Column, Figure, Prose, Section, Table
from reports.html.format import NONE, estimate_cell, name, number, plus_minus, shortfall
from reports.pages.accuracy import forecasts, learning_curves
from reports.pages.sources import calls
from reports.pages.sources.calls import UNASKED, Answers
from reports.statistics import Estimate

TITLE = "The sources' experiments"
LEAD = "Do the experiments that this project grew from come out, in both frameworks, as their sources printed them?"


def planned(results: Results) -> bool:
    """Whether the study holds every experiment of the sources: then it has this page."""
    return all(len(of(results, each)) for each in EXPERIMENTS if each.slug)


def of(results: Results, experiment: Experiment) -> pd.DataFrame:
    """The planned trials of one experiment, under any conventions."""
    trials = results.trials
    keys = zip(trials.slug, trials.conventions, trials.epochs, strict=True)
    return trials[np.array([experiment.covers(*each) for each in keys], bool)]


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    answers = results.printed
    made = [section(results, each, answers) for each in EXPERIMENTS]
    return [data(results), *made, calls.section(answers), published()]


# --- on which reviews


def data(results: Results) -> Section:
    """How far the figures may be held against each other."""
    reviews = results.trials[results.trials.task == "imdb"].drop_duplicates("planned_digest")
    blocks: list[Block] = [
        Prose(
            "What a source printed is one run on the official split of IMDB, 25,000 reviews to train on and 25,000 to "
            "test on, with unknown spread over seeds. Beside it stands the mean over seeds of each twin here, with its "
            "95% interval: of the last epoch, whose number was fixed beforehand."
        )
    ]
    blocks += [Prose(_split(row)) for row in reviews.itertuples()]
    blocks.append(
        Prose(
            "The notebook feeds reviews through tf.data: shuffled through a buffer of 1,000, the last partial batch "
            "dropped. The trials on reviews do the same; only stock PyTorch, which has no such buffer, permutes all "
            "reviews. The sine's script calls fit, which permutes all windows and keeps the last batch.",
            "note",
        )
    )
    return Section("data", "On which reviews", tuple(blocks))


def _split(row) -> str:
    """Whether the reviews are those of the published figures, and what else their number leaves open."""
    if row.planned_digest != OFFICIAL_SHA256 and pd.isna(row.test_n):
        return f"Here the reviews are of another file ({row.data_name}), so the figures here may differ."
    sizes = "" if pd.isna(row.train_n) else f": {int(row.train_n):,} to train on, {int(row.test_n):,} to test on"
    if row.planned_digest == OFFICIAL_SHA256:
        return f"Here the reviews are the official ones ({row.data_name}{sizes}), so like is compared with like."
    if row.data_name != "imdb-packaged":
        return f"Here the reviews are of another file ({row.data_name}{sizes}), so the figures here may differ."
    half = number(statistics.binomial_half(0.8177, int(row.test_n)), 1)
    return (
        f"Here the reviews are the packaged ones ({row.data_name}{sizes}). All of them come from the official training "
        "split, so the training set is a fifth smaller and the test set holds others than the published figures' do: "
        f"the figures here may differ, by less training and by chance. {int(row.test_n):,} test reviews alone leave "
        f"±{half} points. With --imdb keras, or the path of imdb.npz, like is compared with like."
    )


# --- one experiment


def section(results: Results, experiment: Experiment, answers: Answers = UNASKED) -> Section:
    """Its settings, what its source printed beside ours, and the plot where there is one."""
    said = f"{experiment.settings}. Source: {experiment.source}. It printed {experiment.printed}."
    blocks: list[Block] = [Prose(said)]
    if experiment.slug:
        blocks += _trained(results, experiment)
    if experiment.call:
        blocks.append(calls.table([call for call in CALLS if call.name == experiment.call], answers))
    return Section(experiment.name, experiment.title, tuple(blocks))


def _trained(results: Results, experiment: Experiment) -> Iterable[Block]:
    trials = of(results, experiment)
    yield from shortfall(trials, "of this experiment")
    if not (trials.state == "done").any():
        return
    part = replace(results, trials=trials)
    if trials.task.iloc[0] == "sine":
        yield from (block for block in forecasts.section(part).blocks if not isinstance(block, Prose))
        return
    yield _compared(trials, experiment, results)
    if experiment.accuracy is not None:
        yield from (block for block in learning_curves.section(part).blocks if isinstance(block, Figure))


def _compared(trials: pd.DataFrame, experiment: Experiment, results: Results) -> Table:
    """A row for each conventions and framework; what was printed stands beside ours, where anything was."""
    known = experiment.accuracy is not None
    columns = ["Conventions", "Framework", Column("Seeds", True)]
    for title in ("Test loss", "Test accuracy, %"):
        columns += [Column(title, True), *[Column("printed", True), Column("ours − printed", True)] * known]
    rows = [
        _row(chosen, experiment, results)
        for label in ordered(trials.conventions, BASES)
        for framework in ordered(trials.framework, FRAMEWORKS)
        if len(chosen := trials[(trials.conventions == label) & (trials.framework == framework)])
    ]
    caption = f"After the last epoch: mean over seeds ± half of its 95% t interval. Setting: {trials.setting.iloc[0]}."
    return Table.of(caption, columns, rows)


def _row(chosen: pd.DataFrame, experiment: Experiment, results: Results) -> list[Cell]:
    first = chosen.iloc[0]
    loss = statistics.mean(sample(chosen, first.framework, "test/loss"))
    accuracy = statistics.mean(sample(chosen, first.framework))
    cells = [Cell(first.conventions, href=results.links.spec(first.spec_fingerprint))]
    cells += [Cell(name(first.framework), kind=first.framework), Cell(str(accuracy.n), accuracy.n), _loss(loss)]
    if experiment.loss is not None:
        cells += [Cell(number(experiment.loss, 4)), _loss(less(loss, experiment.loss), sign=True)]
    cells.append(estimate_cell(accuracy))
    if experiment.accuracy is not None:
        figure = 100 * experiment.accuracy
        cells += [Cell(number(figure)), estimate_cell(less(accuracy, figure), sign=True)]
    return cells


def less(estimate: Estimate, figure: float) -> Estimate:
    """An estimate's difference from a printed figure, which has no spread of its own to add."""
    return estimate._replace(value=estimate.value - figure, low=estimate.low - figure, high=estimate.high - figure)


def _loss(estimate: Estimate, sign: bool = False) -> Cell:
    if estimate.n == 0:
        return Cell(NONE, kind="quiet")
    text = plus_minus(estimate, 4, sign)
    return Cell(text, estimate.value, note="" if estimate.known else "no interval")


def published() -> Section:
    """Other figures to hold these against."""
    table = Table.of(
        "Published figures of other settings; none of them is a target here.",
        ["Source", "Settings", "Figure"],
        [list(each) for each in PUBLISHED],
    )
    return Section("published", "Other published figures", (table,))
