"""What runs on a node of a Ray cluster for one worker: an actor that runs jobs with the local executor.

It imports neither Ray nor a framework. Deaths, hangs and retries of the worker process are judged here, by the code
that judges them without Ray; the study's process hears of them in the same events.
"""

import os
import pickle
import platform
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from traceback import format_exc
from typing import Any, NamedTuple

import experiments
from experiments import tasks
from experiments.events import Failed, Finished, first_line
from experiments.hardware import identity
from experiments.protocol import Job
from experiments.running.executors import silence
from experiments.running.executors.local_executor import LocalExecutor
from experiments.running.executors.worker import Load
from experiments.tasks import DataSource, TaskSpec
from experiments.twins import FRAMEWORKS, release


class Facts(NamedTuple):
    """A process's machine and what is installed there."""

    host: str
    pid: int
    software: dict[str, str]
    machine: dict[str, str]


class Order(NamedTuple):
    """What a node's actor is made with; the same for all of an executor's."""

    load: Load
    threads: int
    patience: float
    busy: int  # of ``silence``: the study's rule holds on the nodes
    folder: str  # the study's, entered where there is one of this name: paths may be relative
    gpus: float


class Message(NamedTuple):
    """One event of the job in hand, pickled."""

    event: bytes
    broken: bool  # the framework cannot be imported: its other jobs fail with this event too


def facts() -> Facts:
    """The facts of this process."""
    software = {"rnn-twins": experiments.__version__, "rnn-twins' code": _code()}
    software["Python"] = ".".join(platform.python_version_tuple()[:2])
    packages = [package for framework in FRAMEWORKS.values() for package in framework.packages]
    return Facts(socket.gethostname(), os.getpid(), software | {name: release(name) for name in packages}, identity())


class Node:
    """Runs one job after the other in a worker process beside it; its methods are called from several threads."""

    def __init__(self, order: Order) -> None:
        silence.BUSY = order.busy
        with suppress(OSError):
            os.chdir(order.folder)
        if not order.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        with suppress(AttributeError):
            del sys.modules["__main__"].__file__  # else a worker process imports Ray's main module, and with it Ray
        self._local = LocalExecutor(order.load, 1, order.threads, order.patience, keep=True)
        self._jobs: SimpleQueue[tuple[bytes, int]] = SimpleQueue()
        self._messages: SimpleQueue[Message | None] = SimpleQueue()  # None wakes ``hear``
        # Worker processes end with the thread that starts them, so that one thread starts them all.
        threading.Thread(target=self._work, daemon=True).start()

    def facts(self) -> Facts:
        """The facts of this process; the first call, so that its answer says that the actor has started."""
        return facts()

    def give(self, job: bytes, tried: int) -> None:
        """Take a pickled job that has been tried so often elsewhere."""
        self._jobs.put((job, tried))

    def hear(self, seconds: float) -> list[Message]:
        """What has happened since the last call: within so many seconds, or nothing, which is a sign of life."""
        heard = []
        with suppress(Empty):
            heard.append(self._messages.get(timeout=seconds))
            while True:
                heard.append(self._messages.get_nowait())
        return [message for message in heard if message]

    def wake(self) -> None:
        """Let ``hear`` answer at once."""
        self._messages.put(None)

    def end(self) -> None:
        """End the worker process, whatever it does."""
        self._local.close()

    def _work(self) -> None:
        while True:
            given, tried = self._jobs.get()
            try:
                job = _with_data(pickle.loads(given))
                for _, _, event in self._local.run([job], tried):
                    self._send(event, job.framework in self._local.broken)
            except Exception as error:
                self._send(Failed(f"node {socket.gethostname()}: {first_line(error)}", format_exc()))

    def _send(self, event: Any, broken: bool = False) -> None:
        ended = isinstance(event, Finished | Failed)
        self._messages.put(Message(pickle.dumps(event), broken and ended))


def _with_data(job: Job) -> Job:
    """The job with its data on this machine."""
    data = getattr(job, "data", None)
    here = data and _on_this_machine(job.spec.task, data)
    return job if here == data else replace(job, data=here)


@cache
def _on_this_machine(spec: TaskSpec, source: DataSource) -> DataSource:
    return tasks.on_this_machine(spec, source)


@cache
def _code() -> str:
    """A digest of the code that results depend on: a checkout changes where its version does not."""
    root, digest = Path(experiments.__file__).parents[1], sha256()
    for file in sorted(file for folder in ("experiments", "frameworks") for file in (root / folder).rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]
