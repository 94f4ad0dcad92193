"""Resident memory: of the idle process, and its peak.

Linux counts both; elsewhere the peak is that of the whole process.
"""

import ctypes
import gc
from contextlib import suppress
from pathlib import Path

import psutil


def trimmed() -> int:
    """Resident bytes of the idle process, after freed memory is returned to the system.

    Objects of earlier variants are frozen: the framework keeps them, and every collection would walk them again.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # another C library returns nothing: the figure is then larger
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return psutil.Process().memory_info().rss


def forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The highest number of resident bytes since ``forget_peak``."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
