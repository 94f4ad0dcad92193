"""Fixtures of the tests of tasks."""

from pathlib import Path

import numpy as np
import pytest
from chars_cases import TEXT
from imdb_files import arrays, located


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays())
    return path


@pytest.fixture
def task(sound):
    return located(sound)[1]


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path
