"""A study as the campaign starts it: ``run_all.py`` with a clock that can jump, little patience and one short page.

What is recorded, and how, is untouched. To draw the pages takes longer than the studies of a campaign.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKOUT = Path(__file__).parents[2]
CLOCK = struct.Struct("d")  # a file that holds by how many seconds the clock is wrong
PATIENCE_S = 5.0  # with a worker that is stopped, instead of minutes


def main() -> None:
    """Run ``run_all.py``; the first argument is the file of the clock, the others are run_all's own."""
    _let_the_clock_jump(Path(sys.argv[1]))
    from experiments.running.executors import silence

    silence.PATIENCE_S = PATIENCE_S  # before the executors take it as their default
    pages = sys.modules["reports"] = ModuleType("reports")
    pages.write, pages.ask = write_page, ask_for_nothing
    sys.argv = [str(CHECKOUT / "run_all.py"), *sys.argv[2:]]
    runpy.run_path(sys.argv[0], run_name="__main__")


def write_page(plan: Any, _uri: str, folder: Path, running: str = "") -> Path:
    """Write the study's name in the place of all pages."""
    from experiments.running.pages import MARKS, put

    folder.mkdir(exist_ok=True)
    index = folder / "index.html"
    put(index, f"{MARKS[0]}{running}{MARKS[1]}{plan.study.name}" if running else plan.study.name)
    return index


def ask_for_nothing(*_: Any) -> tuple[()]:
    """Time nothing further: what a result asks for differs from one study to the next."""
    return ()


def _let_the_clock_jump(path: Path) -> None:
    """Put what the file says on every reading of this process's clock: MLflow and the journal call ``time.time``."""
    with path.open("rb") as file:
        wrong = mmap.mmap(file.fileno(), CLOCK.size, access=mmap.ACCESS_READ)
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + CLOCK.unpack(wrong)[0]
    time.time_ns = lambda: right_ns() + int(1e9 * CLOCK.unpack(wrong)[0])
