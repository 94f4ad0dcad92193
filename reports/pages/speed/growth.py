"""How a step's time grows with the sequence's length, the units and the batch: a power law fitted to each sweep."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from experiments.twins import COLOURS
from reports.data.comparable import CELLS, FRAMEWORKS, ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import NONE, name, number
from reports.html.svg import INK, LINE, draw
from reports.pages.speed.chart import ticks
from reports.pages.speed.timed.timings import TUNED, TimedVariant, distinct, milliseconds, threads
from reports.pages.speed.timed.traits import QUANTITIES, Sweep, sweeps
from reports.statistics import CONFIDENCE, Estimate, LackOfFit, lack_of_fit

DRAWN = ("layer", TUNED)  # the forms in the figure, where they were timed
DASHES = {TUNED: (0, (4, 2))}
TITLE = "How the cost grows"
EXPLANATION = (
    "In each sweep one quantity changes and nothing else. The exponent is the slope of a straight line fitted by least "
    "squares to the logarithms of the median steps, with Student's 95% interval over the n points. At 1 the time is "
    "proportional; below 1 a fixed cost still weighs, or larger products run more efficiently; 2 is quadratic. Off the "
    "line is the largest distance of a point from it. Its p, by the F test for lack of fit, says whether the spread of "
    "each point's rounds explains the distances; below 0.05 the cost is no power law, and the exponent is an average "
    "over the range."
)
NONE_PLANNED = (
    "This study plans no sweep: three or more timings that differ only in the sequence's length, the units or the "
    "batch. The study speed has them."
)


def exponent(values: Sequence[float], seconds: Sequence[float]) -> Estimate:
    """The power with which seconds grow, and its interval, by least squares on the logarithms."""
    fit = stats.linregress(np.log(values), np.log(seconds))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 2)) * fit.stderr
    return Estimate(float(fit.slope), float(fit.slope - half), float(fit.slope + half), len(values))


def lack(sweep: Sweep) -> LackOfFit:
    """How far the points' rounds lie from the line, in logarithms."""
    rounds = [np.log(list(row.medians.values())) for row in sweep.rows]
    return lack_of_fit(np.log(sweep.values), rounds)


def section(rows: Sequence[TimedVariant], results: Results) -> Section:
    """A figure, the exponents, and every point."""
    known = sweeps(rows)
    if not known:
        return Section("growth", TITLE, (Prose(NONE_PLANNED, "missing"),))
    groups = list(_groups(known))
    blocks = (Prose(EXPLANATION), _figure(groups, results), _table(groups, results), _points(groups, results))
    return Section("growth", TITLE, blocks)


Groups = Sequence[tuple[str, list[Sweep]]]


def _groups(known: Sequence[Sweep]) -> Iterator[tuple[str, list[Sweep]]]:
    """The sweeps that share a panel, with its title: those of one cell and quantity, with equal other traits."""
    cells = ordered((sweep.rows[0].cell for sweep in known), CELLS)
    groups: dict[tuple, list[Sweep]] = {}
    for sweep in known:
        row = sweep.rows[0]
        rank = (cells.index(row.cell), QUANTITIES.index(sweep.quantity))
        groups.setdefault((rank, row.spec.task.name, row.threads, sweep.shared), []).append(sweep)
    tasks, many = ({key[place] for key in groups} for place in (1, 2))
    for (_, task, cores, _), members in sorted(groups.items(), key=lambda item: item[0][0]):
        more = [task] * (len(tasks) > 1) + [threads(cores)] * (len(many) > 1)
        yield ", ".join([f"{members[0].rows[0].cell} by {members[0].word}", *more]), members


# --- the figure


def _figure(groups: Groups, results: Results) -> Figure:
    panels = tuple(_panel(title, _drawn(members), results) for title, members in groups)
    rows = [sweep.rows[0] for _, members in groups for sweep in _drawn(members)]
    keys = [Key(name(framework), framework) for framework in ordered((row.framework for row in rows), FRAMEWORKS)]
    forms = ordered((row.form for row in rows), DRAWN)
    marks = [Key(form, "ink", "dash" if form in DASHES else "line") for form in forms]
    return Figure(
        "The median steady step, in ms, by the quantity in each panel's title; both axes are logarithmic. Vertical "
        "lines run from the lower to the upper quartile. The steeper a line, the faster the cost grows.",
        panels,
        (*keys, *marks),
        results.speed_links.timings(),
    )


def _drawn(members: Sequence[Sweep]) -> list[Sweep]:
    """The layer and the tuned form; all forms if there is neither."""
    return [sweep for sweep in members if sweep.rows[0].form in DRAWN] or list(members)


def _panel(title: str, members: Sequence[Sweep], results: Results) -> Panel:
    lows, highs = ([1000 * getattr(row, end) for sweep in members for row in sweep.rows] for end in ("low", "high"))
    values = sorted({value for sweep in members for value in sweep.values})
    low, high = min(lows) / 1.25, max(highs) * 1.25
    marks = ticks(low, high)

    spoken = f"Step in ms, {title}: " + "; ".join(_spoken(sweep) for sweep in members) + "."
    row = members[0].rows[0]
    facets = {"task": row.spec.task.name, "cell": row.spec.network.cell}
    svg = draw(_paint, (members, (low, high), values, marks), spoken, [f"{mark:g}" for mark in marks])
    return Panel(title, svg, spoken, results.speed_links.timings(**facets), facets)


