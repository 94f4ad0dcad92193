"""The speed page's chart: both twins' steps of each form, with the floors drawn in."""

import math
from collections.abc import Sequence
from statistics import median

import pandas as pd
import seaborn
from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports.data.comparable import FRAMEWORKS, ordered
from reports.data.results import Results
from reports.html.blocks import Figure, Key, Panel
from reports.html.format import name
from reports.html.svg import INK, LINE, draw
from reports.pages.speed.comparisons import Board
from reports.pages.speed.timings import Clocked, milliseconds

APART = {"tf2": -0.17, "pytorch": 0.17}  # a form's two dots, in rows
FLOORS = {"tf2": 2.6, "pytorch": 1.1}  # the thinner on top, so that floors which agree show both colours
MARKERS = {"stock": "o", "tuned": "D"}
MOST_TICKS = 6


def figure(board: Board, results: Results) -> Figure:
    """A panel for each cell."""
    frameworks = ordered((row.framework for row in board.rows), FRAMEWORKS)
    dots = tuple(Key(name(each), each) for each in frameworks)
    floors = tuple(Key(f"{name(each)}'s floor", each, "tick") for each in ordered(_floors(board.rows), FRAMEWORKS))
    tuned = (
        " Diamonds below the rule are tuned, dots above it as usually written."
        if any(row.tuned for row in board.rows)
        else ""
    )
    return Figure(
        "A steady training step, in ms, on a logarithmic scale that all panels share: equal distances are equal "
        "multiples, and further left is faster. A dot is the median, its line goes from the lowest lower quartile to "
        f"the highest upper quartile of the processes.{tuned} The distance to the upright line of its colour is what "
        "the framework adds to its own bare matrix products.",
        tuple(_panel(board, cell, results) for cell in board.cells),
        (*dots, Key("quartiles", "ink", "line"), *floors),
        results.speed_links.timings(task=board.task),
    )


def _rule(rows: Sequence[Clocked]) -> float | None:
    """Where the tuned forms begin, in lines; None where there are none, or nothing else."""
    tuned, forms = {row.form for row in rows if row.tuned}, {row.form for row in rows}
    return len(forms) - len(tuned) - 0.5 if tuned and tuned != forms else None


def _panel(board: Board, cell: str, results: Results) -> Panel:
    rows = board.of(cell)
    forms = list(dict.fromkeys(row.form for row in rows))
    points = pd.DataFrame([_point(row, forms.index(row.form)) for row in rows])
    floors = _floors(rows)

    def paint(axes: Axes) -> None:
        for framework, floor in floors.items():
            axes.axvline(floor, color=COLOURS[framework], lw=FLOORS[framework], zorder=1)
        if (rule := _rule(rows)) is not None:
            axes.axhline(rule, color=LINE, lw=0.8)
        axes.hlines(points.row, points.low, points.high, [COLOURS[each] for each in points.framework], lw=1.8, zorder=2)
        marks = {"hue": "framework", "palette": COLOURS, "style": "track", "markers": MARKERS, "s": 34}
        seaborn.scatterplot(points, x="ms", y="row", **marks, edgecolor="none", legend=False, zorder=3, ax=axes)
        axes.set(ylim=(len(forms) - 0.45, -0.55), xlabel="", ylabel="")
        axes.set_yticks(range(len(forms)), forms)
        logarithmic(axes, *_limits(board))

    parts = [f"{name(row.framework)} {row.form} {milliseconds(row.step)} ms" for row in rows]
    parts += [f"{name(each)}'s floor {milliseconds(floor / 1000)} ms" for each, floor in floors.items()]
    spoken = f"Steady training step of {cell}, {board.title}: {', '.join(parts)}."
    svg = draw(paint, spoken, board.forms, height=0.5 + 0.36 * len(forms))
    return Panel(cell, svg, spoken, results.speed_links.timings(task=board.task, cell=rows[0].spec.network.cell))


def _point(row: Clocked, place: int) -> dict[str, float | str]:
    found = {"framework": row.framework, "row": place + APART[row.framework], "track": row.timed.timing.track}
    return found | {"low": 1000 * row.low, "ms": 1000 * row.step, "high": 1000 * row.high}


def _floors(rows: Sequence[Clocked]) -> dict[str, float]:
    """Each framework's floor of a cell in ms: the same products whatever the form, so the median of its variants'."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row.floored:
            found.setdefault(row.framework, []).append(1000 * row.figures["floor/step_s"])
    return {framework: median(values) for framework, values in found.items()}


def _limits(board: Board) -> tuple[float, float]:
    floors = [floor for cell in board.cells for floor in _floors(board.of(cell)).values()]
    return min([1000 * row.low for row in board.rows] + floors), max([1000 * row.high for row in board.rows] + floors)


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """A horizontal logarithmic axis with a few round numbers on it."""
    margin = (high / low) ** 0.05 * 1.04
    axes.set(xscale="log", xlim=(low / margin, high * margin))
    marks = ticks(low / margin, high * margin)
    axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axes.set_xticks([], minor=True)
    axes.grid(axis="x")
    axes.tick_params(colors=LINE, labelcolor=INK)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, as many as there is room for."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for digits in ((1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(found) <= MOST_TICKS:
            return found
    return found[:: math.ceil(len(found) / MOST_TICKS)]
