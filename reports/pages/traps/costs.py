"""What each trap costs: the ports of the traps that have run, ordered."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.traps.trap import Trap
from experiments.twins import TWINS
from reports.data.results import RecordedTrap
from reports.statistics import Estimate, mean


@dataclass(frozen=True)
class Port:
    """A trap's ports into one twin. ``moved`` is the points of accuracy, naive minus right, of a trap that scores."""

    into: str
    naive: float
    right: float
    meaningful: float
    moved: Estimate | None = None

    @property
    def wrong(self) -> bool:
        """Whether the naive port costs anything that was measured."""
        return self.moved.excludes_zero if self.moved else not self.naive <= self.meaningful


@dataclass(frozen=True)
class Cost:
    """A trap that has run, with its ports into each twin."""

    recorded: RecordedTrap
    ports: tuple[Port, ...]

    @property
    def trap(self) -> Trap:
        """The neutral half."""
        return self.recorded.run.described

    @property
    def largest(self) -> float:
        """The greater cost of the two directions; what the page is ordered by."""
        sizes = [abs(port.moved.value) if port.moved else port.naive for port in self.ports]
        return max((size for size in sizes if not math.isnan(size)), default=math.inf)


def costs(traps: Sequence[RecordedTrap], scores: bool) -> list[Cost]:
    """The traps that have run, of those that score or of the others, the costliest first."""
    run = [each for each in traps if each.record.get("costs") and each.run.described.scores == scores]
    return sorted((Cost(each, _ports(each)) for each in run), key=lambda cost: -cost.largest)


def _ports(recorded: RecordedTrap) -> tuple[Port, ...]:
    found, meaningful = recorded.record, recorded.run.described.meaningful
    return tuple(
        Port(twin, each["naive"], each["right"], meaningful, _moved(found["accuracies"].get(twin)))
        for twin in TWINS
        for each in [found["costs"][twin]]
    )


def _moved(accuracies: dict[str, list[float]] | None) -> Estimate | None:
    """The paired difference of the naive and the right port's accuracies, over the seeds, in points."""
    if not accuracies:
        return None
    pairs = zip(accuracies["naive"], accuracies["right"], strict=True)
    return mean([100 * (naive - right) for naive, right in pairs])
