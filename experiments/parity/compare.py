"""Compare two frameworks' numbers rung by rung: the largest error of each, and where it is."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from experiments.canonical import Weights
from experiments.parity.check import RUNGS
from experiments.parity.tolerances import Tolerance, tolerance


class Verdict(NamedTuple):
    """One rung of one pair: the largest error, and where it is."""

    rung: int
    error: float  # on rung 0 the count of numbers that differ, else relative; infinite where one is not a number
    tolerance: float
    where: str  # the weight, output, state or loss that is furthest off
    place: tuple[int, ...]  # of the number within it
    items: dict[str, float]  # everything compared, and its largest error

    @property
    def held(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= self.tolerance

    @property
    def ratio(self) -> float:
        """The error as a multiple of its tolerance; on rung 0 the error itself."""
        return self.error / self.tolerance if self.tolerance else self.error

    def __str__(self) -> str:
        """Where the rung broke: the first step on rung 4, else the number that is furthest off."""
        if self.rung == 4 and self.where == "loss":
            return (
                f"rung 4: the loss of step {self.place[0] + 1} is off by {self.error:.1e}, allowed {self.tolerance:g}"
            )
        at = f" at {list(self.place)}" if self.place else ""
        much = f"{self.error:g} numbers differ" if self.rung == 0 else f"off by {self.error:.1e}"
        return f"rung {self.rung}: {self.where}{at}: {much}, allowed {self.tolerance:g}"


def judge(rung: int, dtype: str, got: Weights, wanted: Weights, cudnn: bool = False) -> Verdict:
    """Compare one framework's numbers with another's on one rung."""
    allowed = {name: tolerance(rung, dtype, name, cudnn) for name in {**wanted, **got}}
    errors = {name: _errors(rung, each, got.get(name), wanted.get(name)) for name, each in allowed.items()}
    items = {name: float(np.sum(each) if rung == 0 else np.max(each, initial=0)) for name, each in errors.items()}
    where = max(items, key=lambda name: items[name] / (allowed[name].rtol or 1))
    return Verdict(rung, items[where], allowed[where].rtol, where, _place(rung, allowed[where], errors[where]), items)


def _errors(rung: int, allowed: Tolerance, got: np.ndarray | None, wanted: np.ndarray | None) -> np.ndarray:
    """Each number's error: relative, with a floor below which the atol rules, so that ≤ rtol is ``isclose``."""
    if got is None or wanted is None or np.shape(got) != np.shape(wanted):
        return np.array(np.inf)
    if rung == 0:
        return _bits(got) != _bits(wanted) if got.dtype == wanted.dtype else np.array(np.inf)
    a, b = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(a == b, 0.0, np.abs(a - b) / (np.abs(b) + allowed.atol / allowed.rtol))
    return np.where(np.isnan(error), np.inf, error)


def _bits(values: np.ndarray) -> np.ndarray:
    """View floats as integers: −0 then differs from 0, and a NaN equals itself."""
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def _place(rung: int, allowed: Tolerance, errors: np.ndarray) -> tuple[int, ...]:
    beyond = np.flatnonzero(errors > allowed.rtol)
    first = rung == 4 and len(beyond)  # what follows the first step that is off is its consequence
    flat = beyond[0] if first else np.argmax(errors)
    return tuple(int(index) for index in np.unravel_index(flat, np.shape(errors)))


Readings = Mapping[int, Weights]  # rung → name → numbers


def compare(dtype: str, got: Readings, wanted: Readings, cudnn: bool = False) -> Iterator[Verdict]:
    """Every rung that both have measured, in order, also those above the first that breaks."""
    for rung in RUNGS:
        if rung in got and rung in wanted:
            yield judge(rung, dtype, got[rung], wanted[rung], cudnn)


def first_broken(verdicts: list[Verdict]) -> Verdict | None:
    """The first rung that breaks, or None."""
    return next((verdict for verdict in verdicts if not verdict.held), None)
