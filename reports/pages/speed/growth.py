"""How a step's cost grows with the sequence's length, the units and the batch: a power law fitted to each series."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from experiments.twins import COLOURS
from reports.data.comparable import CELLS, FRAMEWORKS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import NONE, name, number
from reports.html.svg import INK, LINE, draw
from reports.pages.speed.chart import ticks
from reports.pages.speed.comparisons import QUANTITIES, Series, series
from reports.pages.speed.timings import TUNED, Clocked, milliseconds, several, threads
from reports.statistics import CONFIDENCE, Estimate

FORMS = ("layer", TUNED)  # what is drawn, where there are these
DASHES = {TUNED: (0, (4, 2))}
TITLE = "How the cost grows"
HOW = (
    "Each line changes one quantity and nothing else. The exponent is the slope of a straight line fitted by least "
    "squares to the logarithms of the median steps, with Student's 95% interval over the n points: 1 is proportional, "
    "below 1 a fixed cost still weighs or larger products run more efficiently, 2 is quadratic."
)


def exponent(values: Sequence[float], seconds: Sequence[float]) -> Estimate:
    """The power that seconds grow with, and its interval, by least squares on the logarithms."""
    fit = stats.linregress(np.log(values), np.log(seconds))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 2)) * fit.stderr
    return Estimate(float(fit.slope), float(fit.slope - half), float(fit.slope + half), len(values))


def section(rows: Sequence[Clocked], results: Results) -> Section:
    """The panels, the exponents and the points behind them."""
    found = series(rows)
    if not found:
        text = (
            "This study plans no sweep: it takes three or more timings that differ in the sequence's length, the units "
            "or the batch alone. The study speed has them."
        )
        return Section("growth", TITLE, (Prose(text, "missing"),))
    blocks: tuple[Block, ...] = (Prose(HOW), _figure(found, results), _table(found, results), _points(found, results))
    return Section("growth", TITLE, blocks)


def _groups(found: Sequence[Series]) -> Iterator[tuple[str, list[Series]]]:
    """What shares a panel: one cell, one quantity, and all else alike."""
    cells = ordered((each.rows[0].cell for each in found), CELLS)
    groups: dict[tuple, list[Series]] = {}
    for each in found:
        row = each.rows[0]
        rank = (cells.index(row.cell), QUANTITIES.index(each.quantity))
        groups.setdefault((rank, row.spec.task.name, row.threads, each.rest), []).append(each)
    tasks, many = ({key[place] for key in groups} for place in (1, 2))
    for (_, task, cores, _), members in sorted(groups.items(), key=lambda item: item[0][0]):
        more = [task] * (len(tasks) > 1) + [threads(cores)] * (len(many) > 1)
        yield ", ".join([f"{members[0].rows[0].cell} by {members[0].word}", *more]), members


def _figure(found: Sequence[Series], results: Results) -> Figure:
    panels = tuple(_panel(title, _drawn(members), results) for title, members in _groups(found))
    drawn = [each for _, members in _groups(found) for each in _drawn(members)]
    forms = ordered((each.rows[0].form for each in drawn), FORMS)
    keys = [Key(name(each), each) for each in ordered((each.rows[0].framework for each in drawn), FRAMEWORKS)]
    marks = [Key(form, "ink", "dash" if form in DASHES else "line") for form in forms]
    return Figure(
        "The median steady step, in ms, by the quantity in each panel's title; both axes logarithmic, with lines from "
        "lower to upper quartile. Steeper costs more for more.",
        panels,
        (*keys, *marks),
        results.speed_links.timings(),
    )


def _drawn(members: Sequence[Series]) -> list[Series]:
    """The layer and the tuned form; all where there is neither."""
    chosen = [each for each in members if each.rows[0].form in FORMS]
    return chosen or list(members)


def _panel(title: str, members: Sequence[Series], results: Results) -> Panel:
    lows, highs = ([1000 * getattr(row, end) for each in members for row in each.rows] for end in ("low", "high"))
    values = sorted({value for each in members for value in each.values})
    low, high = min(lows) / 1.25, max(highs) * 1.25
    marks = ticks(low, high)

    def paint(axes: Axes) -> None:
        for each in members:
            _line(axes, each)
        axes.set(xscale="log", yscale="log", ylim=(low, high), xlabel=members[0].word)
        for axis, places in ((axes.xaxis, values), (axes.yaxis, marks)):
            axis.set_ticks(places, [f"{place:g}" for place in places])
            axis.set_ticks([], minor=True)
        axes.grid(axis="y")
        axes.tick_params(colors=LINE, labelcolor=INK)

    spoken = f"Step in ms, {title}: " + "; ".join(_spoken(each) for each in members) + "."
    row = members[0].rows[0]
    href = results.speed_links.timings(task=row.spec.task.name, cell=row.spec.network.cell)
    return Panel(title, draw(paint, spoken, [f"{mark:g}" for mark in marks]), spoken, href)


def _line(axes: Axes, each: Series) -> None:
    first = each.rows[0]
    colour, style = COLOURS[first.framework], DASHES.get(first.form, "solid")
    steps, lows, highs = ([1000 * getattr(row, part) for row in each.rows] for part in ("step", "low", "high"))
    axes.vlines(each.values, lows, highs, colour, lw=1.2)
    axes.plot(each.values, steps, color=colour, ls=style, lw=1.5, marker="o", ms=3.5, mec="none")


def _spoken(each: Series) -> str:
    row = each.rows[0]
    points = zip(each.values, each.rows, strict=True)
    return f"{row.who} " + ", ".join(f"{value}: {milliseconds(point.step)}" for value, point in points)


def _table(found: Sequence[Series], results: Results) -> Table:
    twins = ordered((each.rows[0].framework for each in found), FRAMEWORKS)
    columns: list[Column | str] = ["Cell", "Grows with", "Task", Column("Threads", True), "Form"]
    columns += [Column(f"Exponent, {name(twin)}", True, twin) for twin in twins]
    columns += ["From", Column("n, points", True)]
    rows = [
        _row({each.rows[0].framework: each for each in members if each.rows[0].form == form}, twins, results)
        for _, members in _groups(found)
        for form in ordered((each.rows[0].form for each in members), FORMS)
    ]
    return Table.of("Exponents with their 95% intervals.", columns, rows, results.speed_links.timings())


def _row(both: dict[str, Series], twins: Sequence[str], results: Results) -> list[Cell]:
    """One form's exponents in each twin."""
    one = next(iter(both.values()))
    row = one.rows[0]
    spans = dict.fromkeys(f"{each.values[0]} to {each.values[-1]}" for each in both.values())
    return [
        Cell(row.cell, kind="code"),
        Cell(one.word),
        Cell(row.spec.task.name),
        Cell(str(row.threads), row.threads),
        Cell(row.form, kind="code"),
        *(_exponent(both.get(twin), results) for twin in twins),
        Cell(" / ".join(spans), one.values[0]),
        Cell(" / ".join(dict.fromkeys(str(len(each.values)) for each in both.values())), len(one.values)),
    ]


