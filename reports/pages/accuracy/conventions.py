"""Framework × conventions: test accuracy after the last epoch, and at the epoch that is best on validation."""

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports import statistics
from reports.data.cached import cached_by_results
from reports.data.comparable import CELLS, FRAMEWORKS, experiments, layers, ordered, sample
from reports.data.links import Links
from reports.data.results import BASES, Results
from reports.html.blocks import Block, Cell, Column, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import (
    Settings,
    count,
    error_cell,
    estimate_cell,
    listed,
    name,
    number,
    plus_minus,
    seeds_cell,
    shortfall,
)
from reports.html.svg import draw, mark

MOST_SEEDS = 30  # more would be a smear, and megabytes of it
DRAWN = ["conventions", "framework", "seed", "accuracy", "run_id", "spec_fingerprint"]  # columns of the figure's trials
ACCURACY = "test/accuracy"
VALIDATION = "validation/accuracy"
BEST = (
    "The number of epochs need not suit both frameworks. The next table therefore scores each trial after the epoch "
    "with the highest accuracy on its validation reviews, which are taken from the training reviews. The test reviews "
    "choose nothing."
)


def section(results: Results) -> Section:
    """A figure and a table; a second table where training left reviews for validation."""
    trials = layers(results)
    blocks: list[Block] = list(shortfall(trials, "of form layer on IMDB"))
    if (trials.state == "done").any():
        blocks += [_reading(trials), figure(results), table(trials, results, form=False)]
    best = at_best(results.history, trials)
    if best is not None:
        blocks += [Prose(BEST), _best_table(trials, best, results)]
    return Section("conventions", "Framework × conventions", tuple(blocks))


def _reading(trials: pd.DataFrame) -> Prose:
    sizes = sorted({int(n) for n in trials.test_n.dropna()})
    scored = f" Each of {sizes[0]:,} test reviews is scored." if len(sizes) == 1 else " Every test review is scored."
    return Prose(
        "The sentiment of film reviews (IMDB), each cell as its framework's stock layer. The accuracy is that of the "
        f"last epoch, whose number was fixed beforehand; nothing is chosen on the test set.{scored}"
    )


def table(trials: pd.DataFrame, results: Results, form: bool, task: str = "imdb", metric: str = ACCURACY) -> Table:
    """A row for each experiment, a column for each framework: of the accuracy in per cent, or of another metric."""
    value, cell = ("accuracy", estimate_cell) if metric == ACCURACY else (metric, error_cell)
    title, unit = ("Test accuracy", ", %") if metric == ACCURACY else (metric, "")
    frameworks, settings = ordered(trials.framework, FRAMEWORKS), Settings(trials)
    columns = ["Cell", *["Form"] * form, "Conventions", *settings.column(), Column("After epoch", True)]
    columns += [Column("Seeds", True), *(Column(name(framework), True, framework) for framework in frameworks)]
    rows = []
    for fingerprint, chosen in experiments(trials):
        first, href = chosen.iloc[0], results.links.spec(fingerprint)
        means = [statistics.mean(sample(chosen, framework, value)) for framework in frameworks]
        cells = [Cell(first.cell, kind="code"), *[Cell(first.form, kind="code")] * form]
        cells += [Cell(first.conventions, href=href), *settings.cell(first)]
        cells += [Cell(str(int(first.epochs)), int(first.epochs)), seeds_cell([each.n for each in means])]
        rows.append([*cells, *map(cell, means)])
    return Table.of(
        f"{title} after the named epoch, the last{unit}: mean over seeds ± half of its 95% t interval.",
        columns,
        rows,
        results.links.runs(task=task),
        settings=settings.caption,
    )


