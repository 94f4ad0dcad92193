"""The engines' marks on a benchmark's chart: a row each below the forms, beside the twins' own forward passes."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports.data.links import Links
from reports.html.blocks import Key
from reports.html.format import name
from reports.html.svg import INK, LINE, mark
from reports.pages.speed.engines.passes import ForwardPass
from reports.pages.speed.timed.timings import milliseconds

CAPTION = (
    " Rings are not forms: they are forward passes alone, of each twin's fastest form and of engines that run the same "
    "network without training it; the vertical line beside them is the matrix products of a forward pass."
)
FLOOR_WIDTH = 1.6
KEY = Key("forward pass alone", "ink", "ring")


def labels(rows: Sequence[ForwardPass]) -> list[str]:
    """Who stands in which row."""
    return [name(row.who) for row in rows]


def spoken(rows: Sequence[ForwardPass]) -> list[str]:
    """Each mark in words."""
    return [f"forward pass alone, {name(row.who)} {milliseconds(row.step)} ms" for row in rows]


def paint(axes: Axes, rows: Sequence[ForwardPass], start: int, floor: float | None, links: Links) -> None:
    """Draw the rows from the place ``start`` on, under a rule: a ring at the median, a line between the quartiles."""
    if rows:
        axes.axhline(start - 0.5, color=LINE, lw=0.8)
    if rows and floor:
        axes.plot([1000 * floor] * 2, [start - 0.5, start + len(rows) - 0.45], color=INK, lw=FLOOR_WIDTH, zorder=1)
    for place, row in enumerate(rows, start):
        colour, facets = COLOURS.get(row.who, INK), {} if row.is_engines else {"framework": row.who}
        mark(axes.plot([1000 * row.low, 1000 * row.high], [place] * 2, color=colour, lw=1.2, zorder=2), **facets)
        ring = axes.plot(1000 * row.step, place, "o", color=colour, markersize=5.8, fillstyle="none", zorder=3)
        mark(ring, f"forward pass alone, {row.said}", links.run(row.timed.run_id), **facets)
