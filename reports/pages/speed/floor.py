"""How far each step lies above its floor of bare matrix products, and which operators take the rest of the time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from experiments.speed.matmul_floor import LARGE
from experiments.speed.measure import PROFILED_STEPS
from experiments.twins import TWINS
from reports.data.comparable import ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import NONE, count, name, percent, seconds, significant
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import TimedVariant, milliseconds, times

FLOOR = (
    "The floor of a cell's step is the matrix products that its mathematics requires, as few and as large as possible, "
    "alone: the inputs of all time steps in one product, the recurrent products one after the other. Each framework "
    "and NumPy run them in the processes that time the steps, and the fastest of these ways is the floor of every form "
    "in both frameworks. A step is the floor × what the framework's own products lose to it × everything else. GFLOP "
    "counts these products only, a multiplication and an addition for each term; the rate is GFLOP over the step. "
    f"The processor's peak is the rate of one product of two {LARGE.rows:,} × {LARGE.columns:,} matrices in the same "
    "processes, by the fastest of the same ways. "
    "Beside its products a step has to read and write each gate's value, forward and back: that alone, as copies in "
    "NumPy, is the second part of what nothing can beat, and the gates' arithmetic comes on top."
)
#: Operators that are matrix products and nothing else, by either framework's names.
PRODUCT = re.compile(r"matmul|(^|_)(add|b|baddb)?mm_?$", re.IGNORECASE)
TABLED = 5
NAMED = 3  # operators beside the products, of a tuned form
FAR = 10  # times: frameworks do not differ by this much in a bare product
BELOW = (
    " A multiple below 1 means that the framework runs the products together, fused or on several threads, faster "
    "than one by one."
)


def sections(benchmarks: Sequence[Benchmark], results: Results) -> list[Section]:
    """The multiples and the operators, for the variants that were timed with their floor."""
    with_floor = [
        replace(benchmark, rows=tuple(row for row in benchmark.rows if row.has_floor)) for benchmark in benchmarks
    ]
    with_floor = [benchmark for benchmark in with_floor if benchmark.rows]
    return [_multiples(with_floor, results), _operators(with_floor, results)] if with_floor else []


def _own(row: TimedVariant) -> float:
    """Seconds of the products as the row's framework runs them."""
    return row.figures["floor/step_s"]


def _forward_multiple(row: TimedVariant) -> float:
    """The forward pass over its own products."""
    return row.figures["floor/forward_multiple"]


def _multiples(benchmarks: Sequence[Benchmark], results: Results) -> Section:
    below = any(
        min(benchmark.multiple(row), _forward_multiple(row)) < 1 for benchmark in benchmarks for row in benchmark.rows
    )
    ranges = Points(tuple(text for benchmark in benchmarks for text in _ranges(benchmark)))
    floors = [Details(f"The floors: {each.title}", (_floors(each),), open=each is benchmarks[0]) for each in benchmarks]
    steps = [Details(f"The steps: {each.title}", (_steps(each, results),)) for each in benchmarks]
    doubts = [Prose(text, "missing") for benchmark in benchmarks for text in _doubtful_floors(benchmark)]
    blocks = (Prose(FLOOR + BELOW * below), *doubts, ranges, *floors, *steps)
    return Section("floor", "Distance from the floor", blocks)


def _doubtful_floors(benchmark: Benchmark) -> Iterator[str]:
    """Cells in which the floors, which are the same products in both twins, differ too much to be right."""
    for cell in benchmark.cells:
        floors = [_own(row) for row in benchmark.of(cell)]
        if max(floors) > FAR * min(floors):
            low, high = milliseconds(min(floors)), milliseconds(max(floors))
            text = f"its products, {low} to {high} ms, are the same: do not trust the lowest, which is the floor."
            yield f"{benchmark.title}, {cell}: {text}"


def _ranges(benchmark: Benchmark) -> Iterator[str]:
    """The processor's peak, and each twin's lowest and highest multiple."""
    if benchmark.peaks:
        yield _peak(benchmark)
    for twin in TWINS:
        rows = sorted((row for row in benchmark.rows if row.framework == twin), key=benchmark.multiple)
        if rows:
            ends = [f"{times(benchmark.multiple(row))} ({row.cell} {row.form})" for row in (*rows[:1], *rows[1:][-1:])]
            text = f"{' to '.join(ends)} the floor, n\u00a0=\u00a0{count(len(rows), 'variant')}"
            yield f"{benchmark.title}, {name(twin)}: {text}."


