"""What was not timed: failures, timings not yet run, and forms that a twin does not have."""

from collections import Counter

from experiments.twins import TWINS
from reports.data.comparable import FORMS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Section, Table
from reports.html.format import count, name, unfinished


def sections(results: Results) -> list[Section]:
    """One section; none if everything was timed."""
    states = [timed.state for timed in results.timings]
    blocks = (*unfinished(states, "planned timing"), *_failed(results), *_missing(results), *_absent(results))
    return [Section("untimed", "What was not timed", blocks)] if blocks else []


def _failed(results: Results) -> tuple[Table, ...]:
    rows = [
        [
            Cell(timed.timing.spec.slug, href=results.speed_links.run(timed.run_id), kind="code"),
            Cell(name(timed.timing.framework), kind=timed.timing.framework),
            Cell(str(timed.timing.threads), timed.timing.threads),
            Cell(timed.failure or "no reason was recorded", kind="wide"),
        ]
        for timed in results.timings
        if timed.state == "failed"
    ]
    columns = ["Variant", "Twin", Column("Threads", True), "Reason"]
    caption = "Failed timings; the next start of the study tries them again."
    return (Table.of(caption, columns, rows),) if rows else ()


def _missing(results: Results) -> tuple[Block, ...]:
    """The timings not yet run, folded; those that differ only in their settings share a row."""
    timings = [timed.timing for timed in results.timings if timed.state == "missing"]
    numbers = Counter((timing.spec.slug, timing.framework, timing.threads) for timing in timings)
    rows = [
        [Cell(slug, kind="code"), Cell(name(framework), kind=framework), Cell(str(threads), threads), Cell(str(n), n)]
        for (slug, framework, threads), n in numbers.items()
    ]
    columns = ["Variant", "Twin", Column("Threads", True), Column("Timings", True)]
    table = Table.of("Timings not yet run; the next start of the study runs them.", columns, rows)
    return (Details(f"{count(len(timings), 'timing')} not yet run", (table,)),) if rows else ()


def _absent(results: Results) -> tuple[Table, ...]:
    """What one twin was timed with and the other does not have; forms with the same reason share a row."""
    planned = {(timed.timing.framework, timed.timing.spec.slug) for timed in results.timings}
    networks = {timed.timing.spec.slug: timed.timing.spec.network for timed in results.timings}
    forms: dict[tuple[str, str, str], list[str]] = {}
    for framework, slug, reason in results.absent:
        if framework in TWINS and slug in networks and (framework, slug) not in planned:
            forms.setdefault((networks[slug].cell, framework, reason), []).append(networks[slug].form)
    rows = [
        [Cell(cell, kind="code"), Cell(", ".join(ordered(several, FORMS))), Cell(name(who), kind=who), reason]
        for (cell, who, reason), several in forms.items()
    ]
    caption = "Timed in one twin only; the other does not have the form."
    return (Table.of(caption, ["Cell", "Forms", "Missing in", "Reason"], rows),) if rows else ()
