"""A study's processes: the identity of this one, whether another is alive, and delaying signals."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_PROCESS_S = 5.0  # a corrected clock changes a process's start time a little


def this_process() -> dict[str, str]:
    """The identity of this process, as tags of its runs."""
    process = psutil.Process()
    return {"host": socket.gethostname(), "pid": str(process.pid), "pid_started": f"{process.create_time():.2f}"}


def alive(tags: dict[str, str]) -> bool:
    """Whether the process that wrote the tags is alive, not another one with its number."""
    try:
        process = psutil.Process(int(tags["pid"]))
        same = abs(process.create_time() - float(tags["pid_started"])) < SAME_PROCESS_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay signals until a write is complete: interrupted in one, SQLAlchemy keeps its lock on the database."""
    noted: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: noted.append(number)) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in noted:
            signal.raise_signal(number)
