"""A study's phases, one after the other: train the trials, climb the ladder, measure; each recorded as it goes."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from experiments.parity import outcome
from experiments.parity.check import Climb
from experiments.probes import record
from experiments.protocol import Failed, Job
from experiments.running.display import Display
from experiments.running.executor import LocalExecutor
from experiments.speed import schedule
from experiments.speed.schedule import Timing
from experiments.tracking.tracker import Tracker
from experiments.training.trial import Trial

Failures = list[tuple[str, str]]  # what failed, and why


def train(tracker: Tracker, missing: Sequence[Trial], total: int, executor: LocalExecutor, console: Any) -> Failures:
    """Run the trials that are missing of ``total``."""
    failures: Failures = []
    tracker.expect(missing)
    with Display(total, total - len(missing), console) as display, closing(executor.run(missing)) as events:
        for worker, trial, event in events:
            display.update(worker, trial, event)
            tracker.record(trial, event)
            if isinstance(event, Failed):
                failures.append((f"{trial.spec.slug}  {trial.name}", event.reason))
    return failures


def climb(tracker: Tracker, missing: Sequence[Climb], total: int, executor: LocalExecutor, console: Any) -> Failures:
    """Climb the ladder with the specs that are missing of ``total``."""
    found = outcome.outcomes(missing, executor.run)
    outcomes, failures = _keep(found, "parity", tracker, total - len(missing), total, console)
    console.print(f"parity: {outcome.summary([each.metrics for each in outcomes])}", highlight=False, soft_wrap=True)
    return failures


def measure(tracker: Tracker, missing: Sequence[Job], total: int, executor: LocalExecutor, console: Any) -> Failures:
    """Make the measurements that are missing of ``total``; what needs a trained trial that failed is left out."""
    jobs = list(_equipped(missing, tracker))
    found = record.notes(jobs, executor.run) if jobs else iter(())
    return _keep(found, "measure", tracker, total - len(missing), total, console)[1]


def clock(tracker: Tracker, missing: Sequence[Timing], total: int, executor: LocalExecutor, console: Any) -> Failures:
    """Time the variants that are missing of ``total``, in processes that have the machine to themselves."""

    def alone(threads: int) -> schedule.Run:
        return LocalExecutor(executor.load, workers=1, threads=threads).run

    def say(text: str) -> None:
        console.print(f"speed  {text}", markup=False, highlight=False, soft_wrap=True)

    found = schedule.outcomes(missing, alone, say)
    return _keep(found, "speed", tracker, total - len(missing), total, console, room="speed")[1]


def _equipped(jobs: Sequence[Job], tracker: Tracker) -> Iterator[Job]:
    """The jobs that can run: one that has a source is given the weights that trial ended with."""
    done = tracker.finished()
    for job in jobs:
        if not hasattr(job, "source"):
            yield job
        elif run := done.get(job.source):
            yield replace(job, trained=tracker.weights(run))


def _keep(
    found: Iterator[Any], phase: str, tracker: Tracker, before: int, total: int, console: Any, room: str = "parity"
) -> tuple[list[Any], Failures]:
    outcomes, failures = [], []
    with console.status(f"{phase}: starting") as status:
        for done, outcome in enumerate(found, start=before + 1):
            tracker.keep(outcome, room)
            outcomes.append(outcome)
            if outcome.failure:
                failures.append((outcome.title, outcome.failure))
            status.update(f"{phase}: {done} of {total} done")
            line = f"[{done}/{total}] {phase}  {outcome.title}  {outcome.failure or 'done'}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return outcomes, failures
