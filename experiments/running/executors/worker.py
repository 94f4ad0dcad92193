"""A worker process: one framework, job after job, events through a pipe; and the environment it starts with."""

import ctypes
import faulthandler
import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from traceback import format_exc

from experiments.events import Failed
from experiments.protocol import Framework

Load = Callable[[str], Framework]

PR_SET_PDEATHSIG = 1  # of prctl(2)


@dataclass
class Broken:
    """A worker's report that its framework cannot be loaded: none of its trials can run."""

    failure: Failed


def work(load: Load, name: str, threads: int, pipe: Connection, log: str) -> None:
    """Load the framework, then run every job that comes through the pipe, until the parent ends it."""
    _redirect(log)
    _die_with_the_parent()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        framework = _with_host(load(name))
        framework.configure(threads)
        gc.freeze()  # collections skip what the import left: 0.16 s each
    except Exception as error:
        reason = f"{name} cannot be loaded: {type(error).__name__}: {error}".splitlines()[0]
        pipe.send(Broken(Failed(reason, format_exc())))
        return
    while True:
        for event in pipe.recv().run(framework):
            pipe.send(event)


def _redirect(log: str) -> None:
    """Send what a framework prints to a file: it must not disturb the display."""
    with Path(log).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    faulthandler.register(signal.SIGTERM, chain=True)  # its stacks, then its end, even in a C call


def _with_host(framework: Framework) -> Framework:
    """Let a framework's environment name the machine: an executor may have more than one."""
    return replace(framework, environment=lambda: framework.environment() | {"host": socket.gethostname()})


def _die_with_the_parent() -> None:
    """Let the system kill this process when the thread that started it ends, whatever it does; only Linux can.

    A process that is stopped, or busy in a call that lets no other thread run, cannot end itself.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_the_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


@contextmanager
def environment(threads: int) -> Iterator[None]:
    """Set the threads in the parent's environment, which workers inherit: NumPy reads them when it is imported."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
    wanted = {f"{name}_NUM_THREADS": str(threads) for name in names}
    wanted |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": "1"}
    wanted |= {"TF_CPP_MIN_LOG_LEVEL": "2"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block Ctrl-C while a child starts, so that it never receives it; the parent gets it a moment later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
