"""The processes of a study: which one is this, does another still live, and when may a signal stop it."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_PROCESS_S = 5.0  # a corrected clock moves a process's start time a little


def this_process() -> dict[str, str]:
    """What tells this process from every other, as tags of its runs."""
    process = psutil.Process()
    return {"host": socket.gethostname(), "pid": str(process.pid), "pid_started": f"{process.create_time():.2f}"}


def alive(tags: dict[str, str]) -> bool:
    """Whether the process that wrote the tags lives still, and not another under its old number."""
    try:
        process = psutil.Process(int(tags["pid"]))
        same = abs(process.create_time() - float(tags["pid_started"])) < SAME_PROCESS_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False


@contextmanager
def undisturbed() -> Iterator[None]:
    """A signal waits until a write is whole: cut off amid one, SQLAlchemy's session keeps its lock on the database."""
    noted: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: noted.append(number)) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in noted:
            signal.raise_signal(number)
