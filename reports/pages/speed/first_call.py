"""What the first call costs, and after how many steps a slower first call has paid off."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import NONE, count, seconds
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import Comparisons, TimedVariant, distinct, milliseconds

EXPLANATION = (
    "The first call includes tracing and compiling. Of two variants, the one with the shorter first call is ahead "
    "until the other's faster steps have made up for it: for (first call A − first call B) / (step B − step A) steps "
    "after the first call, by the medians. The interval runs from the rounds' smallest difference of first calls at "
    "the upper end of the steps' ratio to the largest at its lower end (95%). Compared are the twins' fastest forms, "
    "and within each twin its layer with its fastest form. Where it is not decided which one steps faster, no "
    "crossing is given. A process times several variants in turn, every second process in reverse order. What a "
    "framework does only once in a process, such as starting threads and loading kernels, is done before, on a small "
    "network that is not timed."
)


class Crossing(NamedTuple):
    """``steps`` after its first call the starter falls behind: infinite if never, NaN if undecided."""

    starter: TimedVariant
    other: TimedVariant
    steps: float
    low: float = math.nan
    high: float = math.nan

    @property
    def interval(self) -> str:
        """``11 to 19``, in whole steps."""
        return f"{math.floor(self.low):,} to {math.floor(self.high):,}"

    @property
    def between_twins(self) -> bool:
        """Whether the frameworks differ."""
        return self.starter.framework != self.other.framework


def crossing(one: TimedVariant, another: TimedVariant, known: Comparisons) -> Crossing:
    """Which of two is ahead at first, and for how many steps."""
    starter, other = sorted((one, another), key=lambda row: row.first_call)
    ratio = known.of(starter, other)
    if not ratio.decided:
        return Crossing(starter, other, math.nan)
    if starter.step < other.step:
        return Crossing(starter, other, math.inf)
    rounds = starter.first_calls.keys() & other.first_calls.keys()
    leads = [other.first_calls[number] - starter.first_calls[number] for number in rounds]
    low, high = max(0.0, min(leads)) / (ratio.high - 1), max(0.0, *leads) / (ratio.low - 1)
    steps = (other.first_call - starter.first_call) / (starter.step - other.step)
    return Crossing(starter, other, steps, low / other.step, high / other.step)


def section(benchmarks: Sequence[Benchmark], known: Comparisons, results: Results) -> Section:
    """For each benchmark, the crossings of the twins in words and all crossings in a table."""
    parts = [
        Details(benchmark.title, blocks, open=place == 0)
        for place, benchmark in enumerate(benchmarks)
        if (blocks := _blocks(benchmark, known, results))
    ]
    none = () if parts else (Prose("There are no two variants to compare yet.", "missing"),)
    return Section("first", "The first call, and when it pays off", (Prose(EXPLANATION), *parts, *none))


def compared(benchmark: Benchmark, cell: str) -> Iterator[tuple[TimedVariant, TimedVariant]]:
    """The twins' fastest forms, then each twin's layer with its fastest form."""
    fastest = {twin: benchmark.fastest(cell, twin) for twin in TWINS}
    if all(fastest.values()):
        yield tuple(fastest.values())
    for twin, best in fastest.items():
        yield from ((layer, best) for layer in benchmark.of(cell, "layer", twin) if layer is not best)


def _blocks(benchmark: Benchmark, known: Comparisons, results: Results) -> tuple[Points | Table, ...]:
    crossings = [(cell, crossing(*pair, known)) for cell in benchmark.cells for pair in compared(benchmark, cell)]
    if not crossings:
        return ()
    twins = tuple(f"{cell}: {_words(each)}" for cell, each in crossings if each.between_twins)
    points = (Points(twins),) if twins else ()
    return (*points, _table(benchmark, crossings, results))


def _words(crossing: Crossing) -> str:
    starter, other = crossing.starter.title, crossing.other.title
    if math.isnan(crossing.steps):
        return f"{starter} starts sooner than {other}; which one steps faster is too close to call."
    if math.isinf(crossing.steps):
        return f"{starter} starts sooner than {other} and steps faster: it is never behind."
    whole = math.floor(crossing.steps)
    if whole == 0:
        return f"{starter} starts sooner, but {other} is ahead from the first step on."
    return f"{starter} is ahead for the first {count(whole, 'step')} ({crossing.interval}), then {other}."


def _table(benchmark: Benchmark, crossings: Sequence[tuple[str, Crossing]], results: Results) -> Table:
    columns: list[Column | str] = ["Cell", "Starts sooner", Column("First call", True), Column("Step, ms", True)]
    columns += ["Compared with", Column("First call", True), Column("Step, ms", True), Column("Ahead for, steps", True)]
    rows = [_row(cell, each, results) for cell, each in crossings]
    caption = (
        f"{benchmark.title}: medians over {distinct(row.n for row in benchmark.rows)} steps × processes, with one "
        "first call in each process. ∞: never behind."
    )
    return Table.of(caption, columns, rows, results.speed_links.timings(task=benchmark.task))


def _row(cell: str, crossing: Crossing, results: Results) -> list[Cell]:
    cells = [Cell(cell, kind="code")]
    for row in (crossing.starter, crossing.other):
        cells += [
            Cell(row.title, href=results.speed_links.run(row.timed.run_id), kind=row.framework),
            Cell(seconds(row.first_call), row.first_call),
            Cell(milliseconds(row.step), row.step),
        ]
    if math.isnan(crossing.steps):
        return [*cells, Cell(NONE, kind="quiet", note="too close to call")]
    if math.isinf(crossing.steps):
        return [*cells, Cell("∞", crossing.steps)]
    return [*cells, Cell(f"{math.floor(crossing.steps):,}", crossing.steps, note=crossing.interval)]
