"""Is the imposed convention the framework's own? Each framework's stock trials against those under its convention."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from experiments.twins import COLOURS, FRAMEWORKS, TWINS
from reports.data.comparable import CELLS, FORMS, ordered, sample
from reports.data.links import Links
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import Settings, count, listed, name, number, seeds_cell, shortfall
from reports.html.svg import draw, mark
from reports.pages.accuracy import comparison
from reports.pages.accuracy.comparison import Comparison

MOST_PANELS = 12
MOST_LINKED = 50  # seeds of a strip whose ticks lead to their runs: of more they lie upon each other
GROUP = ["cell", "form", "setting"]
DRAWN = ["framework", "conventions", "seed", "accuracy", "run_id"]  # columns of the figure's trials
QUESTION = (
    "An imposed convention is our written account of a framework. Faithful means that the framework alone, with its "
    "own defaults and random numbers, ends where it ends under its own convention: TensorFlow 2 stock against "
    "TensorFlow 2 under keras, PyTorch stock against PyTorch under pytorch. The seeds of the two draw different random "
    "numbers, so the samples are independent (Welch). Until equality is shown, what is said of a convention is said of "
    "the written convention, and not of the framework."
)


Strip = tuple[str, str, np.ndarray]  # framework, conventions, test accuracies in per cent


class Faithfulness(NamedTuple):
    """One framework's stock trials and those under its own convention, in one setting."""

    framework: str
    trials: pd.DataFrame
    samples: dict[str, np.ndarray]  # conventions, stock first -> test accuracies in per cent
    comparison: Comparison  # stock minus the framework's own convention


def compared(results: Results) -> list[Faithfulness]:
    """Every IMDB setting of a cell and form that is planned under stock and under the framework's own convention."""
    imdb = results.trials[results.trials.task == "imdb"]
    groups = sorted(imdb.groupby(GROUP, sort=False), key=lambda item: _rank(*item[0]))
    rows = [_of(twin, trials[trials.framework == twin]) for _, trials in groups for twin in TWINS]
    return [row for row in rows if row]


def _rank(cell: str, form: str, setting: str) -> tuple[int, int]:
    return ordered([*CELLS, cell], CELLS).index(cell), FORMS.index(form)


def _of(framework: str, trials: pd.DataFrame) -> Faithfulness | None:
    """None where one of the two is not planned."""
    labels = ["stock", FRAMEWORKS[framework].owner]
    if not set(labels) <= set(trials.conventions):
        return None
    samples = {label: sample(trials[trials.conventions == label], framework) for label in labels}
    chosen = trials[trials.conventions.isin(labels)]
    return Faithfulness(framework, chosen, samples, comparison.independent(*samples.values()))


def section(results: Results, rows: list[Faithfulness], tested: int) -> Section:
    """Strips of the seeds, and the tests.

    Args:
        results: of the study.
        rows: as ``compared`` gives them, with p values adjusted for the page's family.
        tested: the size of that family.
    """
    title = "Is the imposed convention the framework's own?"
    if not rows:
        text = "This study plans no framework on IMDB both under stock and under its own convention."
        return Section("faithful", title, (Prose(QUESTION), Prose(text, "missing")))
    planned = pd.concat([row.trials for row in rows])
    blocks: list[Block] = [Prose(QUESTION), *shortfall(planned, "under stock or a framework's own convention")]
    if (planned.state == "done").any():
        blocks += [Prose(text, "missing") for text in _too_few(rows)]
        blocks += [_figure(rows, results), _table(planned, rows, tested, results)]
    return Section("faithful", title, tuple(blocks))


def _too_few(rows: list[Faithfulness]) -> list[str]:
    few = [
        f"{name(row.framework)}, {row.trials.cell.iloc[0]} ({listed(_seeds(row))})"
        for row in rows
        if min(map(len, row.samples.values())) < 2
    ]
    return [f"Too few seeds for an interval or a test, which need two of each: {'; '.join(few)}."] * bool(few)


def _seeds(row: Faithfulness) -> list[str]:
    return [f"{len(values)} under {label}" for label, values in row.samples.items()]


def _figure(rows: list[Faithfulness], results: Results) -> Figure:
    groups: dict[tuple[str, ...], list[Faithfulness]] = {}
    for row in rows:
        groups.setdefault(tuple(row.trials[GROUP].iloc[0]), []).append(row)
    shown = {key: part for key, part in groups.items() if any(len(v) for row in part for v in row.samples.values())}
    panels = tuple(_panel(part, results) for part in list(shown.values())[:MOST_PANELS])
    more = len(shown) - len(panels)
    left_out = f" {count(more, 'more setting stands', 'more settings stand')} in the table only." if more else ""
    return Figure(
        "Test accuracy after the last epoch, %: a tick for each seed, a dot for their mean. Within a colour the two "
        f"rows should look like draws from one distribution.{left_out}",
        panels,
        tuple(Key(name(twin), twin) for twin in TWINS),
        results.links.runs(task="imdb"),
    )


