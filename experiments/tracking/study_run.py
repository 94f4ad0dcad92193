"""A study run phase by phase: recorded, shown, and its pages kept up to date."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.running.display import Display
from experiments.running.executor import LocalExecutor
from experiments.running.outlook import Outlook, Stage
from experiments.running.pages import Pages, Write
from experiments.study.phase import Failures, Means
from experiments.study.phases import PHASES
from experiments.tracking.durations import Durations
from experiments.tracking.tracker import Tracker

Jobs = Mapping[str, Sequence[Any]]  # by the phase's name


def missing_of(chosen: Jobs, tracker: Tracker, fresh: bool) -> dict[str, list[Any]]:
    """The jobs that are not done yet; all of them for a ``fresh`` start."""
    found = {}
    for phase in PHASES:
        jobs = chosen[phase.name]
        done = {} if fresh or not jobs else tracker.finished(phase.experiment)
        found[phase.name] = [job for job in jobs if job.fingerprint not in done]
    return found


def run(
    chosen: Jobs, missing: Jobs, tracker: Tracker, executor: LocalExecutor, console: Console, write: Write, folder: Path
) -> Failures:
    """Run what is missing of what was chosen, at least one job.

    Args:
        chosen: every job asked for, done or not.
        missing: those to run.
        tracker: records them.
        executor: runs them.
        console: where the progress is shown.
        write: writes the pages; picklable.
        folder: of the pages.

    Returns:
        What failed, and why.
    """
    failures: Failures = []
    outlook = _outlook(chosen, missing, tracker, executor.workers)
    with (
        Pages(write, folder, outlook, lambda text: console.print(text, markup=False, soft_wrap=True)) as pages,
        Display(console, outlook, pages.keep_up) as display,
    ):
        means = Means(executor, tracker, display.phase)
        for phase in PHASES:
            if jobs := missing[phase.name]:
                pages.between(phase.alone)
                failures += phase.run(jobs, len(chosen[phase.name]), means)
    return failures


def _outlook(chosen: Jobs, missing: Jobs, tracker: Tracker, workers: int) -> Outlook:
    durations, stages = Durations(tracker.uri), []
    for phase in PHASES:
        if jobs := missing[phase.name]:
            total, seconds = len(chosen[phase.name]), durations.estimate(tracker.study, phase, jobs, workers).seconds
            stages.append(Stage(phase.name, phase.noun, total, total - len(jobs), seconds))
    return Outlook(stages)
