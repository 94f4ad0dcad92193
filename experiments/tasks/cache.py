"""The folder where prepared data and checkpoints are kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """``RNN_TWINS_CACHE`` where it is set, else the user's cache folder."""
    if named := os.environ.get("RNN_TWINS_CACHE"):
        return Path(named).absolute()
    import pooch

    return Path(pooch.os_cache("rnn-twins"))
