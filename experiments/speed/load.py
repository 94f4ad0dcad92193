"""The load that other processes put on the machine."""

import time
from typing import Self

import psutil

TICK_S = 0.01  # the unit in which a system counts how long a core was busy
QUIET_S = 0.5  # how long the machine is watched before anything is timed


class Load:
    """The number of cores that other processes certainly kept busy while it was open.

    A system counts in ticks, with an error of one for each core and one for the process itself: over the hundredths of
    a second that a small variant takes, the error alone would look like a core's work.
    """

    others = 0.0

    def __enter__(self) -> Self:
        self._began, self._busy, self._own = time.perf_counter(), _busy(), _own()
        return self

    def __exit__(self, *_: object) -> None:
        took, unsure = time.perf_counter() - self._began, TICK_S * (psutil.cpu_count() + 1)
        self.others = max(0.0, (_busy() - self._busy - (_own() - self._own) - unsure) / took)


def load_before() -> float:
    """Cores that others keep busy while this process does nothing."""
    with Load() as load:
        time.sleep(QUIET_S)
    return load.others


def _busy() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return sum(times[:8]) - idle  # what follows is counted in these already


def _own() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system
