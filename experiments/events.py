"""What a job reports as it goes, in the order it yields them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from traceback import format_exc
from typing import Any

from experiments.canonical import Weights
from experiments.errors import NotFinite


@dataclass(frozen=True)
class Started:
    """The model is built. ``environment``: versions, threads, device, processor, host."""

    environment: dict[str, Any]
    metrics: dict[str, float]  # time/build_s, model/parameters
    shapes: Any  # protocol.NativeShapes


@dataclass(frozen=True)
class Progressed:
    """A sign of progress for the display; never recorded."""

    epoch: int
    epochs: int
    done: int
    total: int
    loss: float
    accuracy: float | None = None


@dataclass(frozen=True)
class EpochEnded:
    """An epoch's metrics, by their MLflow names; ``epoch`` counts from 1."""

    epoch: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class RungMeasured:
    """One framework's numbers for one rung of the parity ladder: name → numbers."""

    rung: int
    values: Weights


@dataclass(frozen=True)
class VariantMeasured:
    """One variant's times in one process, by the fingerprint of its timing."""

    fingerprint: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """The trial is done. ``files`` are artifacts: path → bytes (``weights.safetensors``, ``model/MLmodel``, …)."""

    metrics: dict[str, float] = field(default_factory=dict)  # time/first_step_s, time/step_s
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The trial ended early; ``reason`` is one line, ``traceback`` may be empty."""

    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class Retried:
    """The trial's worker died or hung; its events start again with ``Started``. Said by an executor, by no trial."""

    reason: str


Event = Started | Progressed | EpochEnded | RungMeasured | VariantMeasured | Finished | Failed | Retried


def guarded(events: Iterator[Event]) -> Iterator[Event]:
    """Pass the events on; an exception among them becomes a ``Failed``, the last event."""
    try:
        yield from events
    except NotFinite as error:
        yield Failed(str(error))
    except Exception as error:
        yield Failed(first_line(error), format_exc())


def first_line(error: Exception) -> str:
    """An exception's type and the first line of its message."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
