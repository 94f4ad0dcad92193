"""What padding does to the accuracy: read like any other input, on the left or the right, or masked."""

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports import statistics
from reports.data.cached import cached_by_results
from reports.data.comparable import CELLS, ordered
from reports.data.results import IMPOSED, Results
from reports.html.blocks import Block, Cell, Column, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import count, estimate_cell, listed, n_of, name, number, plus_minus, shortfall
from reports.html.svg import INK, draw, mark
from reports.statistics import Estimate

QUESTION = (
    "Reviews shorter than the window are padded. Unless padding is masked (Keras) or packed away (PyTorch), the "
    "network reads it like any other input: on the right it comes last, and the head reads a state that has run over "
    "it. "
    "Masked, the side does not matter: the same numbers come out, which the parity checks hold."
)
READ = ("left, read", "right, read")
MASKED = "masked"


class Padded(NamedTuple):
    """One cell under one conventions: test accuracies in per cent by way of padding, a column each, a row a seed."""

    cell: str
    conventions: str
    framework: str
    epochs: int
    accuracies: pd.DataFrame

    def change(self, way: str) -> Estimate:
        """A way of padding minus masked, in points, paired by seed."""
        pair = self.accuracies[[way, MASKED]].dropna()
        return statistics.mean((pair[way] - pair[MASKED]).to_numpy())


def trials(results: Results) -> pd.DataFrame:
    """The trials of settings in which the padding alone was varied, under imposed conventions, with the way of each."""
    planned = results.trials[(results.trials.task == "imdb") & results.trials.conventions.isin(IMPOSED)]
    ways = planned.assign(way=planned.padding.map(_way))
    several = ways.groupby(["unpadded_setting", "cell", "form"]).way.transform("nunique") > 1
    return ways[several]


def _way(words: str) -> str:
    if "masked" in words:
        return MASKED
    return f"{'right' if 'right' in words else 'left'}, read"


def compared(results: Results) -> list[Padded]:
    """Every cell, conventions and framework with masked and read padding."""
    done = trials(results)
    done = done[done.state == "done"]
    padded = []
    keys = ["cell", "conventions", "framework", "unpadded_setting"]
    for (cell, conventions, framework, _), part in done.groupby(keys, sort=False):
        means = part.dropna(subset="accuracy").groupby(["seed", "way"]).accuracy.mean()
        wide = means.unstack("way").reindex(columns=[*READ, MASKED])
        if wide[MASKED].notna().any():
            padded.append(Padded(cell, conventions, framework, int(part.epochs.iloc[0]), wide))
    cells = ordered([each.cell for each in padded], CELLS)
    return sorted(padded, key=lambda each: (cells.index(each.cell), each.conventions))


@cached_by_results
def section(results: Results) -> list[Section]:
    """A figure and a table, where the study varies the padding."""
    planned = trials(results)
    if planned.empty:
        return []
    blocks: list[Block] = [Prose(QUESTION), *shortfall(planned, "with padding varied")]
    if rows := compared(results):
        blocks += [_figure(rows, results), _table(rows, planned, results)]
    return [Section("padding", "What does padding cost?", tuple(blocks))]


def _figure(rows: list[Padded], results: Results) -> Figure:
    cells = ordered([row.cell for row in rows], CELLS)
    return Figure(
        "Test accuracy with padding read, minus that with padding masked, in points, after the last epoch; the line is "
        "the 95% t interval over seeds, paired by seed. Left of zero, reading the padding costs accuracy.",
        tuple(_panel([row for row in rows if row.cell == cell], results) for cell in cells),
        (Key("under keras conventions", "tf2"), Key("under pytorch conventions", "pytorch")),
        results.links.runs(task="imdb"),
    )


def _panel(rows: list[Padded], results: Results) -> Panel:
    places = [(way, row) for way in READ for row in rows]
    said = [f"{way} under {row.conventions} {number(row.change(way).value, sign=True)}" for way, row in places]
    cell = rows[0].cell
    spoken = f"{cell}: accuracy minus masked, points: {', '.join(said)}."
    svg = draw(_paint, (places,), spoken, [way for way, _ in places], height=0.6 + 0.3 * len(places))
    facets = {"task": "imdb", "cell": cell}
    return Panel(cell, svg, spoken, results.links.runs(**facets), facets)


def _paint(axes: Axes, places: list[tuple[str, Padded]]) -> None:
    colours = {"keras": COLOURS["tf2"], "pytorch": COLOURS["pytorch"]}
    axes.axvline(0, color=INK, linewidth=0.6)
    for place, (way, row) in enumerate(places):
        change = row.change(way)
        if change.known:
            line = axes.plot([change.low, change.high], [place] * 2, color=colours[row.conventions])
            mark(line, conventions=row.conventions)
        dot = axes.plot(change.value, place, "o", color=colours[row.conventions], markersize=4)
        said = f"{way}, {row.conventions}: {plus_minus(change, sign=True)} points, {n_of(change.n)}"
        mark(dot, said, conventions=row.conventions)
    axes.set(ylim=(len(places) - 0.5, -0.5), xlabel="", ylabel="")
    axes.set_yticks(range(len(places)), [way for way, _ in places])


def _table(rows: list[Padded], planned: pd.DataFrame, results: Results) -> Table:
    columns: list[Column | str] = ["Cell", "Conventions", "Framework", Column("After epoch", True)]
    columns += [Column(f"{way}, %", True) for way in (*READ, MASKED)]
    columns += [Column(f"{way} − masked, points", True) for way in READ]
    made = []
    for row in rows:
        values = [row.accuracies[way].dropna().to_numpy() for way in (*READ, MASKED)]
        made.append(
            [
                Cell(row.cell, kind="code"),
                Cell(row.conventions),
                Cell(name(row.framework), kind=row.framework),
                Cell(str(row.epochs), row.epochs),
                *(estimate_cell(statistics.mean(each), 1) for each in values),
                *(estimate_cell(row.change(way), 1, sign=True) for way in READ),
                Cell(str(len(row.accuracies)), len(row.accuracies)),
            ]
        )
    settings = listed(dict.fromkeys(planned.unpadded_setting))
    return Table.of(
        f"Test accuracy by way of padding, ± half of the 95% t interval; {count(len(rows), 'row')} of intervals, each "
        f"by itself.",
        [*columns, Column("Seeds", True)],
        made,
        results.links.runs(task="imdb"),
        settings=f"Setting: {settings}.",
    )
