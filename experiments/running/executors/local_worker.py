"""A worker process as its parent holds it: hired, given jobs, heard and ended; nothing here waits for a stuck one."""

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil

from experiments.protocol import Job
from experiments.running.executors.silence import Pulse, usage
from experiments.running.executors.worker import Load, environment, sigint_blocked, work

GRACE_S = 2.0  # between asking a worker to end and killing it
LOG_TAIL = 8_000  # characters of a lost worker's output, kept as its traceback; a stack can fill half of it

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy locks of the parent's threads

Inbox = SimpleQueue[tuple["LocalWorker", bytes | None]]  # a worker and its message; None when its pipe ended


@dataclass(eq=False)
class LocalWorker:
    """One process, its framework and the job that it runs."""

    slot: int
    framework: str
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    log: Path
    pulse: Pulse
    trial: Job | None = None
    _threads: list[threading.Thread] = field(default_factory=list, init=False)

    @property
    def resident(self) -> int:
        """Bytes of memory that it holds."""
        try:
            return psutil.Process(self.process.pid).memory_info().rss
        except psutil.NoSuchProcess:
            return 0

    def give(self, trial: Job) -> None:
        """Send it a job; a large one fills the pipe until the worker reads, so that a thread waits for that."""
        self.trial = trial
        self.pulse.beat()
        self._start(self._send, bytes(ForkingPickler.dumps(trial)))

    def listen(self, inbox: Inbox) -> None:
        """Put its messages into the inbox, from a thread: a worker that is stopped amid a message holds only that."""
        self._start(self._receive, inbox)

    def death(self) -> str:
        """How the process ended."""
        self.process.join(GRACE_S)
        code = self.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def last_words(self) -> str:
        """The end of what it printed; once it has been ended, the stack of each of its threads."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]

    def close(self) -> None:
        """Let go of a process that has ended."""
        self.process.close()
        for thread in self._threads:
            thread.join(GRACE_S)
        if not any(thread.is_alive() for thread in self._threads):  # else a child of the worker holds the other end
            self.pipe.close()

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _send(self, message: bytes) -> None:
        with suppress(OSError):  # it died: the end of its pipe will show that, and the job is tried again
            self.pipe.send_bytes(message)

    def _receive(self, inbox: Inbox) -> None:
        with suppress(EOFError, OSError):
            while True:
                inbox.put((self, self.pipe.recv_bytes()))
        inbox.put((self, None))


def hire(slot: int, framework: str, load: Load, threads: int, folder: Path, every: float) -> LocalWorker:
    """Start a worker; its output goes to a file in ``folder``, ``every`` so many seconds its usage is measured."""
    ours, theirs = _SPAWN.Pipe()
    handle, log = tempfile.mkstemp(prefix=f"worker-{slot}-", suffix=".log", dir=folder)
    os.close(handle)
    process = _SPAWN.Process(
        target=work, args=(load, framework, threads, theirs, log), name=f"{framework}-{slot}", daemon=True
    )
    with environment(threads), sigint_blocked():
        process.start()
    theirs.close()  # or its end would never be seen here
    return LocalWorker(slot, framework, process, ours, Path(log), Pulse(partial(usage, process.pid), every))


def end(workers: Sequence[LocalWorker]) -> None:
    """End processes, in whatever state they are, within ``GRACE_S``."""
    for worker in workers:
        worker.process.terminate()
        if worker.process.is_alive():
            os.kill(worker.process.pid, signal.SIGCONT)  # a stopped process acts on no other signal
    until = time.monotonic() + GRACE_S
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.close()
