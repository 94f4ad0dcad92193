"""Whether the form that promises to be the fastest is: ``tuned`` beside the fastest of the others, in each twin."""

from collections.abc import Iterator, Sequence

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Prose, Section, Table
from reports.html.format import count, listed, name
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import Comparisons, TimedVariant, milliseconds, times

Pair = tuple[TimedVariant, TimedVariant]


def compared(benchmark: Benchmark) -> Iterator[Pair]:
    """The fastest of the other forms and the tuned one, for each cell and twin that has both."""
    for cell in benchmark.cells:
        for twin in TWINS:
            tuned = next((row for row in benchmark.of(cell, framework=twin) if row.tuned), None)
            other = benchmark.fastest(cell, twin, as_usual=True)
            if tuned and other:
                yield other, tuned


def sections(benchmarks: Sequence[Benchmark], known: Comparisons, results: Results) -> list[Section]:
    """One sentence and one table a benchmark."""
    by_benchmark = [(benchmark, list(compared(benchmark))) for benchmark in benchmarks]
    blocks = [_blocks(benchmark, pairs, known, results) for benchmark, pairs in by_benchmark if pairs]
    return [Section("tuned", "Is the tuned form the fastest?", tuple(part for each in blocks for part in each))] * bool(
        blocks
    )


def in_words(pairs: Sequence[Pair], known: Comparisons) -> str:
    """In how many cells and twins ``tuned`` is the fastest form, and which form is faster where it is not."""
    ratios = [(other, tuned, known.of(other, tuned)) for other, tuned in pairs]
    won = sum(ratio.decided and ratio.value > 1 for _, _, ratio in ratios)
    lost = [(other, tuned, ratio) for other, tuned, ratio in ratios if ratio.decided and ratio.value < 1]
    open_ = len(ratios) - won - len(lost)
    text = (
        f"the tuned form is faster than the fastest other form in {won} of {count(len(ratios), 'pair')} of cell and "
        f"twin, slower in {len(lost)}, and too close to call in {open_}."
    )
    slower = [
        f"{other.title} is {times(1 / ratio.value)} faster for {other.cell} ({ratio.inverse.interval})"
        for other, _, ratio in lost
    ]
    return f"{text} Slower: {listed(slower)}." if slower else text


def _blocks(benchmark: Benchmark, pairs: Sequence[Pair], known: Comparisons, results: Results) -> tuple[Prose, Details]:
    columns = ["Cell", "Twin", Column("tuned, ms", True), "Fastest other form", Column("Its step, ms", True)]
    columns += [Column("Other / tuned", True), "Verdict"]
    caption = (
        f"{benchmark.title}: medians over processes; the ratio with its 95% interval. The other form is the one with "
        "the lowest median, which favours it a little."
    )
    rows = [_row(*pair, known, results) for pair in pairs]
    return (
        Prose(f"{benchmark.title}: {in_words(pairs, known)}"),
        Details(f"{benchmark.title}: cell by cell", (Table.of(caption, columns, rows),)),
    )


def _row(other: TimedVariant, tuned: TimedVariant, known: Comparisons, results: Results) -> list[Cell]:
    ratio, run = known.of(other, tuned), results.speed_links.run
    verdict = ("faster" if ratio.value > 1 else "slower") if ratio.decided else "too close to call"
    return [
        Cell(tuned.cell, kind="code"),
        Cell(name(tuned.framework), kind=tuned.framework),
        Cell(milliseconds(tuned.step), tuned.step, run(tuned.timed.run_id)),
        Cell(other.form, kind="code"),
        Cell(milliseconds(other.step), other.step, run(other.timed.run_id)),
        Cell(times(ratio.value), ratio.value, note=ratio.interval),
        Cell(verdict, kind="" if ratio.decided else "quiet"),
    ]