def _exponent(each: Series | None, results: Results) -> Cell:
    if each is None:
        return Cell(NONE, kind="quiet")
    row, found = each.rows[0], exponent(each.values, [point.step for point in each.rows])
    network = row.spec.network
    href = results.speed_links.timings(row.framework, task=row.spec.task.name, cell=network.cell, form=network.form)
    return Cell(number(found.value), found.value, href, note=f"{number(found.low)} to {number(found.high)}")


def _points(found: Sequence[Series], results: Results) -> Details:
    """Every point, with its run."""
    rows = [
        [
            Cell(row.cell, kind="code"),
            Cell(f"{each.word} {value}", value),
            Cell(row.spec.task.name),
            Cell(str(row.threads), row.threads),
            Cell(row.form, kind="code"),
            Cell(name(row.framework), kind=row.framework),
            Cell(milliseconds(row.step), row.step, results.speed_links.run(row.timed.run_id), note=_quartiles(row)),
        ]
        for _, members in _groups(found)
        for each in members
        for value, row in zip(each.values, each.rows, strict=True)
    ]
    columns: list[Column | str] = ["Cell", "At", "Task", Column("Threads", True), "Form", "Twin"]
    n = several(row.n for each in found for row in each.rows)
    caption = f"Median steady step, beneath it the quartiles; {n} steps × processes."
    return Details("Every point", (Table.of(caption, [*columns, Column("Step, ms", True)], rows),))


def _quartiles(row: Clocked) -> str:
    return f"{milliseconds(row.low)} to {milliseconds(row.high)}"
