"""The journal: each write on disk before MLflow hears of it, so that neither an outage nor a kill loses it.

A file of JSON lines for each process that records a study; the files of an entry lie in a folder beside it. A line is
appended and synchronised, applied, and when nothing is left to apply the file is emptied. So it holds what MLflow has
yet to hear, or may have heard when a kill came between: to apply an entry twice changes nothing.
"""

import fcntl
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePath
from typing import BinaryIO
from uuid import uuid4

from experiments.errors import UserError
from experiments.tasks.cache import cache_folder
from experiments.tracking.database import shown
from experiments.tracking.recording.entries import Entry, Files

SUFFIX = ".jsonl"
ID_LENGTH = 12  # hexadecimal digits of a journal's id, and of the digest of an address


class Journal:
    """What one process has recorded and MLflow may not hold yet; its file is made at the first entry.

    Args:
        study: its name.
        uri: where the runs go.
    """

    def __init__(self, study: str, uri: str) -> None:
        self.id = uuid4().hex[:ID_LENGTH]
        self.path = folder() / f"{_stem(study, uri)}-{self.id}{SUFFIX}"
        self.pending: deque[Entry] = deque()
        self._file: BinaryIO | None = None
        self._number = self._time = self._size = 0

    @classmethod
    def left(cls, study: str, uri: str) -> Iterator["Journal"]:
        """The journals of this study that dead processes have left, oldest first, locked until each is closed.

        Raises:
            UserError: a journal cannot be read.
        """
        paths = folder().glob(f"{_stem(study, uri)}-*{SUFFIX}")
        for path in sorted(paths, key=lambda path: path.stat().st_mtime if path.exists() else 0.0):
            journal = cls(study, uri)
            journal.id, journal.path = path.stem.rpartition("-")[2], path
            if journal._take_over():
                yield journal

    def new_run(self) -> str:
        """The name of the run that the next entry begins."""
        return f"{self.id}:{self._number + 1}"

    def continue_from(self, time: int) -> None:
        """Date every entry after this time (ms), whatever the clock says: MLflow shows the latest value."""
        self._time = max(self._time, time)

    def append(self, entry: Entry, files: Files) -> None:
        """Write an entry and the bytes of its files to the disk; returns when they are safe.

        Raises:
            UserError: the disk cannot take them.
        """
        self._time = max(self._time + 1, int(time.time() * 1000))
        entry.number, entry.time, entry.files = self._number + 1, self._time, sorted(files)
        line = entry.line()
        try:
            opened = self._file or self._open()
            self._keep(entry, files)
            rest = memoryview(line)
            while rest:  # a full disk takes a part, and says so at the next attempt
                rest = rest[opened.write(rest) or 0 :]
            os.fsync(opened.fileno())
        except OSError as error:
            self._cut(self._size)
            raise UserError(
                f"{self.path}: {error.strerror}; allowed: a folder that can be written, "
                "another one named in the environment variable RNN_TWINS_CACHE"
            ) from error
        self._number, self._size = entry.number, self._size + len(line)
        self.pending.append(entry)

    def files(self, entry: Entry) -> Path:
        """The folder of an entry's files, by their names; a name may begin with folders."""
        return self.path.with_suffix("") / str(entry.number)

    def applied(self, count: int) -> None:
        """Take out the first entries, so many: MLflow holds them."""
        for _ in range(count):
            self.pending.popleft()
        if not self.pending:
            self._cut(0)
            shutil.rmtree(self.path.with_suffix(""), ignore_errors=True)

    def close(self) -> None:
        """Let go of the file; nothing is left of it where nothing waits."""
        if self._file is None:
            return
        if not self.pending:
            self.path.unlink(missing_ok=True)
            shutil.rmtree(self.path.with_suffix(""), ignore_errors=True)
        self._file.close()
        self._file = None

    def _open(self) -> BinaryIO:
        """Make the file under another name and lock it: no other start sees it unlocked."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        opened = part.open("ab", buffering=0)
        try:
            _lock(opened)
            part.replace(self.path)
            _synchronise(self.path.parent)
        except OSError:
            opened.close()
            part.unlink(missing_ok=True)
            raise
        self._file = opened
        return opened

    def _take_over(self) -> bool:
        """Lock and read a file, unless its process is alive or has just removed it."""
        try:
            opened = self.path.open("r+b", buffering=0)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read: {error.strerror}") from error
        if not _lock(opened) or not os.fstat(opened.fileno()).st_nlink:
            opened.close()
            return False
        try:
            self._read(opened.read())
        except UserError:
            opened.close()
            raise
        self._file = opened
        return True

    def _read(self, content: bytes) -> None:
        """Take the entries; a last line that a crash has torn was never applied and is left out."""
        lines = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                self.pending.append(Entry(**json.loads(line), tried=True))
            except (ValueError, TypeError) as error:
                if line and number < len(lines) - 1:
                    raise UserError(
                        f"{self.path}: line {number} cannot be read; allowed: a journal of this version, "
                        "or none: without the file the study runs again what it holds"
                    ) from error

    def _keep(self, entry: Entry, files: Files) -> None:
        place = self.files(entry)
        folders = sorted({place / parent for name in files for parent in PurePath(name).parents})
        for each in folders:
            each.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with (place / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for each in folders:
            _synchronise(each)

    def _cut(self, size: int) -> None:
        """Shorten the file; what cannot be cut off is applied once more by the next start, which changes nothing."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), size)
                self._size = size


def folder() -> Path:
    """The folder of journals, inside the cache folder."""
    return cache_folder() / "journals"


def _stem(study: str, uri: str) -> str:
    """The beginning of the names of a study's journals for one address; credentials are no part of it."""
    return f"{study}-{sha256(shown(uri).encode()).hexdigest()[:ID_LENGTH]}"


def _lock(file: BinaryIO) -> bool:
    """Lock a file as long as it is open; False where another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: two starts at once would write the same, once
    return True


def _synchronise(folder: Path) -> None:
    """Make a folder's names safe."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
