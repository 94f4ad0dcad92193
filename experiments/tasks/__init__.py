"""Tasks: arrays in, metrics out. The parent locates and checks a task's data; workers load it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from experiments.spec import Interface, TaskSpec

Predict = Callable[[np.ndarray], np.ndarray]  # x (B, …) -> outputs (B, outputs)


@dataclass(frozen=True)
class DataSource:
    """Where a task's data is and what it is: small, picklable, already checked."""

    name: str  # such as "imdb-packaged"; the dataset's name in MLflow
    digest: str  # sha256 of the data, hexadecimal
    path: str | None  # the prepared file a worker reads; None where the data is computed
    description: str  # one sentence for people


class Split(NamedTuple):
    """``x (N, T)`` int32 tokens or ``(N, T, F)`` values; ``y (N, outputs)``."""

    x: np.ndarray
    y: np.ndarray


class Task(Protocol):
    """A loaded task."""

    interface: Interface
    train: Split
    test: Split

    def score(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """Metrics of a training batch beside its loss, such as ``{"accuracy": 0.8}``; empty where there are none."""

    def evaluate(self, predict: Predict) -> dict[str, float]:
        """The ``test/…`` metrics over every test sample."""

    def artifacts(self, predict: Predict) -> dict[str, bytes]:
        """Files that keep what the trained network does, by name."""


def locate(spec: TaskSpec, imdb: str = "packaged") -> DataSource:
    """Find and check a task's data without holding it in this process.

    Args:
        spec: the task.
        imdb: where the reviews come from: ``packaged``, ``keras`` or a path to an ``imdb.npz``.

    Raises:
        UserError: the data is missing, broken or not what its digest says.
    """
    return _room(spec).locate(spec, imdb)


def interface(spec: TaskSpec) -> Interface:
    """What a task asks of a network, without its data."""
    return _room(spec).interface(spec)


@lru_cache(maxsize=2)
def load(spec: TaskSpec, source: DataSource, dtype: str) -> Task:
    """The task's arrays, floats in ``dtype``; kept between the trials of a worker."""
    return _room(spec).load(spec, source, dtype)


def _room(spec: TaskSpec):
    from experiments.tasks import digits, imdb, sine

    return {"imdb": imdb, "sine": sine, "digits": digits}[spec.name]
