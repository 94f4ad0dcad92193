"""A second start with nothing to do against the first, and how long help takes."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.cost.figures import Figure

RUN_ALL = Path(__file__).parents[2] / "run_all.py"


def run_all(folder: Path, *arguments: str) -> float:
    """Seconds of a start in a process of its own.

    Raises:
        RuntimeError: it did not end with 0.
    """
    began = time.perf_counter()
    # By its path: as a module it would take the folder's own reports/ for the package.
    done = subprocess.run(
        [sys.executable, RUN_ALL, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"run_all {' '.join(arguments)}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return time.perf_counter() - began


def second_start(rounds: int) -> list[Figure]:
    """The quick study whole, then again and again with nothing to do."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        first = run_all(Path(folder), "quick")
        again = tuple(run_all(Path(folder), "quick") / first for _ in range(rounds))
    return [Figure(f"second start of quick / first ({first:.0f} s)", again, 0.02)]


def help_(rounds: int) -> list[Figure]:
    """``--help``."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        taken = tuple(run_all(Path(folder), "--help") for _ in range(rounds))
    return [Figure("--help", taken, 0.5, " s")]
