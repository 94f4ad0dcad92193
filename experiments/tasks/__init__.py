"""Tasks: arrays in, metrics out. The parent locates and checks a task's data; workers load it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from experiments.protocol import Model
from experiments.spec import Interface, TaskSpec


@dataclass(frozen=True)
class DataSource:
    """Where a task's data is and what it is: small, picklable, already checked."""

    name: str  # such as "imdb-packaged"; the dataset's name in MLflow
    digest: str  # sha256 of the data, hexadecimal
    path: str | None  # the prepared file a worker reads; None where the data is computed
    description: str  # one sentence for people


class Split(NamedTuple):
    """``x (N, T)`` int32 tokens or ``(N, T, F)`` values; ``y (N, outputs)``, or ``(N, T)`` int32 of every step."""

    x: np.ndarray
    y: np.ndarray


class Task(Protocol):
    """A loaded task. What it has nothing to say to it inherits from here."""

    interface: Interface
    train: Split
    test: Split

    def evaluate(self, model: Model) -> dict[str, float]:
        """The ``test/…`` metrics over every test sample."""

    def score(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """Metrics of a training batch beside its loss, such as ``{"accuracy": 0.8}``."""
        return {}

    def epoch(self, loss: float, samples: int, seconds: float) -> dict[str, float]:
        """Further metrics of a training epoch, by their MLflow names.

        Args:
            loss: the epoch's mean.
            samples: how many were trained on.
            seconds: spent in training steps.
        """
        return {}

    def sample(self, model: Model) -> list[dict[str, Any]]:
        """What the network makes up after an epoch, for people to see it learn; plain data."""
        return []

    def artifacts(self, model: Model) -> dict[str, bytes]:
        """Files that keep what the trained network does, by name."""
        return {}


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
    from importlib import import_module

    return import_module(f"experiments.tasks.{spec.name}")
