"""A chart of one benchmark: each form's steady step in both twins, with the floor."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports.data.comparable import FRAMEWORKS, ordered
from reports.data.links import Links
from reports.data.results import Results
from reports.html.blocks import Figure, Key, Panel
from reports.html.format import name
from reports.html.svg import INK, LINE, draw, mark
from reports.pages.speed.engines import marks
from reports.pages.speed.engines.passes import ForwardPass, passes
from reports.pages.speed.engines.passes import floor as forward_floor
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import TimedVariant, milliseconds

OFFSETS = {"tf2": -0.17, "pytorch": 0.17}  # of a form's two dots from the middle of its row
MARKERS = {"stock": "o", "tuned": "D"}
MOST_TICKS = 6


def figure(benchmark: Benchmark, results: Results) -> Figure:
    """A panel for each cell."""
    frameworks = ordered((row.framework for row in benchmark.rows), FRAMEWORKS)
    dots = tuple(Key(name(framework), framework) for framework in frameworks)
    floors = (Key("floor", "ink", "tick"),) if any(row.has_floor for row in benchmark.rows) else ()
    beside = passes(benchmark, results)
    tuned = " Diamonds below the rule are tuned forms; dots above it are written as usual."
    return Figure(
        "A steady training step in ms, on a logarithmic scale that all panels share: equal distances are equal ratios, "
        "and further left is faster. A dot is the median; its line runs from the lowest lower quartile to the highest "
        f"upper quartile of the processes.{tuned * any(row.tuned for row in benchmark.rows)}"
        f"{' The distance to the vertical line is what a step takes beyond its bare matrix products.' * bool(floors)}"
        f"{marks.CAPTION * bool(beside)}",
        tuple(_panel(benchmark, cell, beside, results) for cell in benchmark.cells),
        (*dots, Key("quartiles", "ink", "line"), *floors, *[marks.KEY] * bool(beside)),
        results.speed_links.timings(task=benchmark.task),
    )


def _tuned_from(rows: Sequence[TimedVariant]) -> float | None:
    """The place, in rows, where the tuned forms begin; None unless there are both tuned and other forms."""
    tuned, forms = {row.form for row in rows if row.tuned}, {row.form for row in rows}
    return len(forms) - len(tuned) - 0.5 if tuned and tuned != forms else None


def _panel(benchmark: Benchmark, cell: str, beside: Mapping[str, Sequence[ForwardPass]], results: Results) -> Panel:
    rows, forward = benchmark.of(cell), beside.get(cell, ())
    forms = list(dict.fromkeys(row.form for row in rows))
    floor, labels = benchmark.floor(cell), [*forms, *marks.labels(forward)]
    passes_floor = forward_floor(benchmark, cell) if forward else None

    parts = [f"{name(row.framework)} {row.form} {milliseconds(row.step)} ms" for row in rows]
    parts += [f"floor {milliseconds(floor)} ms"] if floor else []
    parts += marks.spoken(forward)
    spoken = f"Steady training step of {cell}, {benchmark.title}: {', '.join(parts)}."
    widest = [*benchmark.forms, *(label for several in beside.values() for label in marks.labels(several))]
    data = rows, floor, forward, passes_floor, labels, _limits(benchmark, beside), results.speed_links
    svg = draw(_paint, data, spoken, widest, height=0.5 + 0.36 * len(labels))
    facets = {"task": benchmark.task, "cell": rows[0].spec.network.cell}
    return Panel(cell, svg, spoken, results.speed_links.timings(**facets), facets)


def _paint(
    axes: Axes,
    rows: Sequence[TimedVariant],
    floor: float | None,
    forward: Sequence[ForwardPass],
    passes_floor: float | None,
    labels: list[str],
    limits: tuple[float, float],
    links: Links,
) -> None:
    forms = labels[: len(labels) - len(forward)]
    if floor:
        end = len(forms) - (0.5 if forward else 0.45)
        axes.plot([1000 * floor] * 2, [-0.55, end], color=INK, lw=marks.FLOOR_WIDTH, zorder=1)
    if (rule := _tuned_from(rows)) is not None:
        axes.axhline(rule, color=LINE, lw=0.8)
    for row in rows:
        _point(axes, row, forms.index(row.form) + OFFSETS[row.framework], links)
    marks.paint(axes, forward, len(forms), passes_floor, links)
    axes.set(ylim=(len(labels) - 0.45, -0.55), xlabel="", ylabel="")
    axes.set_yticks(range(len(labels)), labels)
    logarithmic(axes, *limits)


def _point(axes: Axes, row: TimedVariant, place: float, links: Links) -> None:
    """The median and the quartiles."""
    facets, colour = {"framework": row.framework, "form": row.spec.network.form}, COLOURS[row.framework]
    mark(axes.plot([1000 * row.low, 1000 * row.high], [place] * 2, color=colour, lw=1.8, zorder=2), **facets)
    marker = MARKERS[row.timed.timing.track]
    dot = axes.plot(1000 * row.step, place, marker, color=colour, markersize=5.8, markeredgewidth=0, zorder=3)
    said = f"{name(row.framework)}, {row.form}: {milliseconds(row.step)} ms"
    mark(dot, said, links.run(row.timed.run_id), **facets)


def _limits(benchmark: Benchmark, beside: Mapping[str, Sequence[ForwardPass]]) -> tuple[float, float]:
    forward = [each for several in beside.values() for each in several]
    floors = [1000 * floor for cell in benchmark.cells if (floor := benchmark.floor(cell))]
    floors += [1000 * floor for cell in beside if (floor := forward_floor(benchmark, cell))]
    lows, highs = ([1000 * getattr(row, end) for row in (*benchmark.rows, *forward)] for end in ("low", "high"))
    return min(lows + floors), max(highs + floors)


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """Make the horizontal axis logarithmic, with a few round numbers."""
    margin = (high / low) ** 0.05 * 1.04
    axes.set(xscale="log", xlim=(low / margin, high * margin))
    marks = ticks(low / margin, high * margin)
    axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axes.set_xticks([], minor=True)
    axes.grid(axis="x")
    axes.tick_params(colors=LINE, labelcolor=INK)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, at most ``MOST_TICKS``."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks: list[float] = []
    for digits in ((1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        marks = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(marks) <= MOST_TICKS:
            return marks
    return marks[:: math.ceil(len(marks) / MOST_TICKS)]
