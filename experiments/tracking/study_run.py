"""A study run phase by phase: recorded, shown, and its pages kept up to date."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from experiments.running.display import Display
from experiments.running.executors.choose import StudyExecutor
from experiments.running.outlook import Outlook, Stage
from experiments.running.pages import Pages, Write
from experiments.study.phase import Ask, Failures, Means, Phase, nothing_more
from experiments.study.phases import PHASES
from experiments.tracking.durations import Durations
from experiments.tracking.missing import Jobs
from experiments.tracking.recording.tracker import Tracker


def run(
    chosen: Jobs,
    to_run: Jobs,
    tracker: Tracker,
    executor: StudyExecutor,
    console: Console,
    write: Write,
    folder: Path,
    ask: Ask,
) -> Failures:
    """Run the jobs that have no complete run, then what their results ask for, and write the pages.

    Args:
        chosen: every job asked for, done or not.
        to_run: those without a complete run.
        tracker: records them.
        executor: runs them.
        console: where the progress is shown.
        write: writes the pages; picklable.
        folder: of the pages.
        ask: what the recorded results of a phase ask for next; asked when its jobs have ended, until that is nothing.

    Returns:
        What failed, and why.

    Raises:
        UserError: the results or the pages cannot be written.
    """
    failures: Failures = []
    stages = _Stages(Durations(tracker.uri), tracker.study, executor.workers)
    outlook = Outlook(
        stages.of(phase, jobs, len(chosen[phase.name])) for phase in PHASES if (jobs := to_run[phase.name])
    )
    with Pages(write, folder, outlook, lambda text: console.print(text, markup=False, soft_wrap=True)) as pages:
        with Display(console, outlook, pages.keep_up) as display:
            tracker.say = display.say
            means = Means(executor, tracker, display.phase)
            for phase in (each for each in PHASES if chosen[each.name]):
                for number, jobs in enumerate(_batches(to_run[phase.name], partial(_next, tracker, ask, phase))):
                    if number == 0:
                        pages.between(phase.alone)
                    if number or not to_run[phase.name]:
                        outlook.add(stages.of(phase, jobs, len(jobs)))
                    failures += phase.run(jobs, outlook.stages[phase.name].total, means)
        tracker.catch_up()
        pages.conclude()
    return failures


def _next(tracker: Tracker, ask: Ask, phase: Phase, tried: Collection[str]) -> Sequence[Any]:
    """What a phase's results ask for, when the store holds all of them: that it is away is waited for."""
    if phase.more is nothing_more:
        return ()
    tracker.finished(phase.experiment)
    return ask(phase.name, tried)


def _batches(jobs: Sequence[Any], more: Callable[[Collection[str]], Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """A phase's missing jobs, then batch by batch what its results ask for; what failed is not asked for again."""
    tried: set[str] = set()
    jobs = jobs or more(tried)
    while jobs:
        yield jobs
        tried.update(job.fingerprint for job in jobs)
        jobs = more(tried)


class _Stages(NamedTuple):
    durations: Durations
    study: str
    workers: int

    def of(self, phase: Phase, jobs: Sequence[Any], total: int) -> Stage:
        """A phase's part of the outlook, of whose ``total`` these jobs are missing."""
        seconds = self.durations.estimate(self.study, phase, jobs, self.workers).seconds
        return Stage(phase.name, phase.noun, total, total - len(jobs), seconds)
