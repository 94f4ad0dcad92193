"""As much of a study as fits into some minutes: ``--minutes``."""

from bisect import bisect_right
from typing import Any

from experiments.hardware import usable_cores
from experiments.study.phases import PHASES
from experiments.tracking.durations import Durations
from experiments.tracking.missing import Jobs, missing

START_S = 15.0  # until the first workers have imported their frameworks


def fitting(
    chosen: Jobs, seconds: float, study: str, uri: str, fresh: bool, workers: int | None
) -> tuple[dict[str, list[Any]], str]:
    """Select the jobs that are done and as many others as fit into the time; also say how many fit, if not all.

    Args:
        chosen: the jobs asked for, by phase.
        seconds: on the clock.
        study: its name.
        uri: where MLflow's database is; nothing is created.
        fresh: whether what is done is run again.
        workers: at a time; as many as there are usable cores if not told.
    """
    to_run = missing(chosen, uri, study, fresh)
    taken = within(seconds, study, to_run, Durations(uri), workers or usable_cores())
    wanted, fit = (sum(map(len, jobs.values())) for jobs in (to_run, taken))
    said = f"{fit:,} of {wanted:,} jobs fit into {seconds / 60:g} minutes; a start without --minutes runs the rest"
    left = {job.fingerprint for name, jobs in to_run.items() for job in jobs[len(taken[name]) :]}
    kept = {name: [job for job in jobs if job.fingerprint not in left] for name, jobs in chosen.items()}
    return kept, said if fit < wanted else ""


def within(seconds: float, study: str, to_run: Jobs, durations: Durations, workers: int) -> dict[str, list[Any]]:
    """The first jobs of every phase, so many that all phases together take no more than the seconds.

    A phase plans its most informative jobs first. Each phase has the share of the time that it would have of the whole
    study's, so that no page stays empty because another phase is long.

    Args:
        seconds: on the clock, from the start to the last result.
        study: its name.
        to_run: the jobs without a complete run, by phase.
        durations: how long jobs take on this machine.
        workers: at a time.
    """

    def cost(phase, count: int) -> float:
        return durations.estimate(study, phase, to_run[phase.name][:count], workers).seconds

    wholes = {phase.name: cost(phase, len(to_run[phase.name])) for phase in PHASES if to_run[phase.name]}
    share = (seconds - START_S) / (sum(wholes.values()) or 1.0)
    if share >= 1:
        return {name: list(jobs) for name, jobs in to_run.items()}
    chosen: dict[str, list[Any]] = {phase.name: [] for phase in PHASES}
    for phase in PHASES:
        if phase.name in wholes:
            jobs = to_run[phase.name]
            counts = range(1, len(jobs) + 1)
            fitting = bisect_right(counts, share * wholes[phase.name], key=lambda count: cost(phase, count))
            chosen[phase.name] = list(jobs[:fitting])
    return chosen
