"""Sweeps: timings of one variant in which a single quantity changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from reports.pages.speed.timings import TimedVariant
from reports.pages.speed.traits import length, traits

#: What a step's cost may grow with; the length goes by the task's own name.
QUANTITIES = ("length", "units", "batch")
FEWEST = 3  # points of a sweep


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