def _panel(part: list[Faithfulness], results: Results) -> Panel:
    strips = [(row.framework, label, values) for row in part for label, values in row.samples.items()]
    first = part[0].trials.iloc[0]
    title = f"{first.cell}, {first.form}, after {count(int(first.epochs), 'epoch')}"

    means = [_mean(*strip) for strip in strips if len(strip[-1])]
    spoken = f"Test accuracies of {title}; means: {', '.join(means)}."
    data = strips, [_done(row.trials, label) for row in part for label in row.samples], results.links
    svg = draw(_paint, data, spoken, [label for _, label, _ in strips], height=0.5 + 0.36 * len(strips))
    facets = {"task": "imdb", "cell": first.cell, "form": first.form}
    return Panel(title, svg, spoken, results.links.runs(**facets), facets)


def _paint(axes: Axes, strips: list[Strip], trials: list[pd.DataFrame], links: Links) -> None:
    for place, (framework, label, values) in enumerate(strips):
        _strip(axes, place, trials[place], links)
        if len(values):
            dot = axes.plot(values.mean(), place, "o", color=COLOURS[framework], markersize=5)
            mark(dot, f"{_mean(framework, label, values)}, mean", framework=framework, conventions=label)
    axes.set(ylim=(len(strips) - 0.5, -0.5), xlabel="", ylabel="")
    axes.set_yticks(range(len(strips)), [label for _, label, _ in strips])
    axes.grid(axis="x")


def _mean(framework: str, label: str, values: np.ndarray) -> str:
    return f"{name(framework)} {label} {number(values.mean(), 1)}%"


def _done(trials: pd.DataFrame, label: str) -> pd.DataFrame:
    return trials.loc[(trials.conventions == label) & (trials.state == "done"), DRAWN].dropna(subset="accuracy")


def _strip(axes: Axes, place: int, trials: pd.DataFrame, links: Links) -> None:
    """A tick for each seed; of many, the ticks are one mark together, which leads to no single run."""
    if len(trials) > MOST_LINKED:
        first = trials.iloc[0]
        ticks = axes.plot(
            trials.accuracy, [place] * len(trials), "|", color=COLOURS[first.framework], markersize=11, alpha=0.7
        )
        said = f"{name(first.framework)}, {first.conventions}, {len(trials):,} seeds"
        mark(ticks, said, framework=first.framework, conventions=first.conventions)
        return
    for row in trials.itertuples():
        tick = axes.plot(row.accuracy, place, "|", color=COLOURS[row.framework], markersize=11, alpha=0.7)
        said = f"{name(row.framework)}, {row.conventions}, seed {row.seed}: {number(row.accuracy)}%"
        href = links.run(row.run_id)
        mark(tick, said, href, framework=row.framework, conventions=row.conventions)


def _table(planned: pd.DataFrame, rows: list[Faithfulness], tested: int, results: Results) -> Table | Details:
    settings = Settings(planned)
    columns = ["Cell", "Form", *settings.column(), Column("After epoch", True), "Framework", "Against"]
    return Table.of(
        "Stock minus the framework's own imposed convention, test accuracy after the named epoch, points ± half of the "
        f"95% t interval. The p values are adjusted for the page's {count(tested, 'comparison')}. Power and seeds are "
        f"those of the equality test alone, and below it of the family's strictest level.",
        [*columns, Column("Seeds", True), *comparison.COLUMNS],
        [[*_first(row, settings, results), *comparison.cells(row.comparison, tested)] for row in rows],
        results.links.runs(task="imdb"),
        settings=settings.caption,
    ).agreed("Verdict", "comparisons")


def _first(row: Faithfulness, settings: Settings, results: Results) -> list[Cell]:
    first = row.trials.iloc[0]
    href = results.links.runs(task="imdb", cell=first.cell, form=first.form)
    return [
        Cell(first.cell, href=href, kind="code"),
        Cell(first.form, kind="code"),
        *settings.cell(first),
        Cell(str(int(first.epochs)), int(first.epochs)),
        Cell(name(row.framework), kind=row.framework),
        Cell(FRAMEWORKS[row.framework].owner),
        seeds_cell([len(values) for values in row.samples.values()]),
    ]
