"""How far the twins' forward passes are from what is fast on a CPU: each engine's time, and the twins' over it."""

from collections.abc import Iterator, Mapping, Sequence

from experiments.speed.engines import ENGINES
from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Points, Prose, Section, Table
from reports.html.format import NONE, name, seconds, significant
from reports.pages.speed.engines.passes import ForwardPass, comparisons, passes
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import MARK, Comparisons, milliseconds, times

EXPLANATION = (
    "An engine runs a network's forward pass and is no twin. ONNX Runtime and OpenVINO read the weights as an ONNX "
    "graph, in a process without either framework; XLA compiles TensorFlow's stock layers, TorchInductor the step of "
    "PyTorch's form scratch, both at the first call. NumPy arrays go in and come out, as in the twins. Each twin is "
    "shown in the form with the fastest forward pass; PyTorch runs its LSTM by oneDNN, as layer and as tuned. Each "
    "engine's first outputs are within 1e-5 of the NumPy reference's; one that computes anything else fails and has no "
    "time here."
)
JUDGED = (
    "A twin's time over the engine's, with its 95% interval: above 1 the engine is faster. Processes with the "
    "same number form a round, as in the ratios above. These ratios are one family of Holm's method, those above are "
    "another."
)

Found = Mapping[str, Sequence[ForwardPass]]


def sections(benchmarks: Sequence[Benchmark], results: Results) -> list[Section]:
    """One section; none where the study plans no engine."""
    by_benchmark = [(benchmark, passes(benchmark, results)) for benchmark in benchmarks]
    by_benchmark = [(benchmark, rows) for benchmark, rows in by_benchmark if rows]
    known, absent = comparisons([rows for _, rows in by_benchmark]), _absent(results)
    if not by_benchmark and not absent:
        return []
    said = [text for benchmark, rows in by_benchmark for text in _sentences(benchmark, rows, known)]
    tables = [_table(benchmark, rows, known, results) for benchmark, rows in by_benchmark]
    points: tuple[Block, ...] = (Points(tuple(said)), Prose(JUDGED, "note")) if said else ()
    blocks = (Prose(EXPLANATION), *points, *tables, *absent)
    return [Section("engines", "What else runs the forward pass, and how fast", blocks)]


def _sentences(benchmark: Benchmark, by_cell: Found, known: Comparisons) -> Iterator[str]:
    """For each cell the fastest engine beside the faster twin."""
    for cell, rows in by_cell.items():
        engine = min((row for row in rows if row.is_engines), key=lambda row: row.step)
        twin = min((row for row in rows if not row.is_engines), key=lambda row: row.step, default=None)
        text = f"{benchmark.title}, {cell}: the fastest engine is {engine.title} with {milliseconds(engine.step)} ms"
        if twin is None:
            yield f"{text}; no twin's forward pass was timed."
            continue
        ratio = known.of(twin, engine)
        verdict = f"{times(ratio.value)} as long" if ratio.decided else "too close to call"
        yield f"{text}; {twin.title} takes {milliseconds(twin.step)} ms, {verdict} ({ratio.interval})."


def _table(benchmark: Benchmark, by_cell: Found, known: Comparisons, results: Results) -> Table:
    columns = ["Cell", "Run by", Column("Forward pass, ms", True), Column("Calls × processes", True)]
    columns += [Column(f"{name(twin)} / it", True, twin) for twin in TWINS]
    columns += [Column("Build", True), Column("First call", True), Column("From the reference", True), "Versions"]
    caption = (
        f"Forward passes alone, {benchmark.title}: the median over processes of their medians, below it the lowest "
        "lower to the highest upper quartile. Once in a process a network is built, when OpenVINO compiles, and called "
        "for the first time, when XLA and TorchInductor do."
    )
    rows = [_row(row, rows, known, results) for rows in by_cell.values() for row in rows]
    return Table.of(caption, columns, rows, results.speed_links.timings(task=benchmark.task))


def _row(row: ForwardPass, rows: Sequence[ForwardPass], known: Comparisons, results: Results) -> list[Cell]:
    empty, twins = Cell(NONE, kind="quiet"), {each.who: each for each in rows if not each.is_engines}
    text = f"{MARK}\u00a0" * bool(row.doubts) + milliseconds(row.step)
    quartiles = f"{milliseconds(row.low)} to {milliseconds(row.high)}"
    return [
        Cell(row.cell, kind="code"),
        Cell(row.title, kind="" if row.is_engines else row.who, note=row.doubts),
        Cell(text, row.step, results.speed_links.run(row.timed.run_id), note=quartiles),
        Cell(row.n, kind="quiet"),
        *(_ratio(twins[twin], row, known) if row.is_engines and twin in twins else empty for twin in TWINS),
        Cell(seconds(row.build), row.build),
        Cell(seconds(row.first), row.first),
        empty if row.error is None else Cell(significant(row.error, 2), row.error),
        Cell(row.timed.timing.version, kind="quiet"),
    ]


def _ratio(twin: ForwardPass, engine: ForwardPass, known: Comparisons) -> Cell:
    ratio = known.of(twin, engine)
    return Cell(times(ratio.value), ratio.value, kind="" if ratio.decided else "quiet", note=ratio.interval)


def _absent(results: Results) -> tuple[Table, ...]:
    """What engines could not be timed, and why; an engine that is not installed has one row."""
    reasons = dict.fromkeys((who, reason) for who, _, reason in results.absent if who in ENGINES)
    rows = [[Cell(name(who)), Cell(f"absent: {reason}", kind="wide")] for who, reason in reasons]
    return (Table.of("Engines, or networks in them, that were not timed.", ["Engine", "Reason"], rows),) if rows else ()
