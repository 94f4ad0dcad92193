"""A phase of a study: what it plans, how its jobs are named and counted, and how it runs them.

Each phase stands in a folder of its own, as the ``PHASE`` of its ``phase.py``; ``phases.py`` lists them in their order.
What a phase runs with (worker processes, the tracking database, the display) is handed in: a phase imports none of it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from experiments.canonical import Weights
from experiments.events import Event
from experiments.protocol import Job, Support
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource, TaskSpec

Report = tuple[int, Job, Event]  # worker, job, event
Run = Callable[[Sequence[Job]], Iterator[Report]]  # an executor's
Failures = list[tuple[str, str]]  # what failed, and why


class Executor(Protocol):
    """Runs jobs in worker processes and yields what they report. Every executor keeps to this contract.

    Processes: a worker belongs to one framework, imports it once, and runs one job after the other.
    Order: a framework's jobs start in the order given; which framework is next is the executor's choice. A job's
        events come in the order it yields them and end with one ``Finished`` or ``Failed``. ``Progressed`` may come at
        any time, even before ``Started``.
    Failures: a job that reports ``Failed`` is not tried again, and its worker goes on with the next one.
    Kills: a worker that dies is replaced and its job tried once more, before the others of its framework: ``Retried``,
        then its events from the start. At the second death the job ends with ``Failed``, whose traceback is the end of
        what the worker printed. No other job is touched. A worker that is lost with its machine counts as dead.
    Hanging: a worker that is silent for longer than its job may take is killed; the rest is as for one that died. One
        that compiles for an hour is left alone. Neither a stopped worker nor one that hangs while it loads its
        framework, reads a job or sends an event holds up the others.
    Imports: a framework that cannot be imported ends all its jobs with ``Failed``; other frameworks' jobs go on.
    Plain data: an event that holds a type of the framework's ends its job with ``Failed``.
    Interruption: closing the iterator ends every worker within seconds, whatever it does. The executor can run again.
    Between runs: an executor may keep idle workers for its next ``run``, until it is closed or ``alone`` is called;
        each ``run`` of the one that ``alone`` gives starts new ones.
    """

    def run(self, jobs: Sequence[Job]) -> Iterator[Report]: ...
    def alone(self, threads: int) -> "Executor": ...  # one worker, nothing else running


class Record(Protocol):
    """One result that is written to the tracking database whole, as a run of its own."""

    spec: ExperimentSpec
    title: str  # the run's name
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Mapping[str, bytes]
    failure: str  # one line, empty where nothing failed
    began: float  # seconds since 1970


class Recorder(Protocol):
    """The one writer of the tracking database."""

    def expect(self, trials: Iterable[Job]) -> None: ...
    def record(self, trial: Job, event: Event) -> None: ...
    def keep(self, record: Record, experiment: str) -> None: ...
    def finished(self, experiment: str) -> dict[str, str]: ...  # fingerprint -> run
    def weights(self, run: str) -> Weights: ...


class Progress(Protocol):
    """Shows one phase's jobs as they go."""

    def update(self, worker: int, job: Job, event: Event) -> None: ...
    def done(self, title: str, text: str) -> None: ...
    def say(self, text: str) -> None: ...


@dataclass(frozen=True)
class Means:
    """What a phase runs with."""

    executor: Executor
    recorder: Recorder
    progress: Callable[[str, int, int], AbstractContextManager[Progress]]  # phase, total, done before


@dataclass(frozen=True)
class Answers:
    """What planning asks of the rest of the program."""

    path: Path  # of the study's file, for messages
    supports: Callable[[str, ExperimentSpec], Support]  # a twin's answer to a spec
    versions: Callable[[str], str]  # a framework's releases
    locate: Callable[[TaskSpec], DataSource]  # a task's data, found and checked


class Absence(NamedTuple):
    """What a framework cannot run, and why."""

    framework: str
    what: str
    reason: str
    job: Any = None
    facets: Mapping[str, str] = {}  # as a job's


@dataclass(frozen=True)
class Work:
    """What a phase would run of a study, in order, and what it cannot."""

    jobs: tuple[Any, ...] = ()
    absent: tuple[Absence, ...] = ()


class Further(NamedTuple):
    """Jobs that the results of a phase may ask for, when its own have ended, and the minutes that they may take."""

    jobs: tuple[Any, ...] = ()
    minutes: float = 0.0


#: The next jobs that a phase's recorded results ask for: the phase's name, fingerprints of what was tried already.
Ask = Callable[[str, Collection[str]], Sequence[Any]]


def nothing_more(study: Any, planned: Sequence[Any]) -> Further:
    """What most phases may ask for beyond their plan."""
    return Further()


@dataclass(frozen=True)
class Phase:
    """One phase.

    A job has ``fingerprint``, ``listing`` (phase, text, and a seed or nothing) and ``facets`` for ``--only``. What it
    becomes is a ``Record``, except for a trial, whose events are recorded as they come.
    """

    name: str  # as in ``--only phase=NAME``
    noun: str  # of one job
    experiment: str  # its runs go to MLflow's ``<study>/<experiment>``
    heading: str  # the note at the head of that MLflow experiment
    tables: Mapping[str, tuple[Any, Any]]  # keys of a study's TOML: type and default
    plan: Callable[[Any, Answers, Mapping[str, Work]], Work]  # study, answers, the work of the phases before
    run: Callable[[Sequence[Any], int, Means], Failures]  # what is missing, of how many
    kinds: tuple[str, ...]  # of its runs, as their tag ``kind`` says
    #: Seconds of a job on one worker while nothing is recorded. A function of the job where jobs are trials: then each
    #: is judged by earlier trials like it, and by this only if there are none.
    usual_s: float | Callable[[Any], float] = 5.0
    facets: tuple[str, ...] = ()  # keys of ``--only`` that its jobs alone have
    more: Callable[[Any, Sequence[Any]], Further] = nothing_more  # study, planned jobs: at most what else
    enough: tuple[str, ...] = field(default=())  # of its tables those that make a study by themselves
    alone: bool = False  # nothing else may run on the machine meanwhile

    def count(self, jobs: int) -> str:
        """So many of its jobs in words."""
        return f"{jobs:,} {self.noun}" + "s" * (jobs != 1)


def keep(records: Iterable[Record], experiment: str, progress: Progress, recorder: Recorder) -> list[Record]:
    """Write each record down as it comes; returns all of them."""
    kept = []
    for record in records:
        recorder.keep(record, experiment)
        kept.append(record)
        progress.done(record.title, record.failure or "done")
    return kept


def failures_of(records: Iterable[Record]) -> Failures:
    """The records that failed: title and reason."""
    return [(record.title, record.failure) for record in records if record.failure]
