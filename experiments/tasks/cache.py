"""The folder where prepared data and checkpoints are kept."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """``RNN_TWINS_CACHE`` where it is set, else the user's cache folder."""
    if named := os.environ.get("RNN_TWINS_CACHE"):
        return Path(named).absolute()
    import pooch

    return Path(pooch.os_cache("rnn-twins"))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create the folder if it is missing, and hold its lock: of several processes one prepares, the others find.

    Raises:
        OSError: it cannot be created or opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)  # the folder itself: no file of the lock stays behind
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
