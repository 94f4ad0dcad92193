"""Peak memory of each variant."""

from collections.abc import Sequence

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Prose, Section, Table
from reports.html.format import NONE, name, number
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import TimedVariant

MIB = 2**20
METRICS = {"Above idle": "memory/step_bytes", "Peak": "memory/peak_bytes"}
EXPLANATION = (
    "Peak is the highest resident memory of the whole process, as Linux counts it (VmHWM, reset after building), over "
    "the first call, the warm-up and the steady steps. Above idle is the peak less what the process held before the "
    "variant was built, with freed memory handed back: weights, optimiser, activations, workspace, and whatever the "
    "framework loads late. Each number is the largest of the processes."
)


def section(benchmarks: Sequence[Benchmark], results: Results) -> Section:
    """A table of the benchmark with the most variants."""
    benchmark = max(benchmarks, key=lambda benchmark: len(benchmark.rows))
    columns: list[Column | str] = ["Cell", "Form"]
    columns += [Column(f"{title}, MiB, {name(twin)}", True, twin) for title in METRICS for twin in TWINS]
    columns += [Column("Processes", True)]
    pairs = [(cell, form, benchmark.by_framework(cell, form)) for cell in benchmark.cells for form in benchmark.forms]
    rows = [_row(cell, form, by_framework, results) for cell, form, by_framework in pairs if by_framework]
    href = results.speed_links.timings(task=benchmark.task)
    table = Table.of(f"Memory: {benchmark.title}.", columns, rows, href)
    return Section("memory", "Memory", (Prose(EXPLANATION), table))


def _row(cell: str, form: str, by_framework: dict[str, TimedVariant], results: Results) -> list[Cell]:
    processes = " / ".join(dict.fromkeys(str(len(row.timed.processes)) for row in by_framework.values()))
    cells = [_mib(by_framework.get(twin), metric, results) for metric in METRICS.values() for twin in TWINS]
    return [Cell(cell, kind="code"), Cell(form, kind="code"), *cells, Cell(processes, kind="quiet")]


def _mib(row: TimedVariant | None, metric: str, results: Results) -> Cell:
    if row is None:
        return Cell(NONE, kind="quiet")
    value = row.figures[metric] / MIB
    return Cell(number(value, 0), value, results.speed_links.run(row.timed.run_id))
