"""What each trap costs: the ports of the traps that have run, ordered."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from experiments.traps.trap import Trap
from experiments.twins import TWINS
from reports.data.results import Recorded
from reports.statistics import Estimate, mean

#: A trap whose cost is an error, points of accuracy, or time.
KINDS: tuple[Callable[[Trap], bool], ...] = (
    lambda trap: trap.errs,
    lambda trap: trap.scores,
    lambda trap: bool(trap.counted),
)


@dataclass(frozen=True)
class Slower:
    """How much longer a naive port takes: ``ratio`` to the right one, and what each counted in a step, in words."""

    ratio: Estimate
    counts: tuple[float, float]  # naive, right
    counted: str
    alone: bool  # both are one function


@dataclass(frozen=True)
class Port:
    """A trap's ports into one twin: errors, or mean accuracies, or median seconds.

    ``moved`` is the points of accuracy, naive minus right, of a trap that scores; ``slower`` of one that costs time.
    """

    into: str
    naive: float
    right: float
    meaningful: float
    moved: Estimate | None = None
    slower: Slower | None = None

    @property
    def wrong(self) -> bool:
        """Whether the naive port costs anything that was measured."""
        if self.slower:
            return self.slower.ratio.low > 1
        return self.moved.excludes_zero if self.moved else not self.naive <= self.meaningful


@dataclass(frozen=True)
class Cost:
    """A trap that has run, with its ports into each twin."""

    recorded: Recorded
    ports: tuple[Port, ...]

    @property
    def trap(self) -> Trap:
        """The neutral half."""
        return self.recorded.job.described

    @property
    def largest(self) -> float:
        """The greater cost of the two directions; what the page is ordered by."""
        sizes = [_size(port) for port in self.ports]
        return max((size for size in sizes if not math.isnan(size)), default=math.inf)


def costs(traps: Sequence[Recorded]) -> list[list[Cost]]:
    """The traps that have run, those of each kind apart (``KINDS``), the costliest first."""
    run = [each for each in traps if each.record.get("costs")]
    by_kind = [[Cost(each, _ports(each)) for each in run if kind(each.job.described)] for kind in KINDS]
    return [sorted(each, key=lambda cost: -cost.largest) for each in by_kind]


def _size(port: Port) -> float:
    if port.slower:
        return port.slower.ratio.value
    return abs(port.moved.value) if port.moved else port.naive


def _ports(recorded: Recorded) -> tuple[Port, ...]:
    record, trap = recorded.record, recorded.job.described
    return tuple(
        Port(
            twin,
            record["costs"][twin]["naive"],
            record["costs"][twin]["right"],
            trap.meaningful,
            _moved(record["accuracies"].get(twin)),
            _slower(record.get("rounds", {}).get(twin), trap.counted),
        )
        for twin in TWINS
    )


def _moved(accuracies: dict[str, list[float]] | None) -> Estimate | None:
    """The paired difference of the naive and the right port's accuracies, over the seeds, in points."""
    if not accuracies:
        return None
    pairs = zip(accuracies["naive"], accuracies["right"], strict=True)
    return mean([100 * (naive - right) for naive, right in pairs])


def _slower(rounds: Mapping[str, Any] | None, counted: str) -> Slower | None:
    """The ratio of naive to right within each round, its geometric mean; of one function 1."""
    if not rounds:
        return None
    pairs = zip(rounds["naive"], rounds["right"], strict=True)
    ratio = mean([math.log(naive / right) for (naive, _), (right, _) in pairs])
    value, low, high = map(math.exp, ratio[:3])
    counts = tuple(median(count for _, count in rounds[port]) for port in ("naive", "right"))
    return Slower(Estimate(value, low, high, ratio.n), counts, counted, rounds["naive"] == rounds["right"])
