"""The sources' experiments: the printed figures beside the results of both twins."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.probes.published import CALLS, EXPERIMENTS, Experiment
from reports import statistics
from reports.data.comparable import FRAMEWORKS, ordered, sample
from reports.data.results import BASES, Results
from reports.html.blocks import Block, Cell, Column, Figure, Prose, Section, Table
from reports.html.format import Settings, count, estimate_cell, name, number, shortfall
from reports.pages.accuracy import forecasts, learning_curves
from reports.pages.sources import calls
from reports.statistics import Estimate

Group = tuple[Experiment, ...]


def groups() -> list[Group]:
    """The experiments; those with the same settings, source and printed result together."""
    alike: dict[tuple[str, str, str], list[Experiment]] = {}
    for item in EXPERIMENTS:
        alike.setdefault((item.settings, item.source, item.printed), []).append(item)
    return [tuple(group) for group in alike.values()]


def trials_of(results: Results, experiment: Experiment) -> pd.DataFrame:
    """The planned trials of one experiment, under any conventions."""
    trials = results.trials
    keys = zip(trials.slug, trials.conventions, trials.epochs, strict=True)
    return trials[np.array([experiment.covers(*key) for key in keys], bool)]


def section(results: Results, group: Group) -> Section:
    """A group's settings, what its source printed beside the twins' results, and a plot if the source has one."""
    first = group[0]
    text = f"{first.settings}. Source: {first.source}. It printed {first.printed}."
    blocks: list[Block] = [Prose(text)]
    if first.slug:
        blocks += _trained(results, group)
    names = {item.call for item in group}
    if called := [call for call in CALLS if call.name in names]:
        blocks.append(calls.table(called, results.printed))
    title = first.title if len(group) == 1 else f"{count(len(group), 'experiment')} that printed {first.printed}"
    return Section(first.name, title, tuple(blocks))


def _trained(results: Results, group: Group) -> Iterable[Block]:
    trials = pd.concat([trials_of(results, item) for item in group])
    yield from shortfall(trials, "of this experiment" if len(group) == 1 else "of these experiments")
    if not (trials.state == "done").any():
        return
    part = replace(results, trials=trials)
    if trials.task.iloc[0] == "sine":
        yield from (block for block in forecasts.section(part).blocks if not isinstance(block, Prose))
        return
    yield _table(group, trials, results)
    if group[0].accuracy is not None:
        yield from (block for block in learning_curves.section(part).blocks if isinstance(block, Figure))


def _table(group: Group, trials: pd.DataFrame, results: Results) -> Table:
    """A row for each experiment, conventions and framework; the printed figures beside it, if there are any."""
    known, settings = group[0].accuracy is not None, Settings(trials)
    several = len(group) > 1
    columns = ["Experiment"] * several
    columns += [*settings.column(), "Conventions", "Framework", Column("Seeds", True)]
    for title in ("Test loss", "Test accuracy, %"):
        columns += [Column(title, True), *[Column("printed", True), Column("ours − printed", True)] * known]
    rows = []
    for item in group:
        of_item = trials_of(results, item)
        for label in ordered(of_item.conventions, BASES):
            under_label = of_item[of_item.conventions == label]
            for framework in ordered(under_label.framework, FRAMEWORKS):
                chosen = under_label[under_label.framework == framework]
                rows.append([*[Cell(item.title)] * several, *_row(item, chosen, settings, results)])
    caption = "After the last epoch: mean over seeds ± half of its 95% t interval."
    return Table.of(caption, columns, rows, settings=settings.caption)


def _row(experiment: Experiment, trials: pd.DataFrame, settings: Settings, results: Results) -> list[Cell]:
    first = trials.iloc[0]
    loss = statistics.mean(sample(trials, first.framework, "test/loss"))
    accuracy = statistics.mean(sample(trials, first.framework))
    cells = [*settings.cell(first), Cell(first.conventions, href=results.links.spec(first.spec_fingerprint))]
    cells += [Cell(name(first.framework), kind=first.framework), Cell(str(accuracy.n), accuracy.n)]
    cells.append(estimate_cell(loss, 4))
    if experiment.loss is not None:
        cells += [Cell(number(experiment.loss, 4)), estimate_cell(minus(loss, experiment.loss), 4, sign=True)]
    cells.append(estimate_cell(accuracy))
    if experiment.accuracy is not None:
        printed = 100 * experiment.accuracy
        cells += [Cell(number(printed)), estimate_cell(minus(accuracy, printed), sign=True)]
    return cells


def minus(estimate: Estimate, figure: float) -> Estimate:
    """An estimate's difference from a printed figure, which has no known spread to add."""
    return estimate._replace(value=estimate.value - figure, low=estimate.low - figure, high=estimate.high - figure)
