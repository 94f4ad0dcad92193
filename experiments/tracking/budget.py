"""As much of a study as fits into some minutes: ``--minutes``."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.hardware import usable_cores
from experiments.study.phases import PHASES
from experiments.tracking.database import finished
from experiments.tracking.durations import Durations

Jobs = Mapping[str, Sequence[Any]]  # by the phase's name

START_S = 15.0  # until the first workers have imported their frameworks


def fitting(
    chosen: Jobs, seconds: float, study: str, uri: str, fresh: bool, workers: int | None
) -> tuple[dict[str, list[Any]], str]:
    """Of the chosen jobs those that are done and as many of the others as fit; how many these are, if not all.

    Args:
        chosen: the jobs asked for, by phase.
        seconds: on the clock.
        study: its name.
        uri: where MLflow's database is; nothing is created.
        fresh: whether what is done is run again.
        workers: at a time; as many as there are usable cores if not told.
    """
    done = {phase.name: {} if fresh else finished(uri, study, phase.experiment) for phase in PHASES}
    missing = {name: [job for job in jobs if job.fingerprint not in done[name]] for name, jobs in chosen.items()}
    taken = within(seconds, study, missing, Durations(uri), workers or usable_cores())
    wanted, fit = (sum(map(len, jobs.values())) for jobs in (missing, taken))
    said = f"{fit:,} of {wanted:,} jobs fit into {seconds / 60:g} minutes; a start without --minutes runs the rest"
    left = {job.fingerprint for name, jobs in missing.items() for job in jobs[len(taken[name]) :]}
    kept = {name: [job for job in jobs if job.fingerprint not in left] for name, jobs in chosen.items()}
    return kept, said if fit < wanted else ""


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
