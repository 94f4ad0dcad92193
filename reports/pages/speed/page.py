"""The speed page: which twin is faster, how far from the floor, why, and when a slow first call pays off."""

from collections.abc import Sequence

from experiments.twins import TWINS
from reports.data.cached import cached_by_fields
from reports.data.results import Results
from reports.html.blocks import Block, Link, Points, Prose, Section
from reports.html.format import count
from reports.pages.speed import contrasts, first_call, floor, growth, memory, method, ranking, tuned, untimed
from reports.pages.speed.engines import section as engines
from reports.pages.speed.timed.benchmarks import Benchmark, benchmarks, controls, timed_variants
from reports.pages.speed.timed.timings import MARK, Comparisons, TimedVariant, distinct, milliseconds, threads, times

TITLE = "Speed"
LEAD = "Which is faster here, written which way?"


@cached_by_fields("timings", "looks")
def answer(results: Results) -> tuple[Block, ...]:
    """The front page's answer: each cell's fastest form in each twin."""
    known = benchmarks(timed_variants(results))
    if not known:
        planned = count(len(results.timings), "planned timing")
        why = f"of {planned} none is done" if results.timings else "this study plans no speed phase"
        return (Prose(f"No answer yet: {why}."),)
    main = known[0]
    fastest = [row for cell in main.cells for twin in TWINS if (row := main.fastest(cell, twin))]
    text = (
        f"Each twin in its fastest form, by the median training step on {main.task} with {threads(main.threads)} "
        f"({distinct(row.n for row in fastest)} steps × processes):"
    )
    ratios = comparisons(known, timed_variants(results), results)
    return (Prose(text), Points(tuple(_fastest(main, cell, ratios) for cell in main.cells)), *_doubtful(fastest))


def comparisons(known: Sequence[Benchmark], rows: Sequence[TimedVariant], results: Results) -> Comparisons:
    """Every ratio that the page states, one family; those of variants with themselves too."""
    return Comparisons([*asked(known, rows), *fastest(known)], results.looks, controls(rows, results))


def asked(known: Sequence[Benchmark], rows: Sequence[TimedVariant]) -> list[tuple[TimedVariant, TimedVariant]]:
    """The pairs of which the page asks which one is faster, beside those of the fastest forms."""
    pairs = [pair for benchmark in known for pair in ranking.compared(benchmark)]
    pairs += [pair for each in known for cell in each.cells for pair in first_call.compared(each, cell)]
    return pairs + [tuple(pair) for contrast in contrasts.CONTRASTS for pair in contrasts.pairs(rows, contrast)]


def fastest(known: Sequence[Benchmark]) -> list[tuple[TimedVariant, TimedVariant]]:
    """The pairs of the fastest forms: ``tuned`` beside the fastest other one, and both twins' fastest."""
    pairs = [pair for benchmark in known for pair in tuned.compared(benchmark)]
    both = ([benchmark.fastest(cell, twin) for twin in TWINS] for benchmark in known for cell in benchmark.cells)
    return pairs + [tuple(pair) for pair in both if all(pair)]


def _fastest(benchmark: Benchmark, cell: str, ratios: Comparisons) -> str:
    """A cell's faster twin with the ratio and its interval."""
    rows = sorted(filter(None, (benchmark.fastest(cell, twin) for twin in TWINS)), key=lambda row: row.step)
    texts = [f"{row.title} ({milliseconds(row.step)} ms)" for row in rows]
    if len(rows) == 1:
        return f"{cell}: {texts[0]}; the other twin was not timed."
    quotient = ratios.of(rows[1], rows[0])
    if not quotient.decided:
        return f"{cell}: {texts[0]} and {texts[1]} are too close to call (ratio {quotient.interval})."
    return f"{cell}: {texts[0]} is {times(quotient.value)} faster than {texts[1]}, 95% interval {quotient.interval}."


def _doubtful(rows: Sequence[TimedVariant]) -> tuple[Prose, ...]:
    doubtful = sum(bool(row.doubts) for row in rows)
    if not doubtful:
        return ()
    text = (
        f"{doubtful} of these {count(len(rows), 'timing')} varied or ran on a busy machine; the page marks them {MARK}."
    )
    return (Prose(text, "note"),)


@cached_by_fields("timings", "looks", "absent", "speed_links", "links")
def sections(results: Results) -> list[Section]:
    """The page's sections, one question each."""
    rows = timed_variants(results)
    if not rows:
        return [_no_timings(results)]
    known = benchmarks(rows)
    ratios = comparisons(known, rows, results)
    made = [
        *(ranking.section(benchmark, ratios, results) for benchmark in known),
        *tuned.sections(known, ratios, results),
        *engines.sections(known, results),
        *floor.sections(known, results),
        first_call.section(known, ratios, results),
        *contrasts.sections(rows, ratios, results),
        growth.section(rows, results),
        memory.section(known, results),
        method.section(rows, controls(rows, results), ratios, results.looks),
    ]
    return [*made, *untimed.sections(results)]


def _no_timings(results: Results) -> Section:
    if results.timings:
        return untimed.sections(results)[0]
    text = (
        "This study plans no speed phase. Training trials record their own times in MLflow, but they share the "
        "processor with other workers: they are no benchmark."
    )
    link = results.links.runs()
    links = (Link("training runs", link),) if link else ()
    return Section("training", "Times while training", (Prose(text, "missing", links),))
