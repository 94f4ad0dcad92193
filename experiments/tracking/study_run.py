"""A study run phase by phase: recorded, shown, and its pages kept up to date."""

from pathlib import Path

from rich.console import Console

from experiments.running.display import Display
from experiments.running.executors.choose import StudyExecutor
from experiments.running.outlook import Outlook, Stage
from experiments.running.pages import Pages, Write
from experiments.study.phase import Failures, Means
from experiments.study.phases import PHASES
from experiments.tracking.durations import Durations
from experiments.tracking.missing import Jobs
from experiments.tracking.recording.tracker import Tracker


def run(
    chosen: Jobs, to_run: Jobs, tracker: Tracker, executor: StudyExecutor, console: Console, write: Write, folder: Path
) -> Failures:
    """Run the jobs that have no complete run, at least one.

    Args:
        chosen: every job asked for, done or not.
        to_run: those without a complete run.
        tracker: records them.
        executor: runs them.
        console: where the progress is shown.
        write: writes the pages; picklable.
        folder: of the pages.

    Returns:
        What failed, and why.
    """
    failures: Failures = []
    outlook = _outlook(chosen, to_run, tracker, executor.workers)
    with (
        Pages(write, folder, outlook, lambda text: console.print(text, markup=False, soft_wrap=True)) as pages,
        Display(console, outlook, pages.keep_up) as display,
    ):
        tracker.say = display.say
        means = Means(executor, tracker, display.phase)
        for phase in PHASES:
            if jobs := to_run[phase.name]:
                pages.between(phase.alone)
                failures += phase.run(jobs, len(chosen[phase.name]), means)
    return failures


def _outlook(chosen: Jobs, to_run: Jobs, tracker: Tracker, workers: int) -> Outlook:
    durations, stages = Durations(tracker.uri), []
    for phase in PHASES:
        if jobs := to_run[phase.name]:
            total, seconds = len(chosen[phase.name]), durations.estimate(tracker.study, phase, jobs, workers).seconds
            stages.append(Stage(phase.name, phase.noun, total, total - len(jobs), seconds))
    return Outlook(stages)
