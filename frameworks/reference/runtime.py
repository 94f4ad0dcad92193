"""Threads and versions."""

from typing import Any

import numpy as np

from experiments.hardware import describe

_threads = 0


def configure(threads: int) -> None:
    """NumPy's BLAS takes its threads from the environment at import; the number is kept to be reported."""
    global _threads
    _threads = threads


def environment() -> dict[str, Any]:
    """Versions, threads and processor."""
    return describe() | {"numpy": np.__version__, "threads": _threads}