def _peak(benchmark: Benchmark) -> str:
    """The peak, and what the other ways reach, each with its range over the processes."""
    ways = sorted(benchmark.peaks.items(), key=lambda item: -median(item[1]))
    texts = [f"{significant(median(rates))} by {way} ({_range(rates)})" for way, rates in ways]
    return f"{benchmark.title}, the processor's peak in GFLOP/s, a median over processes: {'; '.join(texts)}."


def _range(rates: Sequence[float]) -> str:
    """``151 to 155, n = 4 processes``; of one process no range."""
    ends = f"{significant(min(rates))} to {significant(max(rates))}, " if len(rates) > 1 else ""
    return f"{ends}n\u00a0=\u00a0{count(len(rates), 'process', 'processes')}"


def _floors(benchmark: Benchmark) -> Table:
    gates = any(benchmark.gates(cell) is not None for cell in benchmark.cells)
    columns = ["Cell", Column("Floor, ms", True), "Run by", Column("GFLOP", True), Column("GFLOP/s", True)]
    columns += [Column("Of the peak", True)] * bool(benchmark.peaks) + [Column("Gates, ms", True)] * gates
    caption = (
        f"{benchmark.title}: each cell's products by the fastest way, their rate, and the reading and writing of its "
        "gates; medians over the processes."
    )
    return Table.of(caption, columns, [_floor_row(cell, benchmark, gates) for cell in benchmark.cells])


def _floor_row(cell: str, benchmark: Benchmark, with_gates: bool) -> list[Cell]:
    ways, gates = benchmark.ways(cell), benchmark.gates(cell)
    floor, gflop = benchmark.floor(cell), benchmark.of(cell)[0].figures["rate/gflop"]
    rate = gflop / floor
    peak = [Cell(percent(rate / benchmark.peak), rate / benchmark.peak)] if benchmark.peaks else []
    return [
        Cell(cell, kind="code"),
        Cell(milliseconds(floor), floor),
        Cell(min(ways, key=ways.get)),
        Cell(significant(gflop), gflop),
        Cell(significant(rate), rate),
        *peak,
        *[Cell(NONE, kind="quiet") if gates is None else Cell(milliseconds(gates), gates)] * with_gates,
    ]


def _steps(benchmark: Benchmark, results: Results) -> Table:
    columns = ["Cell", "Form", "Twin", Column("Step, ms", True), Column("Floor, ms", True)]
    columns += [Column(title, True) for title in ("Step / floor", "Its products", "Everything else")]
    columns += [Column(title, True) for title in ("GFLOP/s", "Forward, ms", "First call", "Build")]
    caption = (
        f"{benchmark.title}: medians. A step over the floor is what the framework's own products take over it, times "
        "everything else; below the forward pass stands its multiple of its own products. The first call and building "
        "happen once in a process."
    )
    rows = [_row(row, benchmark, results) for cell in benchmark.cells for row in benchmark.of(cell)]
    return Table.of(caption, columns, rows, results.speed_links.timings(task=benchmark.task))


def _row(row: TimedVariant, benchmark: Benchmark, results: Results) -> list[Cell]:
    figures, floor = row.figures, benchmark.floor(row.cell)
    forward, multiples = figures["time/forward_s"], (benchmark.multiple(row), _own(row) / floor, row.step / _own(row))
    return [
        Cell(row.cell, kind="code"),
        Cell(row.form, kind="code"),
        Cell(name(row.framework), kind=row.framework),
        Cell(milliseconds(row.step), row.step, results.speed_links.run(row.timed.run_id)),
        Cell(milliseconds(floor), floor),
        *(Cell(times(each), each) for each in multiples),
        Cell(significant(figures["rate/gflop_per_s"]), figures["rate/gflop_per_s"]),
        Cell(milliseconds(forward), forward, note=times(_forward_multiple(row))),
        Cell(seconds(row.first_call), row.first_call),
        Cell(seconds(figures["time/build_s"]), figures["time/build_s"]),
    ]


