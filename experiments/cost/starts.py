"""A second start with nothing to do against the first, and how long help takes."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from experiments.cost.figures import Figure

RUN_ALL = Path(__file__).parents[2] / "run_all.py"


class Spent(NamedTuple):
    """What a process took."""

    seconds: float
    mib: float  # of memory, at its most


def run_all(folder: Path, *arguments: str) -> Spent:
    """A start in a process of its own.

    Raises:
        RuntimeError: it did not end with 0.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        # By its path: as a module it would take the folder's own reports/ for the package.
        process = subprocess.Popen([sys.executable, RUN_ALL, *arguments], cwd=folder, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"run_all {' '.join(arguments)}: {said.read()[-4_000:]}")
    unit = 1 if sys.platform == "darwin" else 2**10
    return Spent(seconds, usage.ru_maxrss * unit / 2**20)


def second_start(rounds: int) -> list[Figure]:
    """The quick study whole, then again and again with nothing to do."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        first = run_all(Path(folder), "quick").seconds
        again = tuple(run_all(Path(folder), "quick").seconds / first for _ in range(rounds))
    return [Figure(f"second start of quick / first ({first:.0f} s)", again, 0.02)]


def help_(rounds: int) -> list[Figure]:
    """``--help``."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        taken = tuple(run_all(Path(folder), "--help").seconds for _ in range(rounds))
    return [Figure("--help", taken, 0.5, " s")]
