"""How the times were taken: what is timed, in what order, on which machine, and how quiet it was."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.speed.clock import WARM_RULE, WINDOW
from experiments.speed.outcome import BUSY, SPREAD
from experiments.twins import TWINS
from reports.html.blocks import Block, Cell, Column, Details, Points, Prose, Section, Table
from reports.html.footer import PLACES
from reports.html.format import count, listed, name, number, percent
from reports.pages.speed.timed.timings import MARK, Comparisons, Ratio, TimedVariant, distinct, milliseconds, threads
from reports.statistics import LEVEL
from reports.statistics.ratios import COMMON_FREEDOM, USUAL_SD

NAMED = 6  # the most variants that a sentence lists
FIRST, SECOND = map(name, TWINS)
TIMED = (
    "Timed is the whole training step: NumPy arrays in, forward pass, loss, gradients, update, and the loss out as a "
    "number. Loading data, drawing batches and MLflow are not timed; batches are random numbers in the task's shapes."
)
ORDER = (
    "Each variant, one cell in one form, runs alone in fresh processes of its framework. The twins' processes "
    "alternate, A B, then B A, so that a machine that slows down slows both. One process of each is a round."
)
WARM_UP = (
    f"In each process the first call is timed separately. Then {WARM_RULE}; the last {WINDOW} of these are the first "
    "steady steps, and the other steady steps follow."
)
ONE_PROCESS = (
    " A single process cannot show how much processes differ: rounds are then taken to differ as on a shared machine "
    f"of two cores, by a standard deviation of {percent(USUAL_SD)}, or as the variants timed against themselves do if "
    "that is more, and only large ratios are decided."
)
RATIO = (
    f"A ratio is the geometric mean over the rounds of {FIRST}'s median step divided by {SECOND}'s. A round counts as "
    "one observation, however many steps it has. The 95% interval is Student's t on the rounds' logarithms, whose "
    f"variance is shrunk towards that of all ratios of the page, weighted by {COMMON_FREEDOM:g} degrees of freedom "
    "(Smyth 2004). Whether one is faster is decided for all ratios of this page together, by Holm's method: the chance "
    "of any false winner is at most 5%. So an interval may exclude 1 where the ratio is too close to call."
)
LOOKS = (
    " Where pairs were too close to call after the planned processes, their variants alone were timed further. The "
    "rounds may be looked at {looks} times, each time after as many processes again. Each look decides at {level} "
    "(5% over the number of looks: Bonferroni), so that over all of them the chance of any false winner is at most 5%; "
    "every interval of this page is a {confidence} interval of the rounds so far, which holds with 95% over all looks "
    "(Jennison and Turnbull 1989)."
)
DOUBTS = (
    f"{MARK} marks a timing that varied: the middle half of a process's steps spreads over more than "
    f"{percent(SPREAD)} of its median, the processes' medians differ by more than {percent(SPREAD)}, other programs "
    f"kept more than {BUSY:g} cores busy, or the warm-up did not settle."
)


def section(
    rows: Sequence[TimedVariant], controls: Sequence[tuple[TimedVariant, TimedVariant]], known: Comparisons, looks: int
) -> Section:
    """The rules of the measurement, what they say of a variant and itself, the machine, and its load."""
    alone = any(len(row.timed.processes) == 1 for row in rows)
    numbers = sorted({row.threads for row in rows})
    text = (
        f"Behind each time: {distinct(row.n for row in rows)} steady steps × processes, "
        f"{listed(map(str, numbers), 'or')} thread{'s' * (numbers != [1])}."
    )
    points = (TIMED, ORDER, WARM_UP, text + ONE_PROCESS * alone, RATIO + _looks(looks), DOUBTS, _machine(rows))
    return Section(
        "method", "How these times were taken", (Points(points), *_against_themselves(controls, known), *_load(rows))
    )


def _looks(looks: int) -> str:
    """How verdicts and intervals allow for several looks; empty where there is one."""
    if looks == 1:
        return ""
    error = 100 * LEVEL / looks
    return LOOKS.format(looks=looks, level=f"{error:.2g}%", confidence=f"{100 - error:.3g}%")


def _against_themselves(controls: Sequence[tuple[TimedVariant, TimedVariant]], known: Comparisons) -> tuple[Block, ...]:
    """A row for each variant timed twice, whose ratio with itself should be 1; nothing where there is none."""
    if not controls:
        return ()
    ratios = [known.of(*pair) for pair in controls]
    wrong = sum(ratio.decided for ratio in ratios)
    said = f"{wrong} of {len(ratios)} called different: the verdicts here err" if wrong else "none is called different"
    columns = ["Cell", "Form", "Framework", "Threads", Column("First, ms", True), Column("Again, ms", True)]
    columns += [Column("First / again", True), "Verdict", Column("Steps × processes", True)]
    caption = f"A variant against itself: timed again, in further processes of the same rounds; {said}."
    rows = [_itself(*pair, ratio) for pair, ratio in zip(controls, ratios, strict=True)]
    return (Table.of(caption, columns, rows),)


def _itself(first: TimedVariant, again: TimedVariant, ratio: Ratio) -> list[Cell]:
    return [
        Cell(first.cell, kind="code"),
        Cell(first.form, kind="code"),
        Cell(name(first.framework), kind=first.framework),
        Cell(threads(first.threads)),
        *(Cell(milliseconds(each.step), each.step, note=each.quartiles_text) for each in (first, again)),
        Cell(number(ratio.value, 2), ratio.value, note=ratio.interval),
        Cell("different" if ratio.decided else "too close to call", kind="" if ratio.decided else "quiet"),
        Cell(again.n, kind="quiet"),
    ]


def _machine(rows: Sequence[TimedVariant]) -> str:
    environments = [process.get("environment", {}) for row in rows for process in row.timed.processes]
    places = [[str(env[key]) for env in environments if key in env] for key in ("host", "processor", "gpu", "system")]
    versions = {_versions(row, process.get("environment", {})): None for row in rows for process in row.timed.processes}
    return f"Machine: {', '.join(distinct(place) for place in places if place)}; {'; '.join(filter(None, versions))}."


def _versions(row: TimedVariant, environment: Mapping[str, Any]) -> str:
    parts = [f"{key} {value}" for key, value in environment.items() if key not in PLACES and isinstance(value, str)]
    return f"{name(row.framework)}: {', '.join(parts)}" if parts else ""


def _load(rows: Sequence[TimedVariant]) -> tuple[Block, ...]:
    """How busy other programs kept the machine, and during which timings."""
    busiest = sorted(rows, key=lambda row: -row.figures["load/others"])
    most, busy = busiest[0].figures["load/others"], [row for row in busiest if row.figures["load/others"] > BUSY]
    if not busy:
        return (Prose(f"The machine was quiet: other programs kept at most {number(most)} cores busy.", "note"),)
    variants = [
        f"{row.cell} {row.form} on {row.spec.task.name} in {name(row.framework)}, {threads(row.threads)} "
        f"({number(row.figures['load/others'])})"
        for row in busy
    ]
    text = (
        f"The machine was busy: other programs kept more than {BUSY:g} cores busy while {len(busy)} of "
        f"{count(len(rows), 'variant')} were timed, at most {number(most)} cores"
    )
    if len(variants) <= NAMED:
        return (Prose(f"{text}: {listed(variants)}.", "missing"),)
    return Prose(f"{text}.", "missing"), Details("Which, and how many cores", (Points(tuple(variants)),))
