"""Runs jobs in local worker processes; each imports one framework, once."""

import io
import math
import multiprocessing
import os
import pickle
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Self

import psutil

from experiments.events import Event, Failed, Finished, Progressed, Retried
from experiments.hardware import usable_cores
from experiments.protocol import Job
from experiments.running.worker import Broken, Load, environment, sigint_blocked, work

Report = tuple[int, Job, Event]

RECYCLE_ABOVE = int(1.6 * 2**30)  # bytes resident; a worker may use 2 GiB, and the next trial must fit
GRACE_S = 2.0  # between asking a worker to end and killing it
TRIES = 2
LOG_TAIL = 4_000  # characters of a dead worker's output, kept as its traceback

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy locks of the parent's threads


@dataclass
class _Worker:
    """One process, its framework and the job that it runs."""

    slot: int
    framework: str
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    log: Path
    trial: Job | None = None

    @property
    def resident(self) -> int:
        try:
            return psutil.Process(self.process.pid).memory_info().rss
        except psutil.NoSuchProcess:
            return 0

    def give(self, trial: Job) -> None:
        self.trial = trial
        with suppress(OSError):  # it died idle: the end of its pipe will show that, and the job is tried again
            self.pipe.send(trial)

    def death(self) -> str:
        """How the process ended."""
        self.process.join(GRACE_S)
        code = self.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]


@dataclass
class LocalExecutor:
    """Runs trials, or other jobs, on ``workers`` processes at a time, with ``threads`` for each.

    Args:
        load: imports a framework by its name; picklable, since each worker calls it.
        workers: how many processes; as many as there are usable cores unless told.
        threads: for each worker; the cores shared out unless told.
    """

    load: Load
    workers: int | None = None
    threads: int | None = None
    _team: dict[int, _Worker] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.workers = self.workers or usable_cores()
        self.threads = self.threads or max(1, usable_cores() // self.workers)

    def alone(self, threads: int) -> Self:
        """An executor of one worker that has the machine to itself."""
        return LocalExecutor(self.load, 1, threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, trials: Sequence[Job]) -> Iterator[Report]:
        """Yield ``(worker, trial, event)`` as the trials go; each ends with one ``Finished`` or ``Failed``."""
        waiting = _Waiting(trials)
        with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
            try:
                while True:
                    yield from self._employ(waiting, Path(folder))
                    if not self._team:
                        return
                    for worker in self._heard():
                        yield from self._hear(worker, waiting)
            finally:
                self.close()

    def close(self) -> None:
        """End every worker, with force if need be."""
        team, self._team = list(self._team.values()), {}
        _end(team)

    def _employ(self, waiting: "_Waiting", folder: Path) -> Iterator[Report]:
        """Give every free slot a job: to its worker if its framework has jobs left, else to a new worker."""
        for slot in range(self.workers):
            worker = self._team.get(slot)
            if worker and worker.trial:
                continue
            if worker and (worker.resident > RECYCLE_ABOVE or not waiting.has(worker.framework)):
                self._dismiss(worker)
                worker = None
            if not worker and (name := waiting.neediest([other.framework for other in self._team.values()])):
                worker = self._team[slot] = _hire(slot, name, self.load, self.threads, folder)
            if worker:
                worker.give(waiting.take(worker.framework))
                yield slot, worker.trial, Progressed(0, worker.trial.spec.training.epochs, 0, 0, math.nan)

    def _heard(self) -> list[_Worker]:
        """Wait for a worker's message; when a worker ends, so does its pipe."""
        ready = wait([worker.pipe for worker in self._team.values()])
        return [worker for worker in self._team.values() if worker.pipe in ready]

    def _hear(self, worker: _Worker, waiting: "_Waiting") -> Iterator[Report]:
        trial = worker.trial
        try:
            message = _PlainData(io.BytesIO(worker.pipe.recv_bytes())).load()
        except (EOFError, OSError):
            yield from self._bury(worker, waiting)
            return
        except pickle.UnpicklingError as error:
            self._dismiss(worker)
            yield worker.slot, trial, Failed(f"{worker.framework}: {error}")
            return
        if isinstance(message, Broken):
            self._dismiss(worker)
            for lost in (trial, *waiting.drop(worker.framework)):
                yield worker.slot, lost, message.failure
            return
        if isinstance(message, Finished | Failed):
            worker.trial = None
        yield worker.slot, trial, message

    def _bury(self, worker: _Worker, waiting: "_Waiting") -> Iterator[Report]:
        """Handle a worker's death: its job goes to the front of the queue, once."""
        how, words, trial = worker.death(), worker.last_words(), worker.trial
        self._dismiss(worker)
        if not trial:
            return
        if waiting.again(trial):
            yield worker.slot, trial, Retried(f"the worker died ({how})")
        else:
            yield worker.slot, trial, Failed(f"the worker died twice ({how})", words)

    def _dismiss(self, worker: _Worker) -> None:
        del self._team[worker.slot]
        _end([worker])


class _PlainData(pickle.Unpickler):
    """Reads events. A framework's type in an event, even of a version string, would import the framework here."""

    def find_class(self, module: str, name: str) -> type:
        if module.partition(".")[0] not in {"experiments", "numpy", *sys.stdlib_module_names}:
            raise pickle.UnpicklingError(
                f"an event holds a {module}.{name}; only plain data and NumPy arrays may cross"
            )
        return super().find_class(module, name)


class _Waiting:
    """The trials still to run, in order, by framework."""

    def __init__(self, trials: Sequence[Job]) -> None:
        self._queues: dict[str, deque[Job]] = {}
        self._tries: dict[str, int] = {}
        for trial in trials:
            self._queues.setdefault(trial.framework, deque()).append(trial)

    def has(self, framework: str) -> bool:
        return bool(self._queues[framework])

    def take(self, framework: str) -> Job:
        trial = self._queues[framework].popleft()
        self._tries[trial.fingerprint] = self._tries.get(trial.fingerprint, 0) + 1
        return trial

    def again(self, trial: Job) -> bool:
        """Put a trial back at the front, if it has a try left."""
        left = self._tries[trial.fingerprint] < TRIES
        if left:
            self._queues[trial.framework].appendleft(trial)
        return left

    def drop(self, framework: str) -> list[Job]:
        dropped = list(self._queues[framework])
        self._queues[framework].clear()
        return dropped

    def neediest(self, employed: list[str]) -> str | None:
        """The framework with the most trials waiting for each worker it would then have."""
        needs = {name: len(queue) / (employed.count(name) + 1) for name, queue in self._queues.items() if queue}
        return max(needs, key=needs.__getitem__, default=None)


def _hire(slot: int, framework: str, load: Load, threads: int, folder: Path) -> _Worker:
    ours, theirs = _SPAWN.Pipe()
    handle, log = tempfile.mkstemp(prefix=f"worker-{slot}-", suffix=".log", dir=folder)
    os.close(handle)
    process = _SPAWN.Process(
        target=work, args=(load, framework, threads, theirs, log), name=f"{framework}-{slot}", daemon=True
    )
    with environment(threads), sigint_blocked():
        process.start()
    theirs.close()  # or its end would never be seen here
    return _Worker(slot, framework, process, ours, Path(log))


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    until = time.monotonic() + GRACE_S
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()
        worker.pipe.close()
