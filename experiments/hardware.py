"""The machine: its processor, system, linear algebra library and usable cores."""

import ctypes
import os
import platform
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

#: Lines of Linux's /proc/cpuinfo that tell two processors apart which share a name, such as "AMD EPYC".
CPU_FIELDS = ("vendor_id", "cpu family", "model", "stepping", "model name", "flags")

#: glibc's options (mallopt(3)), and what keeps freed memory: every request comes from the heap, which grows 64 MiB at
#: a time and never shrinks.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEEPING = {M_MMAP_MAX: 0, M_TOP_PAD: 64 * 2**20, M_TRIM_THRESHOLD: 2**31 - 1}


@cache
def _cpu() -> dict[str, str]:
    """The first processor's lines; empty where the system has no /proc/cpuinfo."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":")[::2] for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, value in pairs}


def describe() -> dict[str, Any]:
    """Python, system and processor."""
    processor = _cpu().get("model name") or platform.processor() or platform.machine()
    return {"python": platform.python_version(), "system": platform.platform(terse=True), "processor": processor}


@cache
def identity() -> dict[str, str]:
    """What decides how fast a computation runs: processor to its stepping and instruction sets, cores, BLAS, system."""
    cpu = {field: _cpu().get(field, "") for field in CPU_FIELDS}
    cpu["flags"] = sha256(" ".join(sorted(cpu["flags"].split())).encode()).hexdigest()[:16]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return describe() | cpu | {"cores": str(usable_cores()), "blas": f"{blas['name']} {blas['version']}"}


def usable_cores() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def keep_freed_memory() -> bool:
    """Let this process keep what it frees, and tell whether it does; only glibc returns it to the system at once.

    A training step of a 2×64 LSTM, batch 128 × 80, frees 50 MB in PyTorch. Taking them anew costs 13,500 page faults, a
    third of its time: 90 ms became 59 (two workers of one thread, medians of 41 steps, three runs each).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in KEEPING.items())
