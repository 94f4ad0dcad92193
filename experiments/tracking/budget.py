"""As much of a study as fits into some minutes: ``--minutes``."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.study.phases import PHASES
from experiments.tracking.durations import Durations

Jobs = Mapping[str, Sequence[Any]]  # by the phase's name

START_S = 15.0  # until the first workers have imported their frameworks


def within(seconds: float, study: str, missing: Jobs, durations: Durations, workers: int) -> dict[str, list[Any]]:
    """The first jobs of every phase, so many that all phases together take no more than the seconds.

    A phase's jobs stand in its plan the most telling first. Each phase has the share of the time that it would have of
    the whole study's, so that no page stays empty because another phase is long.

    Args:
        seconds: on the clock, from the start to the last result.
        study: its name.
        missing: the jobs to run, by phase.
        durations: how long jobs take on this machine.
        workers: at a time.
    """

    def cost(phase, count: int) -> float:
        return durations.estimate(study, phase, missing[phase.name][:count], workers).seconds

    wholes = {phase.name: cost(phase, len(missing[phase.name])) for phase in PHASES if missing[phase.name]}
    share = (seconds - START_S) / (sum(wholes.values()) or 1.0)
    if share >= 1:
        return {name: list(jobs) for name, jobs in missing.items()}
    chosen: dict[str, list[Any]] = {phase.name: [] for phase in PHASES}
    for phase in PHASES:
        if phase.name in wholes:
            jobs = missing[phase.name]
            counts = range(1, len(jobs) + 1)
            fitting = bisect_right(counts, share * wholes[phase.name], key=lambda count: cost(phase, count))
            chosen[phase.name] = list(jobs[:fitting])
    return chosen
