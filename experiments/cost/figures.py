"""A measured figure beside what it may be."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """Values of one figure, one a round, and its bound."""

    what: str
    values: tuple[float, ...]
    bound: float
    unit: str = ""
    least: bool = False  # whether the bound is the least it may be, not the most

    @property
    def middle(self) -> float:
        """The median over the rounds."""
        return median(self.values)

    @property
    def met(self) -> bool:
        """Whether the median keeps the bound."""
        return self.middle >= self.bound if self.least else self.middle <= self.bound

    @property
    def row(self) -> tuple[str, ...]:
        """For a table: what, median, spread, n, bound, verdict."""
        spread = f"{min(self.values):.3g} to {max(self.values):.3g}" if len(self.values) > 1 else "–"
        bound = f"{'≥' if self.least else '≤'} {self.bound:g}{self.unit}"
        return (
            self.what,
            f"{self.middle:.3g}{self.unit}",
            spread,
            str(len(self.values)),
            bound,
            "met" if self.met else "MISSED",
        )


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Round by round."""
    return tuple(a / b for a, b in zip(above, below, strict=True))
