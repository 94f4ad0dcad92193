"""A study's pages while it runs: written again and again by a process of its own, so that no trial waits for them."""

import gc
import multiprocessing
import os
import pickle
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, Self

from experiments.events import first_line
from experiments.hardware import usable_cores
from experiments.running.executors.worker import environment, sigint_blocked
from experiments.running.outlook import Outlook

EVERY_S = 48.0  # from one request to the next: what is asked for then is written before the minute is over
#: Of all cores' time, what writing may take: pages that cost more are written more rarely.
SHARE = 0.02
NICENESS = 10  # at 19 a busy machine would take minutes over a page
PATIENCE_S = 60.0  # before a phase that must have the machine to itself
#: Between these marks a page says that its study runs; nothing else of a page depends on that.
MARKS = ("<!-- while the study runs -->", "<!-- until here -->")
_MARKED = re.compile(f"{MARKS[0]}.*?{MARKS[1]}\n?", re.DOTALL)
_PART = ".part"
#: Writing would disturb such a phase.
WAITING = "; these pages are not rewritten while speed is measured"

_SPAWN = multiprocessing.get_context("spawn")


class Write(Protocol):
    """Writes the pages; ``running`` says in words what is to come."""

    def __call__(self, *, running: str) -> Any: ...


def put(page: Path, text: str) -> None:
    """Write a page whole, under another name, and give it its own: no reader ever sees half of one."""
    part = page.with_name(page.name + _PART)
    part.write_text(text, encoding="utf-8")
    part.replace(page)


def settle(folder: Path) -> None:
    """Take out of a folder's pages that their study runs, and what was left half-written."""
    for part in folder.glob(f"*.html{_PART}"):
        part.unlink(missing_ok=True)
    for page in folder.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        if MARKS[0] in text:
            put(page, _MARKED.sub("", text))


class Pages:
    """Keeps the pages of a running study up to date; a context manager, at whose end no page says that it runs.

    A writer that fails never stops the study: that is said, once.

    Args:
        write: writes the pages, given in words what is to come; picklable, for the writer calls it.
        folder: of the pages.
        outlook: what is to come.
        say: shows a line.
    """

    def __init__(self, write: Write, folder: Path, outlook: Outlook, say: Callable[[str], None]) -> None:
        self._write, self._folder, self._outlook, self._say = write, folder, outlook, say
        self._busy = self._wanted = self._quiet = self._told = self._failed = False
        self._shown, self._asked, self._due = -1, 0.0, 0.0  # jobs that had ended at the last request; when; the next
        # Through a file: through a pipe this process would wait until the other has imported all that a plan needs.
        with tempfile.NamedTemporaryFile(prefix="rnn-twins-", delete=False) as file:
            pickle.dump(write, file)
        self._call = Path(file.name)
        self._pipe, theirs = _SPAWN.Pipe()
        self._writer = _SPAWN.Process(target=_work, args=(self._call, folder, theirs), name="pages", daemon=True)
        with environment(1), sigint_blocked():
            self._writer.start()
        theirs.close()

    def __enter__(self) -> Self:
        self._ask()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._call.unlink(missing_ok=True)  # of a writer that was ended before it had read it
        with suppress(OSError):  # a full disk; whether it ends the study is for those who record to say
            settle(self._folder)

    def between(self, alone: bool) -> None:
        """Write before a phase begins; if it must have the machine ``alone``, write no more until the next one."""
        self._quiet, self._wanted = False, self._outlook.ended != self._shown
        self.keep_up(WAITING * alone)
        if alone:
            self._finish()
            self.keep_up(WAITING)
            self._finish()
        self._quiet = alone

    def keep_up(self, remark: str = "") -> None:
        """Start a writing if jobs have ended since the last one and enough time has passed; called at every event."""
        self._hear()
        idle = not (self._busy or self._quiet or self._pipe.closed)
        due = self._wanted or time.monotonic() >= self._due
        if idle and due and self._outlook.ended != self._shown:
            self._ask(remark)

    def conclude(self) -> None:
        """Write the pages of a study that has ended; in this process, which would first import much, only if need be.

        Raises:
            UserError: they cannot be written.
        """
        self._finish(None)
        if not self._pipe.closed:
            self._failed = False
            self._send("")
            self._finish(None)
        if self._failed:
            self._write(running="")

    def _ask(self, remark: str = "") -> None:
        self._shown, self._asked = self._outlook.ended, time.monotonic()
        self._wanted = False
        self._send(self._outlook.in_words() + remark)

    def _send(self, running: str) -> None:
        self._busy = True
        try:
            self._pipe.send(running)
        except OSError:
            self._give_up("the writer died")

    def _hear(self) -> None:
        """Take the writer's answer, if there is one."""
        if not (self._busy and self._pipe.poll()):
            return
        try:
            cost, reason = self._pipe.recv()
        except (EOFError, OSError):
            self._give_up("the writer died")
            return
        self._busy = False
        self._due = self._asked + max(EVERY_S, cost / (SHARE * usable_cores()))
        if reason:
            self._tell(reason)

    def _finish(self, patience: float | None = PATIENCE_S) -> None:
        """Wait for the writing under way, for so many seconds; None waits until it is done."""
        if self._busy and not self._pipe.poll(patience):
            self._give_up(f"not written within {patience:.0f} s")
        self._hear()

    def _give_up(self, reason: str) -> None:
        self._tell(reason)
        self._end()

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._say(f"the pages could not be written: {reason}; they will be tried again at the end")
        self._told = self._failed = True

    def _end(self) -> None:
        self._busy = False
        if not self._pipe.closed:
            self._pipe.close()
            self._writer.kill()  # it holds no lock: it only reads the database
            self._writer.join()


def _work(call: Path, folder: Path, pipe: Connection) -> None:
    """Write the pages at each request, until the study ends this process or is gone itself; the writer's process."""
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # a warning must not disturb the display
        os.dup2(silence, stream)
    write, first = pickle.loads(call.read_bytes()), True
    call.unlink()
    while True:
        try:
            text = pipe.recv()
        except EOFError:
            settle(folder)
            return
        began, reason = time.process_time(), ""
        try:
            write(running=text)
        except Exception as error:
            reason = first_line(error)
        cost = time.process_time() - began
        with suppress(OSError):  # the study is gone: the next request says so
            pipe.send((0.0 if first else cost, reason))  # the imports that the first one waits for come once
        if first:  # the first page is wanted at once; from here on trials come first
            os.nice(NICENESS)
            gc.freeze()  # what is imported lives on: a collection that walks it takes a quarter of a second
        first = False
