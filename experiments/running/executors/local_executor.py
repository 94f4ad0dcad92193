"""Runs jobs in local worker processes; each imports one framework, once."""

import math
import pickle
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

from experiments.events import Event, Failed, Finished, Progressed, Retried
from experiments.hardware import usable_cores
from experiments.protocol import Job
from experiments.running.executors.local_worker import Inbox, LocalWorker, end, hire
from experiments.running.executors.plain_data import read
from experiments.running.executors.silence import PATIENCE_S, SAMPLES, Rhythm
from experiments.running.executors.waiting import Waiting
from experiments.running.executors.worker import Broken, Load

Report = tuple[int, Job, Event]

RECYCLE_ABOVE = int(1.6 * 2**30)  # bytes resident; a worker may use 2 GiB, and the next trial must fit


@dataclass
class LocalExecutor:
    """Runs trials, or other jobs, on ``workers`` processes at a time, with ``threads`` for each.

    Args:
        load: imports a framework by its name; picklable, since each worker calls it.
        workers: how many processes; as many as there are usable cores unless told.
        threads: for each worker; the cores shared out unless told.
        patience: seconds after which a worker that neither speaks nor computes is stuck; ``silence.py`` has the rule.
        keep: idle workers wait for the next ``run``, since importing a framework takes seconds, until ``close``, which
            the end of a ``with`` calls; otherwise the end of a ``run`` ends its workers.
    """

    load: Load
    workers: int | None = None
    threads: int | None = None
    patience: float = PATIENCE_S
    keep: bool = False
    broken: dict[str, Failed] = field(default_factory=dict, init=False)  # frameworks that cannot be imported
    _team: dict[int, LocalWorker] = field(default_factory=dict, init=False)
    _inbox: Inbox = field(default_factory=SimpleQueue, init=False)
    _logs: tempfile.TemporaryDirectory | None = field(default=None, init=False)
    _rhythm: Rhythm = field(init=False)

    def __post_init__(self) -> None:
        self.workers = self.workers or usable_cores()
        self.threads = self.threads or max(1, usable_cores() // self.workers)
        self._rhythm = Rhythm(self.patience)

    def alone(self, threads: int) -> Self:
        """An executor of one worker, new for every ``run``, that has the machine to itself: this one's are ended."""
        self.close()
        return LocalExecutor(self.load, 1, threads, self.patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, trials: Sequence[Job], tried: int = 0) -> Iterator[Report]:
        """Yield ``(worker, trial, event)`` as the trials go; each ends with one ``Finished`` or ``Failed``.

        Args:
            trials: or other jobs.
            tried: how often they have been tried elsewhere.
        """
        waiting, whole, self.broken = Waiting(trials, tried), False, {}
        try:
            for worker in [worker for worker in self._team.values() if not worker.process.is_alive()]:
                self._dismiss(worker)
            while True:
                yield from self._employ(waiting)
                if not any(worker.trial for worker in self._team.values()):
                    whole = True
                    return
                yield from self._listen(waiting)
        finally:
            if not (whole and self.keep):
                self.close()

    def close(self) -> None:
        """End every worker, with force if need be."""
        team, self._team = list(self._team.values()), {}
        end(team)
        if self._logs:
            self._logs.cleanup()
            self._logs = None

    @property
    def _moment(self) -> float:
        """Seconds of listening at a time."""
        return self.patience / SAMPLES

    def _employ(self, waiting: Waiting) -> Iterator[Report]:
        """Give every free slot a job: to its worker if its framework has jobs left, else to a new worker."""
        for slot in range(self.workers):
            worker = self._team.get(slot)
            if worker and worker.trial:
                continue
            if worker and worker.resident > RECYCLE_ABOVE:
                self._dismiss(worker)
                worker = None
            if not (worker and waiting.has(worker.framework)):
                others = [other.framework for number, other in self._team.items() if number != slot]
                name = waiting.neediest(others)
                if not name:
                    continue
                if worker:
                    self._dismiss(worker)
                worker = self._hire(slot, name)
            worker.give(waiting.take(worker.framework))
            yield slot, worker.trial, Progressed(0, worker.trial.spec.training.epochs, 0, 0, math.nan)

    def _hire(self, slot: int, framework: str) -> LocalWorker:
        self._logs = self._logs or tempfile.TemporaryDirectory(prefix="rnn-twins-")
        worker = hire(slot, framework, self.load, self.threads, Path(self._logs.name), self._moment)
        self._team[slot] = worker
        worker.listen(self._inbox)
        return worker

    def _listen(self, waiting: Waiting) -> Iterator[Report]:
        """Wait a moment for a message; time in which the parent does something else is no worker's silence."""
        began, heard = time.monotonic(), None
        with suppress(Empty):
            heard = self._inbox.get(timeout=self._moment)
        listened = min(time.monotonic() - began, self._moment)  # the parent may have been stopped, by Ctrl-Z
        for worker in self._team.values():
            worker.pulse.wait(listened)
        if heard and self._team.get(heard[0].slot) is heard[0]:  # not one that was dismissed
            yield from self._hear(*heard, waiting)
        for worker in list(self._team.values()):
            if worker.trial and self._rhythm.stuck(worker.trial, worker.pulse):
                silent = f"the worker was silent for {worker.pulse.silent:.0f} s"
                yield from self._lose(worker, waiting, silent, silent)

    def _hear(self, worker: LocalWorker, data: bytes | None, waiting: Waiting) -> Iterator[Report]:
        trial = worker.trial
        if data is None:
            how = worker.death()
            yield from self._lose(worker, waiting, f"the worker died ({how})", f"the worker died twice ({how})")
            return
        self._rhythm.learn(trial, worker.pulse)
        worker.pulse.beat()
        try:
            message = read(data)
        except pickle.UnpicklingError as error:
            self._dismiss(worker)
            yield worker.slot, trial, Failed(f"{worker.framework}: {error}")
            return
        if isinstance(message, Broken):
            self._dismiss(worker)
            self.broken[worker.framework] = message.failure
            for lost in (trial, *waiting.drop(worker.framework)):
                yield worker.slot, lost, message.failure
            return
        begun: list[Report] = []
        if isinstance(message, Finished | Failed):
            worker.trial = None
            begun += self._employ(waiting)  # first: no worker waits until the caller has written down what this one did
        yield worker.slot, trial, message
        yield from begun

    def _lose(self, worker: LocalWorker, waiting: Waiting, first: str, second: str) -> Iterator[Report]:
        """End a worker that died or is stuck: its job goes to the front of the queue, once."""
        trial = worker.trial
        self._dismiss(worker)
        if not trial:
            return
        if waiting.again(trial):
            yield worker.slot, trial, Retried(first)
        else:
            yield worker.slot, trial, Failed(second, worker.last_words())

    def _dismiss(self, worker: LocalWorker) -> None:
        del self._team[worker.slot]
        end([worker])