def at_best(history: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame | None:
    """Each trial's epoch with the highest validation accuracy, the first of equals; None where none was recorded."""
    if VALIDATION not in history:
        return None
    scored = history[history.fingerprint.isin(trials.fingerprint)].dropna(subset=[VALIDATION, "test/accuracy"])
    if scored.empty:
        return None
    ranked = scored.sort_values([VALIDATION, "epoch"], ascending=[False, True], kind="stable")
    best = ranked.drop_duplicates("fingerprint")
    return best.assign(accuracy=100 * best["test/accuracy"].astype(float), state="done")


def _best_table(trials: pd.DataFrame, best: pd.DataFrame, results: Results) -> Table:
    frameworks, settings = ordered(best.framework, FRAMEWORKS), Settings(trials)
    columns = ["Cell", "Conventions", *settings.column(), Column("Epochs trained", True), Column("Seeds", True)]
    rows = []
    for fingerprint, chosen in experiments(best):
        first, href = chosen.iloc[0], results.links.spec(fingerprint)
        of_framework = [chosen[chosen.framework == framework] for framework in frameworks]
        cells = [Cell(first.cell, kind="code"), Cell(first.conventions, href=href), *settings.cell(first)]
        cells += [Cell(str(int(first.epochs)), int(first.epochs)), seeds_cell([len(each) for each in of_framework])]
        rows.append([*cells, *map(_best_cell, of_framework)])
    return Table.of(
        "Test accuracy after the epoch that is best on validation, %: mean over seeds ± half of its 95% t interval, "
        "and below it the epochs chosen.",
        [*columns, *(Column(name(framework), True, framework) for framework in frameworks)],
        rows,
        results.links.runs(task="imdb", form="layer"),
        settings=settings.caption,
    )


def _best_cell(chosen: pd.DataFrame) -> Cell:
    """The mean accuracy of one framework's trials, and after which epochs it was measured."""
    cell = estimate_cell(statistics.mean(chosen.accuracy.astype(float)))
    epochs = f"epoch {listed((str(int(epoch)) for epoch in sorted(set(chosen.epoch))), 'or')}" * bool(len(chosen))
    return replace(cell, note=", ".join(filter(None, [epochs, cell.note])))


@cached_by_results
def figure(results: Results) -> Figure:
    """The framework × conventions table as points, a panel for each cell."""
    trials = layers(results)
    done = trials[trials.state == "done"].assign(accuracy=lambda frame: frame.accuracy.astype(float))
    frameworks = ordered(done.framework, FRAMEWORKS)
    limits, widest = _limits(done), _texts(done.conventions.unique())
    panels = tuple(
        _panel(cell, done[done.cell == cell], frameworks, limits, widest, results) for cell in ordered(done.cell, CELLS)
    )
    keys = [Key(name(framework), framework) for framework in frameworks]
    keys += [Key("95% interval of the mean", "ink", "line")]
    keys += [Key("one seed", "faint", "tick")] * (done.seed.nunique() <= MOST_SEEDS)
    return Figure(
        f"Test accuracy {_when(done)}, %, by conventions. Look down each panel first: the shift from row to row is "
        "what the conventions do. Then look within a row: the gap between the colours is what is left to the "
        "framework. The scale is the seeds'; an interval of few seeds may reach beyond it.",
        panels,
        tuple(keys),
        results.links.runs(task="imdb", form="layer"),
    )


def _when(done: pd.DataFrame) -> str:
    """``after 2 epochs``, or with each cell's own number where they differ."""
    epochs = done.groupby("cell", sort=False).epochs.max().astype(int)
    if epochs.nunique() == 1:
        return f"after {count(epochs.iloc[0], 'epoch')}"
    return "after " + listed(f"{count(n, 'epoch')} ({cell})" for cell, n in epochs.items())


def _limits(done: pd.DataFrame) -> tuple[float, float]:
    """Shared by the panels; wide intervals of few seeds may reach out, the seeds themselves never do."""
    low, high = done.accuracy.min(), done.accuracy.max()
    room = max(0.25 * (high - low), 1.0)
    return max(0.0, low - room), min(100.0, high + room)


def _panel(cell: str, rows: pd.DataFrame, frameworks: list[str], limits, widest: list[str], results: Results) -> Panel:
    labels = ordered(rows.conventions, BASES)
    means = rows.groupby(["conventions", "framework"], sort=False).accuracy.mean()
    parts = [f"{framework} under {label} {number(value, 1)}%" for (label, framework), value in means.items()]
    spoken = f"Mean test accuracy of {cell} {_when(rows)}: {', '.join(parts)}."
    height = 0.75 + 0.55 * len(labels)
    href = results.links.runs(task="imdb", form="layer", cell=cell)
    data = rows[DRAWN], frameworks, labels, limits, results.links
    return Panel(cell, draw(_paint, data, spoken, widest, height=height), spoken, href, {"task": "imdb", "cell": cell})


def _paint(axes: Axes, rows: pd.DataFrame, frameworks: list[str], labels: list[str], limits, links: Links) -> None:
    seeds = rows.seed.nunique() <= MOST_SEEDS
    for (label, framework), part in rows.groupby(["conventions", "framework"], sort=False):
        beside = (frameworks.index(framework) + 0.5) / len(frameworks) - 0.5
        _points(axes, part, labels.index(label) + 0.8 * beside, links, seeds)
    axes.set(xlim=limits, ylim=(len(labels) - 0.5, -0.5), xlabel="", ylabel="")
    axes.set_yticks(range(len(labels)), _texts(labels))
    axes.grid(axis="x")


def _points(axes: Axes, rows: pd.DataFrame, place: float, links: Links, seeds: bool) -> None:
    """One framework under one conventions: a tick for each seed if wanted, the mean and its interval."""
    first, mean = rows.iloc[0], statistics.mean(rows.accuracy)
    facets, colour = {"framework": first.framework, "conventions": first.conventions}, COLOURS[first.framework]
    title = f"{name(first.framework)}, {first.conventions}"
    for row in rows.itertuples() if seeds else ():
        said = f"{title}, seed {row.seed}: {number(row.accuracy)}%"
        tick = axes.plot(row.accuracy, place, "|", color=colour, markersize=7, markeredgewidth=1.1)
        mark(tick, said, links.run(row.run_id), **facets)
    if mean.known:
        mark(axes.plot([mean.low, mean.high], [place] * 2, color=colour, linewidth=1.6), **facets)
    said = f"{title}, mean of {count(mean.n, 'seed')}: {plus_minus(mean)}%"
    dot = axes.plot(mean.value, place, "o", color=colour, markersize=5)
    mark(dot, said, links.spec(first.spec_fingerprint), **facets)


def _texts(labels: Iterable[str]) -> list[str]:
    """Conventions on the axis, overrides on lines of their own."""
    return [label.replace("+", "\n") for label in labels]