def _paint(
    axes: Axes, members: Sequence[Sweep], limits: tuple[float, float], values: list[int], marks: list[float]
) -> None:
    for sweep in members:
        _line(axes, sweep)
    axes.set(xscale="log", yscale="log", ylim=limits, xlabel=members[0].word)
    for axis, places in ((axes.xaxis, values), (axes.yaxis, marks)):
        axis.set_ticks(places, [f"{place:g}" for place in places])
        axis.set_ticks([], minor=True)
    axes.grid(axis="y")
    axes.tick_params(colors=LINE, labelcolor=INK)


def _line(axes: Axes, sweep: Sweep) -> None:
    first = sweep.rows[0]
    colour, style = COLOURS[first.framework], DASHES.get(first.form, "solid")
    steps, lows, highs = ([1000 * getattr(row, part) for row in sweep.rows] for part in ("step", "low", "high"))
    axes.vlines(sweep.values, lows, highs, colour, lw=1.2)
    axes.plot(sweep.values, steps, color=colour, ls=style, lw=1.5, marker="o", ms=3.5, mec="none")


def _spoken(sweep: Sweep) -> str:
    points = zip(sweep.values, sweep.rows, strict=True)
    return f"{sweep.rows[0].title} " + ", ".join(f"{value}: {milliseconds(row.step)}" for value, row in points)


# --- the tables


def _table(groups: Groups, results: Results) -> Table:
    twins = ordered((sweep.rows[0].framework for _, members in groups for sweep in members), FRAMEWORKS)
    columns: list[Column | str] = ["Cell", "Grows with", "Task", Column("Threads", True), "Form"]
    for twin in twins:
        columns += [Column(f"Exponent, {name(twin)}", True, twin), Column("Off the line", True, twin)]
    columns += ["From", Column("n, points", True)]
    rows = [
        _row({sweep.rows[0].framework: sweep for sweep in members if sweep.rows[0].form == form}, twins, results)
        for _, members in groups
        for form in ordered((sweep.rows[0].form for sweep in members), DRAWN)
    ]
    table = Table.of("Exponents with their 95% intervals.", columns, rows, results.speed_links.timings())
    return table


def _row(by_framework: dict[str, Sweep], twins: Sequence[str], results: Results) -> list[Cell]:
    """One form's exponents in each twin."""
    one = next(iter(by_framework.values()))
    row = one.rows[0]
    ranges = dict.fromkeys(f"{sweep.values[0]} to {sweep.values[-1]}" for sweep in by_framework.values())
    counts = dict.fromkeys(str(len(sweep.values)) for sweep in by_framework.values())
    return [
        Cell(row.cell, kind="code"),
        Cell(one.word),
        Cell(row.spec.task.name),
        Cell(str(row.threads), row.threads),
        Cell(row.form, kind="code"),
        *(cell for twin in twins for cell in _fit(by_framework.get(twin), results)),
        Cell(" / ".join(ranges), one.values[0]),
        Cell(" / ".join(counts), len(one.values)),
    ]


def _fit(sweep: Sweep | None, results: Results) -> list[Cell]:
    """The exponent with its interval, and the largest distance with its p."""
    if sweep is None:
        return [Cell(NONE, kind="quiet")] * 2
    row, power = sweep.rows[0], exponent(sweep.values, [point.step for point in sweep.rows])
    network = row.spec.network
    href = results.speed_links.timings(row.framework, task=row.spec.task.name, cell=network.cell, form=network.form)
    misfit = lack(sweep)
    said = "one round" if math.isnan(misfit.p) else f"p\u00a0=\u00a0{number(misfit.p, 3)}"
    return [
        Cell(number(power.value), power.value, href, note=f"{number(power.low)} to {number(power.high)}"),
        Cell(f"{number(100 * math.expm1(misfit.largest), 0, sign=True)}%", misfit.largest, note=said),
    ]


def _points(groups: Groups, results: Results) -> Details:
    """Every point, with its run."""
    points = [
        (sweep.word, value, row)
        for _, members in groups
        for sweep in members
        for value, row in zip(sweep.values, sweep.rows, strict=True)
    ]
    rows = [
        [
            Cell(row.cell, kind="code"),
            Cell(f"{word} {value}", value),
            Cell(row.spec.task.name),
            Cell(str(row.threads), row.threads),
            Cell(row.form, kind="code"),
            Cell(name(row.framework), kind=row.framework),
            Cell(milliseconds(row.step), row.step, results.speed_links.run(row.timed.run_id), note=row.quartiles_text),
        ]
        for word, value, row in points
    ]
    columns: list[Column | str] = ["Cell", "At", "Task", Column("Threads", True), "Form", "Twin"]
    n = distinct(row.n for _, _, row in points)
    caption = f"Median steady step, below it the quartiles; {n} steps × processes."
    table = Table.of(caption, [*columns, Column("Step, ms", True)], rows)
    return Details("Every point", (table,))
