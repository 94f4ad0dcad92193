"""Which twin is faster: one benchmark, cell by cell and form by form."""

from collections import Counter
from collections.abc import Iterator

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Prose, Section, Table
from reports.html.format import NONE, count, listed, name, significant
from reports.pages.speed import chart
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import MARK, Comparisons, Ratio, TimedVariant, distinct, milliseconds, times

FEW = " One process of each twin decides only ratios of about three and more; a study with more processes decides more."

Pair = tuple[str, str, TimedVariant | None, TimedVariant | None]  # a cell, a form, and both twins' timings


def compared(benchmark: Benchmark) -> Iterator[tuple[TimedVariant, TimedVariant]]:
    """The pairs of twins whose ratios are stated."""
    yield from ((left, right) for _, _, left, right in _pairs(benchmark) if left and right)


def section(benchmark: Benchmark, known: Comparisons, results: Results) -> Section:
    """How often each twin is faster, a chart, and a table of the ratios."""
    blocks = (Prose(_summary(benchmark, known)), chart.figure(benchmark, results), _table(benchmark, known, results))
    return Section(benchmark.name, f"Which is faster: {benchmark.title}", blocks)


def verdict(quotient: Ratio) -> Cell:
    """``PyTorch: 1.4× faster``, if that is decided."""
    if not quotient.decided:
        return Cell("too close to call", abs(quotient.value - 1), kind="quiet")
    winner, factor = (TWINS[1], quotient.value) if quotient.value > 1 else (TWINS[0], 1 / quotient.value)
    return Cell(f"{name(winner)}: {times(factor)} faster", quotient.value, kind=winner)


def _pairs(benchmark: Benchmark) -> list[Pair]:
    pairs = []
    for cell in benchmark.cells:
        for form in benchmark.forms:
            if rows := benchmark.by_framework(cell, form):
                pairs.append((cell, form, *(rows.get(twin) for twin in TWINS)))
    return pairs


def _summary(benchmark: Benchmark, known: Comparisons) -> str:
    """The setting, and how often each twin is faster."""
    ratios = [known.of(*pair) for pair in compared(benchmark)]
    if not ratios:
        return f"Setting: {benchmark.setting}. No form has been timed in both twins."
    won = Counter(verdict(quotient).kind for quotient in ratios)
    parts = [f"{name(twin)} is faster in {won[twin]}" for twin in TWINS]
    alone = all(len(row.timed.processes) == 1 for row in benchmark.rows)
    return (
        f"Setting: {benchmark.setting}. Of {count(len(ratios), 'pair')} of the same cell and form, {listed(parts)}; "
        f"{won['quiet']} {'is' if won['quiet'] == 1 else 'are'} too close to call." + FEW * alone
    )


def _table(benchmark: Benchmark, known: Comparisons, results: Results) -> Table:
    marked = any(row.doubts for row in benchmark.rows)
    columns = ["Cell", "Form", "Verdict", *(Column(f"{name(twin)}, ms", True, twin) for twin in TWINS)]
    ratio_title = " / ".join(map(name, TWINS))
    columns += [Column(ratio_title, True), Column("Steps × processes", True), *[f"{MARK} because"] * marked]
    caption = (
        f"Steady training step, {benchmark.title}: the median over processes of their medians, below it the lowest "
        "lower to the highest upper quartile; the ratio with its 95% interval. Numbers link to their MLflow runs."
    )
    rows = [_row(pair, known, results)[: len(columns)] for pair in _pairs(benchmark)]
    return Table.of(caption, columns, rows, results.speed_links.timings(task=benchmark.task))


def _row(pair: Pair, known: Comparisons, results: Results) -> list[Cell]:
    cell, form, left, right = pair
    both = [row for row in (left, right) if row]
    quotient = known.of(left, right) if left and right else None
    doubts = "; ".join(f"{name(row.framework)}: {', '.join(row.doubts)}" for row in both if row.doubts)
    empty = Cell(NONE, kind="quiet")
    return [
        Cell(cell, kind="code"),
        Cell(form, kind="code"),
        verdict(quotient) if quotient else empty,
        _step(left, results),
        _step(right, results),
        Cell(significant(quotient.value), quotient.value, note=quotient.interval) if quotient else empty,
        Cell(distinct(row.n for row in both), kind="quiet"),
        Cell(doubts, kind="quiet"),
    ]


def _step(row: TimedVariant | None, results: Results) -> Cell:
    if row is None:
        return Cell(NONE, kind="quiet")
    text = f"{MARK}\u00a0" * bool(row.doubts) + milliseconds(row.step)
    return Cell(text, row.step, results.speed_links.run(row.timed.run_id), note=row.quartiles_text)
