"""A recorded check's results: on each rung and for each pair, the largest error beside its tolerance."""

import math
from typing import NamedTuple

from experiments.parity.check import RUNGS
from reports.data.results import Recorded
from reports.html.format import name, significant


class RungResult(NamedTuple):
    """One pair on one rung; ``ratio`` is the error over its tolerance, ``where`` says which number it is."""

    pair: str
    rung: int
    error: float
    tolerance: float
    ratio: float
    passed: bool
    where: str

    @property
    def error_text(self) -> str:
        """The error, to one digit."""
        return "not a number" if math.isinf(self.error) else significant(self.error, 1)

    @property
    def pair_text(self) -> str:
        """``TensorFlow 2 and PyTorch``."""
        return " and ".join(map(name, self.pair.split("-")))


def rung_results(recorded: Recorded) -> list[RungResult]:
    """All pairs' results, pair by pair."""
    return [
        RungResult(
            pair,
            rung["rung"],
            *(_finite_or_infinite(rung[key]) for key in ("error", "tolerance", "ratio")),
            rung["held"],
            rung["text"],
        )
        for pair, rungs in recorded.record.get("pairs", {}).items()
        for rung in rungs
    ]


def _finite_or_infinite(value: float | None) -> float:
    return math.inf if value is None else value  # JSON has no infinity


def first_failed(recorded: Recorded) -> int:
    """The first rung that fails or that some pair has not reached; one beyond the last if every rung passes."""
    results = rung_results(recorded)
    failed = [result.rung for result in results if not result.passed]
    reached = [{result.rung for result in results if result.pair == pair} for pair in recorded.record["pairs"]]
    unreached = [rung for rung in RUNGS if not all(rung in rungs for rungs in reached)]
    return min(failed + unreached, default=len(RUNGS))


def worst(recorded: Recorded, rung: int) -> RungResult | None:
    """The pair with the largest error on a rung; None if no pair has reached it."""
    results = [result for result in rung_results(recorded) if result.rung == rung]
    return max(results, key=lambda result: result.ratio, default=None)


def share_of_tolerance(ratio: float) -> str:
    """``7.2% of its tolerance``, ``12.0 times its tolerance``."""
    size = f"{significant(100 * ratio, 2)}% of" if ratio < 1 else f"{significant(ratio)} times"
    return f"{size} its tolerance"
