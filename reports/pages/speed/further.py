"""What is timed further: the variants of pairs that the page cannot yet tell apart, a round at a time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from experiments.speed.phase import SpeedGrid, later
from experiments.speed.schedule import Timing
from experiments.study.plan import Plan
from reports.data.load import gather_timings
from reports.data.results import RecordedTiming, Results
from reports.pages.speed import page
from reports.pages.speed.timed.benchmarks import benchmarks, timed_variants

Key = tuple[str, str, int, int, int]  # Timing.variant


def ask(plan: Plan, tracking_uri: str, chosen: Sequence[Timing], tried: Collection[str]) -> list[Timing]:
    """The next round of what is too close to call: a timing for each variant; none where nothing is left to time.

    What each look wants follows from the rounds before it alone, so that a study that was stopped goes on with the
    rounds it lacks. Every table ends when the processes of its further rounds have taken its ``minutes``.

    Args:
        plan: the study laid out.
        tracking_uri: where MLflow keeps the runs.
        chosen: the planned timings whose variants may be timed further; of a pair both must be.
        tried: fingerprints of further rounds that are not asked for again, done or failed.
    """
    results, tables = gather_timings(plan, tracking_uri), plan.study.speed
    known = {timed.timing.variant: timed for timed in results.timings}
    spent = _spent(results.timings)
    in_time = [each for each in chosen if spent.get(each.group, 0.0) < 60 * tables[each.group].minutes]
    for look in range(1, results.looks):
        may = [each for each in in_time if look < tables[each.group].looks]
        wanted = _wanted(_before(results, look), may, tables)
        rounds = [
            timing.further(number)
            for timing in may
            if timing.variant in wanted
            for number in later(plan.study, timing)
            if number // timing.processes == look and number not in _rounds(known[timing.variant])
        ]
        if missing := [each for each in rounds if each.fingerprint not in tried]:
            return _first(missing)
    return []


class Open(NamedTuple):
    """Two variants that the page asks about and cannot tell apart; whether they are among the fastest forms."""

    pair: tuple[Timing, Timing]
    fastest: bool


def undecided(results: Results) -> list[Open]:
    """The pairs that are too close to call; a variant and itself is none of them."""
    rows = timed_variants(results)
    known = benchmarks(rows)
    ratios = page.comparisons(known, rows, results)
    return [
        Open((top.timed.timing, bottom.timed.timing), fastest)
        for pairs, fastest in ((page.asked(known, rows), False), (page.fastest(known), True))
        for top, bottom in pairs
        if not ratios.of(top, bottom).decided
    ]


def _wanted(results: Results, may: Sequence[Timing], tables: Sequence[SpeedGrid]) -> set[Key]:
    """The variants to be timed further, of those that may be; with them goes what they are timed against themselves."""
    keys = {each.variant for each in may}
    wanted = {
        each.variant
        for tie in undecided(results)
        if all(one.variant in keys and (tie.fastest or tables[one.group].further == "all") for one in tie.pair)
        for each in tie.pair
    }
    return wanted | {key for key in keys if (*key[:-1], 0) in wanted}


def _before(results: Results, look: int) -> Results:
    """What was known at a look: the planned rounds, and as many again for each look before."""

    def cut(timed: RecordedTiming) -> RecordedTiming:
        end = look * timed.timing.processes
        return replace(timed, processes=tuple(each for each in timed.processes if each["round"] < end))

    return replace(results, timings=tuple(map(cut, results.timings)))


def _rounds(timed: RecordedTiming) -> set[int]:
    return {process["round"] for process in timed.processes}


def _spent(timings: Sequence[RecordedTiming]) -> Mapping[int, float]:
    """The seconds that the processes of each table's further rounds have taken."""
    spent: dict[int, float] = {}
    for timed in timings:
        further = [process for process in timed.processes if process["round"] >= timed.timing.processes]
        seconds = sum(process["process_s"] for process in further)
        spent[timed.timing.group] = spent.get(timed.timing.group, 0.0) + seconds
    return spent


def _first(missing: Sequence[Timing]) -> list[Timing]:
    """Of each table's missing rounds the first."""
    numbers: dict[int, int] = {}
    for each in missing:
        numbers[each.group] = min(each.first, numbers.get(each.group, each.first))
    return [each for each in missing if each.first == numbers[each.group]]
