"""The speed page's notes: how the times were taken, on what machine, and what could not be timed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.speed.clock import WARM_RULE, WINDOW
from experiments.speed.outcome import BUSY, SPREAD
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import NONE, count, listed, name, number, percent
from reports.pages.speed.timings import ALONE, MARK, Clocked, several, threads

NAMED = 6  # how many variants a sentence names
RULE = (
    "A ratio is TensorFlow 2's median step over PyTorch's. Its interval has one rule: in each round the lower quartile "
    "of TensorFlow 2's steps is taken over the upper quartile of PyTorch's, and the upper over the lower; the interval "
    "goes from the lowest to the highest of these over all rounds. Where it contains 1, no twin is called the faster."
)


def reading(rows: Sequence[Clocked]) -> Section:
    """How the times were taken, by which rules, on what, and how quiet it was."""
    alone = any(len(row.timed.processes) == 1 for row in rows)
    points = (
        "Timed is the whole training step: NumPy arrays in, forward pass, loss, gradients, update, and the loss out as "
        "a number. Loading data, drawing batches and MLflow stay outside; batches are random numbers in the task's "
        "shapes.",
        "Each variant runs in fresh processes of its framework with nothing beside it; the twins' processes "
        "alternate, A B, then B A, so that a machine that slows down slows both. One process of each is a round.",
        f"In each process the first call is timed by itself; {WARM_RULE}. The last {WINDOW} of "
        "these are the first steady ones, and the others follow.",
        f"Behind each time: {several(row.n for row in rows)} steady steps × processes, {several_threads(rows)}."
        + " A single process cannot show what another would vary, so its intervals are wider by "
        f"{percent(ALONE)} either way." * alone,
        RULE,
        f"{MARK} marks what varies: the middle half of a process's steps spreads over more than {percent(SPREAD)} of "
        f"its median, the processes' medians lie more than {percent(SPREAD)} apart, other programs kept more than "
        f"{BUSY:g} cores busy, or warming up never settled.",
        _machine(rows),
    )
    return Section("reading", "How these times were taken", (Points(points), *_busy(rows)))


def several_threads(rows: Sequence[Clocked]) -> str:
    """``1 or 2 threads``."""
    found = sorted({row.threads for row in rows})
    return f"{listed(map(str, found), 'or')} thread{'s' * (found != [1])}"


def _machine(rows: Sequence[Clocked]) -> str:
    environments = [each.get("environment", {}) for row in rows for each in row.timed.processes]
    found = [[str(env[key]) for env in environments if key in env] for key in ("processor", "system")]
    texts = {_versions(row, each.get("environment", {})): None for row in rows for each in row.timed.processes}
    return f"Machine: {', '.join(several(each) for each in found if each)}; {'; '.join(filter(None, texts))}."


def _versions(row: Clocked, environment: Mapping[str, Any]) -> str:
    told = {"processor", "system", "threads", "device"}
    parts = [f"{key} {value}" for key, value in environment.items() if key not in told and isinstance(value, str)]
    return f"{name(row.framework)}: {', '.join(parts)}" if parts else ""


def _busy(rows: Sequence[Clocked]) -> tuple[Block, ...]:
    """How busy others kept the machine."""
    worst = sorted(rows, key=lambda row: -row.figures["load/others"])
    most, busy = worst[0].figures["load/others"], [row for row in worst if row.figures["load/others"] > BUSY]
    if not busy:
        return (Prose(f"The machine was quiet: others kept at most {number(most)} cores busy.", "note"),)
    said = [
        f"{row.cell} {row.form} on {row.spec.task.name} in {name(row.framework)}, {threads(row.threads)} "
        f"({number(row.figures['load/others'])})"
        for row in busy
    ]
    text = (
        f"The machine was busy: other programs kept more than {BUSY:g} cores busy while {len(busy)} of "
        f"{count(len(rows), 'variant')} were timed, at most {number(most)} cores"
    )
    if len(said) <= NAMED:
        return (Prose(f"{text}: {listed(said)}.", "missing"),)
    return Prose(f"{text}.", "missing"), Details("Which, and how many cores", (Points(tuple(said)),))


# --- what could not be timed


def missing(results: Results) -> list[Section]:
    """Failed and missing timings, and what has no such form, with the reasons."""
    blocks = (*shortfall(results), *_failed(results), *_absent(results))
    return [Section("untimed", "What could not be timed", blocks)] if blocks else []


def shortfall(results: Results) -> tuple[Prose, ...]:
    """How many of the planned timings are done; nothing where all are."""
    states = Counter(each.state for each in results.timings)
    planned, done = len(results.timings), states["done"]
    if done == planned:
        return ()
    rest = [f"{states['failed']} failed"] * (states["failed"] > 0)
    rest += [f"{states['missing']} not yet run"] * (states["missing"] > 0)
    end = "what stands here rests on those that are done." if done else "there is nothing to show yet."
    text = f"Of {count(planned, 'planned timing')}, {done} {'is' if done == 1 else 'are'} done, {listed(rest)}; {end}"
    return (Prose(text, "missing"),)


def _failed(results: Results) -> tuple[Table, ...]:
    rows = [
        [
            Cell(each.timing.spec.slug, href=results.speed_links.run(each.run_id), kind="code"),
            Cell(name(each.timing.framework), kind=each.timing.framework),
            Cell(str(each.timing.threads), each.timing.threads),
            Cell(each.state),
            Cell(each.failure or ("no reason was recorded" if each.state == "failed" else NONE), kind="wide"),
        ]
        for each in sorted(results.timings, key=lambda each: each.state)
        if each.state != "done"
    ]
    columns = ["Variant", "Twin", Column("Threads", True), "State", "Reason"]
    caption = "A new start of the study tries the failed again and runs what is missing."
    return (Table.of(caption, columns, rows),) if rows else ()


def _absent(results: Results) -> tuple[Table, ...]:
    """What one twin was timed with and another does not offer, each cell and form once."""
    planned = {(each.timing.framework, each.timing.spec.slug) for each in results.timings}
    networks = {each.timing.spec.slug: each.timing.spec.network for each in results.timings}
    lacking = dict.fromkeys(
        (networks[slug].cell, networks[slug].form, who, reason)
        for who, slug, reason in results.absent
        if slug in networks and (who, slug) not in planned
    )
    rows = [
        [Cell(cell, kind="code"), Cell(form, kind="code"), Cell(name(who), kind=who), Cell(reason, kind="wide")]
        for cell, form, who, reason in lacking
    ]
    caption = "Timed in one twin; the other has no such form."
    return (Table.of(caption, ["Cell", "Form", "Twin", "Reason"], rows),) if rows else ()
