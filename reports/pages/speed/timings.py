"""One done timing's figures, and two of them over each other by the speed page's one rule."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from experiments.spec import ExperimentSpec
from experiments.speed.outcome import BUSY, SPREAD, has_floor, summary
from reports.data.results import RecordedTiming
from reports.html.format import count, listed, name, number, percent, significant

TUNED = "tuned"
MARK = "†"
#: How far apart two processes of one variant may come to lie on a shared machine: what a single one cannot show.
ALONE = 0.25
NOUNS = ("layer", "cell_loop")  # forms that need no other word


@dataclass(frozen=True)
class Clocked:
    """One variant, timed on one framework: its figures in seconds, and what to think of them."""

    timed: RecordedTiming
    cell: str

    @property
    def spec(self) -> ExperimentSpec:
        """What was timed."""
        return self.timed.timing.spec

    @property
    def framework(self) -> str:
        """Whose it is."""
        return self.timed.timing.framework

    @property
    def threads(self) -> int:
        """How many threads the framework was given."""
        return self.timed.timing.threads

    @property
    def form(self) -> str:
        """How it is written, and how it is executed where that is not the framework's own way: ``layer, eager``."""
        execution = self.spec.training.execution
        return self.spec.network.form + (f", {execution}" if execution != "default" else "")

    @property
    def tuned(self) -> bool:
        """Whether it is the fastest way we know, and not as it is usually written."""
        return self.timed.timing.track == TUNED

    @property
    def who(self) -> str:
        """``PyTorch's layer``, ``TensorFlow 2's eager tuned form``."""
        form, execution = self.spec.network.form, self.spec.training.execution
        words = [execution] * (execution != "default") + [form] + ["form"] * (form not in NOUNS)
        return f"{name(self.framework)}'s {' '.join(words)}"

    @cached_property
    def figures(self) -> dict[str, float]:
        """Medians over the processes, by their MLflow names."""
        return summary(self.timed.processes)

    @property
    def floored(self) -> bool:
        """Whether its forward pass and its floor were timed too, and not its training step alone."""
        return has_floor(self.timed.processes)

    @property
    def step(self) -> float:
        """Seconds of a steady training step."""
        return self.figures["time/step_s"]

    @property
    def first(self) -> float:
        """Seconds of the first call."""
        return self.figures["time/first_step_s"]

    @cached_property
    def quartiles(self) -> dict[int, tuple[float, float]]:
        """Each process's lower and upper quartile of its steady steps, by its round."""
        found = {each["round"]: np.quantile(each["train"]["steady"], [0.25, 0.75]) for each in self.timed.processes}
        return {number: (float(low), float(high)) for number, (low, high) in found.items()}

    @property
    def low(self) -> float:
        """The lowest lower quartile of any process."""
        return min(low for low, _ in self.quartiles.values())

    @property
    def high(self) -> float:
        """The highest upper quartile of any process."""
        return max(high for _, high in self.quartiles.values())

    @property
    def n(self) -> str:
        """Steps × processes."""
        return f"{len(self.timed.processes[0]['train']['steady'])}\u00a0×\u00a0{len(self.timed.processes)}"

    @property
    def reservations(self) -> tuple[str, ...]:
        """Why its figures should be taken with care; empty where nothing speaks against them."""
        figures, unsettled = self.figures, sum(not each["train"]["settled"] for each in self.timed.processes)
        within, between, load = figures["spread/within"], figures["spread/between"], figures["load/others"]
        return (
            *(f"steps spread over {percent(within)}" for _ in range(within > SPREAD)),
            *(f"processes {percent(between)} apart" for _ in range(between > SPREAD)),
            *(f"others kept {number(load, 1)} cores busy" for _ in range(load > BUSY)),
            *(f"{count(unsettled, 'process', 'processes')} never settled" for _ in range(unsettled > 0)),
        )


class Ratio(NamedTuple):
    """One step's time over another's, with its interval; NaN bounds where no round has both."""

    value: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether one is the faster: the interval leaves 1 out."""
        return self.low > 1 or self.high < 1

    @property
    def interval(self) -> str:
        """``1.31 to 1.52``."""
        return f"{significant(self.low)} to {significant(self.high)}" if not math.isnan(self.low) else "no interval"


def ratio(top: Clocked, bottom: Clocked) -> Ratio:
    """Time over time, by the page's one rule.

    In each round the top's lower quartile is taken over the bottom's upper one, and the other way round; the interval
    goes from the lowest of them to the highest. From a single round it is widened by what another might bring.
    """
    pairs = [(top.quartiles[each], bottom.quartiles[each]) for each in top.quartiles if each in bottom.quartiles]
    low = min((above[0] / below[1] for above, below in pairs), default=math.nan)
    high = max((above[1] / below[0] for above, below in pairs), default=math.nan)
    wider = 1 + ALONE if len(pairs) == 1 else 1.0
    return Ratio(top.step / bottom.step, low / wider, high * wider)


def times(value: float) -> str:
    """``1.4×``, with a digit more where it is near 1."""
    return f"{significant(value, 3 if value < 1.1 else 2)}×"


def milliseconds(value: float) -> str:
    """Seconds as milliseconds, to three digits, the unit left to the column."""
    return significant(1000 * value)


def threads(number: int) -> str:
    """``1 thread``, ``2 threads``."""
    return count(number, "thread")


def several(items: Iterable[str]) -> str:
    """``a``, ``a or b``: each value once."""
    return listed(dict.fromkeys(items), "or")