# --- operators


def _profile(row: TimedVariant) -> list[tuple[str, float]]:
    """The operators that took most of the time, with their shares; empty if the variant was not profiled."""
    return next((process["operators"] for process in row.timed.processes if process.get("operators")), [])


def _operators(benchmarks: Sequence[Benchmark], results: Results) -> Section:
    explanation = Prose(
        "Shares are of the time in all operators, measured by each framework's own profiler over "
        f"{count(PROFILED_STEPS, 'step')} of one process. Operators run in parallel on several threads, so their times "
        "do not add up to the step's; the time between operators is in none of them. An operator that runs a whole "
        "layer, such as mkldnn_rnn_layer, holds its products too."
    )
    tuned = [
        Details(f"The tuned forms: {benchmark.title}", (Points(lines),), open=place == 0)
        for place, benchmark in enumerate(benchmarks)
        if (lines := tuple(_factors(row, benchmark) for row in _tuned(benchmark)))
    ]
    fastest = [
        Details(f"As usually written: {benchmark.title}", (Points(tuple(_sentences(benchmark))),), open=place == 0)
        for place, benchmark in enumerate(benchmarks)
    ]
    cells = ordered((cell for benchmark in benchmarks for cell in benchmark.cells), ())
    tables = [Details(f"{cell}: top operators", (_operators_table(cell, benchmarks, results),)) for cell in cells]
    return Section("why", "Why: where a step's time goes", (explanation, *tuned, *fastest, *tables))


def _tuned(benchmark: Benchmark) -> list[TimedVariant]:
    return [row for cell in benchmark.cells for row in benchmark.of(cell) if row.tuned]


def _factors(row: TimedVariant, benchmark: Benchmark) -> str:
    """A step as its floor × what its own products lose to it × the rest, and the operators that take most of that."""
    floor = benchmark.floor(row.cell)
    text = (
        f"{row.cell}, {name(row.framework)}: {milliseconds(row.step)} ms = the floor's {milliseconds(floor)} ms × "
        f"{significant(_own(row) / floor)} (its products) × {significant(row.step / _own(row))} (the rest)"
    )
    rest = [(operator, share) for operator, share in _profile(row) if not PRODUCT.search(operator)][:NAMED]
    named = ", ".join(f"{operator} {percent(share)}" for operator, share in rest)
    return f"{text}; of its operators' time beside products: {named}." if rest else f"{text}."


def _sentences(benchmark: Benchmark) -> Iterator[str]:
    """For each cell and twin the fastest form that is not tuned, with its multiple and top operator."""
    for cell in benchmark.cells:
        rows = filter(None, (benchmark.fastest(cell, twin, as_usual=True) for twin in TWINS))
        if parts := [_sentence(row, benchmark.multiple(row)) for row in rows]:
            yield f"{cell}: {'; '.join(parts)}."


def _sentence(row: TimedVariant, multiple: float) -> str:
    text = f"{row.title} takes {milliseconds(row.step)} ms, {times(multiple)} the floor"
    top = _profile(row)
    return f"{text}, with {percent(top[0][1])} of its operators' time in {top[0][0]}" if top else text


def _operators_table(cell: str, benchmarks: Sequence[Benchmark], results: Results) -> Table:
    columns: list[Column | str] = ["Benchmark", "Form", *(Column(name(twin), kind=twin) for twin in TWINS)]
    rows = []
    for benchmark in benchmarks:
        for form in benchmark.forms:
            if by_framework := benchmark.by_framework(cell, form):
                both = [_top_five(by_framework.get(twin), results) for twin in TWINS]
                rows.append([Cell(benchmark.title), Cell(form, kind="code"), *both])
    caption = "The top five operators and their shares of all operators' time."
    return Table.of(caption, columns, rows)


def _top_five(row: TimedVariant | None, results: Results) -> Cell:
    top = _profile(row) if row else []
    if not top:
        return Cell(NONE, kind="quiet", note="not profiled" if row else "")
    text = " · ".join(f"{operator}\u00a0{percent(share)}" for operator, share in top[:TABLED])
    return Cell(text, top[0][1], results.speed_links.run(row.timed.run_id), kind="wide")
