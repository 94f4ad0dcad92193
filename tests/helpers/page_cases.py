"""Writers of pages for the tests: each is called in a process of its own."""

import os
from pathlib import Path

from experiments.running.pages import MARKS, put


def write(folder: Path, *, running: str) -> None:
    """A page that says what is to come, and one line more in ``log`` for each writing."""
    put(folder / "index.html", f"before\n{MARKS[0]}\n{running}\n{MARKS[1]}\nafter\n")
    with (folder / "log").open("a") as log:
        log.write(f"{running}, {os.nice(0)}\n")


def fail(folder: Path, *, running: str) -> None:
    write(folder, running=running)
    raise ValueError("no page\nfor two lines")


def die(folder: Path, *, running: str) -> None:
    write(folder, running=running)
    os._exit(3)
