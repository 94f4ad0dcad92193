"""A rate over simulated studies, its interval, and the range that it must lie in."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from scipy import stats

STUDIES = 2_000
CONFIDENCE = 0.999  # of a rate's interval: a benchmark of twenty rates should not fail by chance


class Simulation(NamedTuple):
    """A rate, the range that it must lie in, and what tells for each made study whether the event happened."""

    name: str
    low: float
    high: float
    run: Callable[[Generator, int], np.ndarray]  # (rng, studies) -> bool (studies,)


class Rate(NamedTuple):
    """A simulated rate with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f}  {self.low:.3f} to {self.high:.3f}"

    def reaches(self, simulation: Simulation) -> bool:
        """Whether the interval has a part in the simulation's range."""
        return self.low <= simulation.high and self.high >= simulation.low


def rate(simulation: Simulation, studies: int = STUDIES, seed: int = 0) -> Rate:
    """Simulate; the same seed gives the same rate."""
    events = simulation.run(np.random.default_rng(seed), studies)
    bounds = stats.binomtest(int(events.sum()), studies).proportion_ci(CONFIDENCE, method="wilson")
    return Rate(float(events.mean()), bounds.low, bounds.high)
