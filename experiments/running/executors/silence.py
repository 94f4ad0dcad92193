"""When a worker counts as stuck: the rule, what it learns, and how to see from outside whether a process computes.

A worker that neither sends an event nor computes is stuck after ``patience`` (ten minutes), or after four times the
longest stillness from which a job of its kind has come back, if that is longer. A worker that computes without a word,
as in a long compilation, is stuck after 24 times that patience (four hours), or after four times the longest silence of
its kind. Only the time that the parent spends listening counts, and the parent reads the processor time of the worker
and its children itself: a stopped or deadlocked process uses none, where a thread that sends heartbeats may go on.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil

from experiments.protocol import Job

PATIENCE_S = 600.0
BUSY = 24  # a worker that computes may be silent for so many times the patience: compiling with XLA took an hour
FACTOR = 4  # over the longest that was seen
SAMPLES = 20  # of a worker's processor time within the patience
COMPUTES = 0.01  # of a core: a deadlocked worker's other threads wake now and then
#: Waits for a core or the disk, so that a process that is starved is not taken for one that is stuck.
WORKING = (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)


class Usage(NamedTuple):
    """What a process and its descendants do."""

    seconds: float  # of processor time so far
    working: bool  # one of them computes or waits for the machine at this moment


def usage(pid: int) -> Usage:
    """The usage of a process with its descendants, such as the compilers it calls; none if it is gone."""
    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    seconds, working = 0.0, False
    for process in family:
        with suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            seconds += times.user + times.system
            working |= process.status() in WORKING
    return Usage(seconds, working)


@dataclass
class Pulse:
    """How long a worker has been silent, and of that still, while its parent listened.

    Args:
        measure: the worker's usage now.
        every: seconds between two measurements.
    """

    measure: Callable[[], Usage]
    every: float
    silent: float = field(default=0.0, init=False)  # seconds since it last spoke
    still: float = field(default=0.0, init=False)  # seconds since it last spoke or computed
    _used: float = field(default=0.0, init=False)
    _since: float = field(default=0.0, init=False)  # seconds since the last measurement

    def wait(self, seconds: float) -> None:
        """Count the time that the parent listened in vain."""
        self.silent += seconds
        self.still += seconds
        self._since += seconds
        if self._since >= self.every:
            now = self.measure()
            if now.working or now.seconds - self._used > COMPUTES * self._since:
                self.still = 0.0
            self._used, self._since = now.seconds, 0.0

    def beat(self) -> None:
        """The worker spoke, or begins a job."""
        self.silent = self.still = 0.0


class Rhythm:
    """What silence is usual: the longest that jobs of each kind, a class on a framework, have come back from."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._longest: dict[tuple[type, str], tuple[float, float]] = {}  # silent, still

    def learn(self, job: Job, pulse: Pulse) -> None:
        """Note a silence that has just ended."""
        silent, still = self._usual(job)
        self._longest[type(job), job.framework] = max(silent, pulse.silent), max(still, pulse.still)

    def stuck(self, job: Job, pulse: Pulse) -> bool:
        """Whether a silence is longer than the job may take."""
        silent, still = self._usual(job)
        busy = max(BUSY * self._patience, FACTOR * silent)
        return pulse.still > max(self._patience, FACTOR * still) or pulse.silent > busy

    def _usual(self, job: Job) -> tuple[float, float]:
        return self._longest.get((type(job), job.framework), (0.0, 0.0))
