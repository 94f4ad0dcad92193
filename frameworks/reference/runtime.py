"""Threads and versions."""

from typing import Any

import numpy as np

from experiments.hardware import describe

_threads = 0


def configure(threads: int) -> None:
    """Remember the number of threads for ``environment``: NumPy's BLAS reads it from the environment at import."""
    global _threads
    _threads = threads


def environment() -> dict[str, Any]:
    """Return versions, threads and processor."""
    return describe() | {"numpy": np.__version__, "threads": _threads}
