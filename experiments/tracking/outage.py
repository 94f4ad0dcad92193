"""When a store is only away for a while, and when to ask it again."""

import errno
import math
import os
import re
import sqlite3
import time
from collections.abc import Callable

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from experiments.errors import UserError
from experiments.tracking.database import shown, sqlite_path
from experiments.tracking.store import STORE_ERRORS, first_cause

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
#: HTTP: the server had no time, or too many requests. Of the other 4xx it will not change its mind.
BUSY = (408, 429)
#: What the system says of a file that is lost or forbidden, which waiting does not mend.
LASTING = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS)
LONGEST = 200  # characters of a server's words
#: An HTTP status in the words of MLflow or of requests, which keep it nowhere else.
_STATUS = re.compile(r"failed with error code (\d{3})|\b(\d{3}) (?:Client|Server) Error")
#: The words for what happened, out of a message that wraps it many times.
_CAUSES = (
    re.compile(r"\[Errno -?\d+\] (?P<words>[^'\")\]]+)"),
    re.compile(r"too many (?P<words>\d{3} error) responses"),
    re.compile(r"(?P<words>(?:read|connect(?:ion)?) timed? ?out)", re.IGNORECASE),
)


def is_outage(error: BaseException) -> bool:
    """Whether the same request may succeed later: no connection, no answer, a 5xx, a lock, a full disk."""
    if isinstance(error, UserError):
        return isinstance(error.__cause__, STORE_ERRORS) and is_outage(error.__cause__)
    if isinstance(error, SQLAlchemyError | sqlite3.Error):
        return isinstance(error, OperationalError | sqlite3.OperationalError)
    if isinstance(error, OSError) and (error.errno in LASTING or os.strerror(errno.ENOENT) in str(error)):
        return False
    status = 500
    if found := _STATUS.search(str(error)):
        status = int(found[1] or found[2])
    elif isinstance(error, MlflowException):
        status = error.get_http_status_code()
    return not 400 <= status < 500 or status in BUSY


def in_words(error: BaseException) -> str:
    """What went wrong, short, and without the credentials that an address may hold."""
    text = first_cause(error)
    found = next(filter(None, (cause.search(text) for cause in _CAUSES)), None)
    if found and not text.startswith("[Errno"):  # else it is the system's own, and names the file
        return found["words"]
    return shown(text if len(text) <= LONGEST else f"{text[:LONGEST]} …")


class Outage:
    """A store's outages: said when they begin and end, with longer and longer pauses between two attempts.

    Args:
        uri: the store's address.
        say: shows a line.
    """

    def __init__(self, uri: str, say: Callable[[str], None]) -> None:
        path = sqlite_path(uri)
        self._name = f"the database {path.name}" if path else "the tracking server"
        self._say = say
        self._pause = self._due = 0.0
        self._awaited = False
        self.reason = ""  # of the one under way

    @property
    def due(self) -> bool:
        """Whether it is time for an attempt."""
        return time.monotonic() >= self._due

    def begin(self, error: BaseException, waiting: int) -> None:
        """Note an attempt in vain, with so many events waiting on disk."""
        if not self.reason:
            self._say(f"{self._name} does not answer: {in_words(error)}{waits(waiting)}; the study goes on")
        self.reason = in_words(error)
        self._pause = min(2 * self._pause or FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._due = time.monotonic() + self._pause

    def over(self, written: int) -> None:
        """Note a success, with so many events written by it."""
        if self.reason:
            self._say(f"{self._name} answers again{f': {counted(written)} written' if written else ''}")
        self.reason, self._pause, self._due, self._awaited = "", 0.0, 0.0, False

    def wait(self, until: float) -> bool:
        """Wait for the next attempt; False where the time is up."""
        left = until - time.monotonic()
        if left <= 0:
            return False
        if not self._awaited:
            bound = "" if math.isinf(until) else f", at most {math.ceil(left / 60)} minutes"
            self._say(f"waiting for {self._name}{bound}; Ctrl-C ends the wait, and nothing is lost")
        self._awaited = True
        time.sleep(max(0.0, min(self._due - time.monotonic(), left)))
        return True


def waits(count: int) -> str:
    """How much waits on disk, to be put behind a message."""
    return f"; {counted(count)} wait{'s' * (count == 1)} on disk" if count else ""


def counted(events: int) -> str:
    """A number of events in words."""
    return f"{events:,} event{'s' * (events != 1)}"
