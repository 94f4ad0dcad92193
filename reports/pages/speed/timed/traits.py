"""What a step's cost depends on besides its cell and form, and sweeps: timings in which only one such trait changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from experiments.spec import ExperimentSpec
from reports.pages.speed.timed.timings import TimedVariant

#: What a step's cost may grow with; the length goes by the task's own name.
QUANTITIES = ("length", "units", "batch")
FEWEST = 3  # points of a sweep


def length(spec: ExperimentSpec) -> tuple[str, int] | None:
    """The task's name for the sequence's length, and its value; None if the task fixes the length."""
    name = spec.task.LENGTH
    return (name, getattr(spec.task, name)) if name else None


def traits(spec: ExperimentSpec) -> dict[str, Any]:
    """What a step's cost depends on besides its cell and form; not the numbers of samples and epochs."""
    network, training, task = spec.network, spec.training, spec.task.model_dump()
    return {
        "task": task["name"],
        "length": length(spec),
        "words": task.get("words"),
        "units": network.units,
        "batch": training.batch_size,
        "embedding": network.embedding_size,
        "dropout": network.dropout,
        "padding": ", ".join(spec.task.padding_in_words),
        "optimiser": training.optimiser,
        "clip": training.clip_norm,
        "dtype": training.dtype,
        "device": training.device,
        "conventions": spec.conventions.label,
    }


def in_words(spec: ExperimentSpec) -> str:
    """The traits in words."""
    values, known = traits(spec), length(spec)
    lengths = {"tokens": "sequences of {} tokens", "window": "windows of {}"}
    parts = [lengths.get(known[0], f"{known[0]} {{}}").format(known[1])] if known else []
    parts += [f"{values['words']:,} words"] if values["words"] else []
    parts += [f"embedding {values['embedding']}"] if values["embedding"] else []
    parts += [f"units {'×'.join(map(str, values['units']))}", f"batches of {values['batch']}"]
    parts += [f"dropout {values['dropout']:g}", *[values["padding"]] * bool(values["padding"]), values["optimiser"]]
    parts += [f"gradients clipped at {values['clip']:g}"] if values["clip"] is not None else []
    return ", ".join([*parts, values["dtype"], f"{values['conventions']} conventions"])


@dataclass(frozen=True)
class Sweep:
    """One variant on one framework with a single quantity that changes."""

    quantity: str
    rows: tuple[TimedVariant, ...] = field(repr=False)  # from the smallest value to the largest

    @property
    def word(self) -> str:
        """The task's name for the quantity."""
        return length(self.rows[0].spec)[0] if self.quantity == "length" else self.quantity

    @property
    def shared(self) -> tuple:
        """The traits that all its points share."""
        return _other_traits(self.rows[0], self.quantity)

    @property
    def values(self) -> list[int]:
        """The quantity's value at each point."""
        return [_value(row, self.quantity) for row in self.rows]


def sweeps(rows: Iterable[TimedVariant]) -> list[Sweep]:
    """All sweeps of at least three points."""
    rows = list(rows)
    return [sweep for quantity in QUANTITIES for sweep in _sweeps(rows, quantity)]


def _sweeps(rows: list[TimedVariant], quantity: str) -> list[Sweep]:
    groups: dict[tuple, dict[int, TimedVariant]] = {}
    for row in rows:
        if (value := _value(row, quantity)) is not None:
            key = (_other_traits(row, quantity), row.cell, row.form, row.framework, row.threads)
            groups.setdefault(key, {})[value] = row
    return [
        Sweep(quantity, tuple(points[value] for value in sorted(points)))
        for points in groups.values()
        if len(points) >= FEWEST
    ]


def _value(row: TimedVariant, quantity: str) -> int | None:
    """A quantity's value; None if it has no single one."""
    value = traits(row.spec)[quantity]
    if quantity == "length":
        return value and value[1]
    if quantity == "units":
        return value[0] if len(set(value)) == 1 else None
    return value


def _other_traits(row: TimedVariant, quantity: str) -> tuple:
    """All traits without the quantity; of the units, the number of layers stays."""
    values = traits(row.spec)
    values[quantity] = len(values["units"]) if quantity == "units" else None
    return tuple(values.values())
