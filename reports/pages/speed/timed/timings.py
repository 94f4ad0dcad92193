"""One variant's timing in figures, and the ratios of timings with their intervals and verdicts."""

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
from reports.statistics import decided, interval, moderated, rounds

TUNED = "tuned"
MARK = "†"
NOUNS = ("layer", "cell_loop")  # forms that a title names without the word "form"


@dataclass(frozen=True)
class TimedVariant:
    """One variant, timed on one framework; figures in seconds."""

    timed: RecordedTiming
    cell: str

    @property
    def spec(self) -> ExperimentSpec:
        """What was timed."""
        return self.timed.timing.spec

    @property
    def framework(self) -> str:
        """The framework's name."""
        return self.timed.timing.framework

    @property
    def threads(self) -> int:
        """The framework's number of threads."""
        return self.timed.timing.threads

    @property
    def form(self) -> str:
        """Its form, and its execution if that is not the framework's default: ``layer, eager``."""
        execution = self.spec.training.execution
        return self.spec.network.form + (f", {execution}" if execution != "default" else "")

    @property
    def tuned(self) -> bool:
        """Whether it is the fastest known way, and not written as usual."""
        return self.timed.timing.track == TUNED

    @property
    def title(self) -> str:
        """``PyTorch's layer``, ``TensorFlow 2's eager tuned form``."""
        form, execution = self.spec.network.form, self.spec.training.execution
        words = [execution] * (execution != "default") + [form] + ["form"] * (form not in NOUNS)
        return f"{name(self.framework)}'s {' '.join(words)}"

    @cached_property
    def figures(self) -> dict[str, float]:
        """Medians over the processes, by their MLflow names."""
        return summary(self.timed.processes)

    @property
    def has_floor(self) -> bool:
        """Whether its forward pass and its floor were timed too, not only its training step."""
        return has_floor(self.timed.processes)

    @property
    def step(self) -> float:
        """Seconds of a steady training step."""
        return self.figures["time/step_s"]

    @property
    def first_call(self) -> float:
        """Seconds of the first call."""
        return self.figures["time/first_step_s"]

    @cached_property
    def first_calls(self) -> dict[int, float]:
        """Each process's first call, by its round."""
        return {process["round"]: process["train"]["first"] for process in self.timed.processes}

    @cached_property
    def medians(self) -> dict[int, float]:
        """The median of each process's steady steps, by its round."""
        return {process["round"]: float(np.median(process["train"]["steady"])) for process in self.timed.processes}

    @cached_property
    def quartiles(self) -> dict[int, tuple[float, float]]:
        """Each process's lower and upper quartile of its steady steps, by its round."""
        quartiles = {
            process["round"]: np.quantile(process["train"]["steady"], [0.25, 0.75]) for process in self.timed.processes
        }
        return {number: (float(low), float(high)) for number, (low, high) in quartiles.items()}

    @property
    def low(self) -> float:
        """The lowest lower quartile of any process."""
        return min(low for low, _ in self.quartiles.values())

    @property
    def high(self) -> float:
        """The highest upper quartile of any process."""
        return max(high for _, high in self.quartiles.values())

    @property
    def quartiles_text(self) -> str:
        """``18.2 to 19.0``: the lowest lower and the highest upper quartile in ms."""
        return f"{milliseconds(self.low)} to {milliseconds(self.high)}"

    @property
    def n(self) -> str:
        """Steps × processes."""
        return f"{len(self.timed.processes[0]['train']['steady'])}\u00a0×\u00a0{len(self.timed.processes)}"

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why its figures may be unreliable; empty if nothing speaks against them."""
        figures, unsettled = self.figures, sum(not process["train"]["settled"] for process in self.timed.processes)
        within, between, load = figures["spread/within"], figures["spread/between"], figures["load/others"]
        reasons = {
            f"steps spread over {percent(within)}": within > SPREAD,
            f"processes {percent(between)} apart": between > SPREAD,
            f"other programs kept {number(load, 1)} cores busy": load > BUSY,
            f"{count(unsettled, 'process', 'processes')} did not settle": unsettled > 0,
        }
        return tuple(reason for reason, holds in reasons.items() if holds)


class Ratio(NamedTuple):
    """One step's time over another's, with its 95% interval; the bounds are NaN if no round has both."""

    value: float
    low: float
    high: float
    decided: bool = False  # one is faster, by Holm's method over all ratios of the page

    @property
    def interval(self) -> str:
        """``1.31 to 1.52``."""
        return f"{significant(self.low)} to {significant(self.high)}" if not math.isnan(self.low) else "no interval"

    @property
    def inverse(self) -> "Ratio":
        """The other's time over this one's."""
        return Ratio(1 / self.value, 1 / self.high, 1 / self.low, self.decided)


Pair = tuple[TimedVariant, TimedVariant]


class Comparisons:
    """The ratios of a page, judged together.

    Of each round, one process of each variant, the logarithm of the quotient of the medians is taken; their mean gives
    the ratio, its interval and its verdict by the moderated t and Holm's method (``reports/statistics/ratios.py``).

    Args:
        pairs: top and bottom of every ratio that the page states; one that comes twice, or turned round, counts once.
        looks: how often the growing data may be looked at. The intervals are as much wider as hold with 95% however
            often that was (repeated confidence intervals: Jennison and Turnbull 1989).
        itself: further pairs, of a variant and itself.
    """

    def __init__(self, pairs: Iterable[Pair], looks: int = 1, itself: Iterable[Pair] = ()) -> None:
        null = {frozenset(map(_key, pair)): pair for pair in itself}
        named = {frozenset(map(_key, pair)): pair for pair in pairs} | null
        same = np.array([key in null for key in named], bool)
        part = moderated(rounds([_logarithms(*pair) for pair in named.values()]), same)
        intervals = interval(part, 1, looks)
        bounds = np.exp(np.stack([intervals.value, intervals.low, intervals.high], axis=-1)).tolist()
        self._found: dict[tuple[str, str], Ratio] = {}
        for (top, bottom), values, apart in zip(named.values(), bounds, decided(part, looks).tolist(), strict=True):
            value = _unknown(top, bottom) if math.isnan(values[0]) else Ratio(*values, apart)
            self._found[_key(top), _key(bottom)] = value

    def of(self, top: TimedVariant, bottom: TimedVariant) -> Ratio:
        """The top's step over the bottom's.

        Raises:
            KeyError: the page did not name the pair.
        """
        ratio = self._found.get((_key(top), _key(bottom)))
        return ratio or self._found[_key(bottom), _key(top)].inverse


def _key(row: TimedVariant) -> str:
    return row.timed.timing.fingerprint


def _unknown(top: TimedVariant, bottom: TimedVariant) -> Ratio:
    return Ratio(top.step / bottom.step, math.nan, math.nan)


def _logarithms(top: TimedVariant, bottom: TimedVariant) -> list[float]:
    """The log-ratio of each round that has both."""
    both = [number for number in top.medians if number in bottom.medians]
    return [math.log(top.medians[number] / bottom.medians[number]) for number in both]


def times(value: float) -> str:
    """``1.4×``; one digit more near 1."""
    return f"{significant(value, 3 if value < 1.1 else 2)}×"


def milliseconds(value: float) -> str:
    """Seconds as milliseconds, to three digits, without the unit."""
    return significant(1000 * value)


def threads(number: int) -> str:
    """``1 thread``, ``2 threads``."""
    return count(number, "thread")


def distinct(items: Iterable[str]) -> str:
    """``a``, ``a or b``: each value once."""
    return listed(dict.fromkeys(items), "or")
