"""Forward passes alone: the engines', and each twin's in the form that is the fastest at it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np

from experiments.spec import ExperimentSpec
from experiments.speed.engines import ENGINES
from experiments.speed.outcome import SPREAD, spread
from experiments.twins import TWINS
from reports.data.results import RecordedTiming, Results
from reports.html.format import name, percent
from reports.pages.speed.timed.benchmarks import Benchmark
from reports.pages.speed.timed.timings import Comparisons, milliseconds


@dataclass(frozen=True)
class ForwardPass:
    """One network's forward pass in a twin or an engine; times in seconds."""

    timed: RecordedTiming
    cell: str
    title: str

    @property
    def who(self) -> str:
        """The twin's or engine's name."""
        return self.timed.timing.framework

    @property
    def is_engines(self) -> bool:
        """Whether an engine ran it, and no twin."""
        return self.who in ENGINES

    @cached_property
    def medians(self) -> dict[int, float]:
        """The median of each process, by its round."""
        return {each["round"]: float(np.median(each["forward"]["steady"])) for each in self._processes}

    @property
    def step(self) -> float:
        """The median over the processes, under the name that ``Comparisons`` knows."""
        return median(self.medians.values())

    @property
    def build(self) -> float:
        """Building the network, which reads the weights and the graph."""
        return median(each["build_s"] for each in self._processes)

    @property
    def first(self) -> float:
        """The first call, in which a compiler compiles."""
        return median(each["forward"]["first"] for each in self._processes)

    @property
    def error(self) -> float | None:
        """The largest difference from the reference; None for a twin, whose is on the parity page."""
        return max(each["error"] for each in self._processes) if self.is_engines else None

    @property
    def low(self) -> float:
        """The lowest lower quartile of any process."""
        return min(float(np.quantile(each["forward"]["steady"], 0.25)) for each in self._processes)

    @property
    def high(self) -> float:
        """The highest upper quartile of any process."""
        return max(float(np.quantile(each["forward"]["steady"], 0.75)) for each in self._processes)

    @property
    def n(self) -> str:
        """Calls × processes."""
        return f"{len(self._processes[0]['forward']['steady'])}\u00a0×\u00a0{len(self._processes)}"

    @property
    def doubts(self) -> str:
        """How far its times spread, where that is too far; else empty."""
        widest = max(spread(self._processes, "forward"))
        return f"spread over {percent(widest)}" if widest > SPREAD else ""

    @property
    def said(self) -> str:
        """Who and how long."""
        return f"{self.title}: {milliseconds(self.step)} ms"

    @property
    def _processes(self) -> Sequence[Mapping[str, Any]]:
        """Those in which it was timed: a further round of a close pair times training steps alone."""
        return [each for each in self.timed.processes if "forward" in each]


def passes(benchmark: Benchmark, results: Results) -> dict[str, list[ForwardPass]]:
    """For each cell that an engine ran: the twins' fastest forward passes, then the engines'."""
    engines = {cell: _engines(benchmark, cell, results) for cell in benchmark.cells}
    return {cell: [*_twins(benchmark, cell), *own] for cell, own in engines.items() if own}


def floor(benchmark: Benchmark, cell: str) -> float | None:
    """Seconds of the matrix products of a forward pass alone, the fastest framework's; None where none was timed."""
    figures = [row.figures for row in benchmark.of(cell) if row.has_floor]
    return min((each["time/forward_s"] / each["floor/forward_multiple"] for each in figures), default=None)


def pairs(by_cell: Mapping[str, Sequence[ForwardPass]]) -> list[tuple[ForwardPass, ForwardPass]]:
    """Each twin's forward pass over each engine's of the same cell."""
    return [
        (twin, engine)
        for rows in by_cell.values()
        for twin in rows
        for engine in rows
        if engine.is_engines and not twin.is_engines
    ]


def comparisons(all_passes: Sequence[Mapping[str, Sequence[ForwardPass]]]) -> Comparisons:
    """The ratios of the page's forward passes, judged together and apart from those of training steps."""
    return Comparisons([pair for by_cell in all_passes for pair in pairs(by_cell)])


def _engines(benchmark: Benchmark, cell: str, results: Results) -> list[ForwardPass]:
    """The engines' passes, in the order of their table."""
    networks = {_network(row.spec) for row in benchmark.of(cell)}
    done = [
        timed
        for timed in results.timings
        if timed.state == "done"
        and timed.timing.framework in ENGINES
        and timed.timing.threads == benchmark.threads
        and _network(timed.timing.spec) in networks
    ]
    done.sort(key=lambda timed: list(ENGINES).index(timed.timing.framework))
    return [ForwardPass(timed, cell, name(timed.timing.framework)) for timed in done]


def _twins(benchmark: Benchmark, cell: str) -> list[ForwardPass]:
    """Each twin's fastest forward pass, of the forms in which it was timed."""
    rows = [ForwardPass(row.timed, cell, row.title) for row in benchmark.of(cell) if row.has_floor]
    own = ([row for row in rows if row.who == twin] for twin in TWINS)
    return [min(of_twin, key=lambda row: row.step) for of_twin in own if of_twin]


def _network(spec: ExperimentSpec) -> Hashable:
    """What a forward pass computes, whatever the form."""
    network = spec.network.model_copy(update={"form": "layer", "dropout": 0.0})
    return spec.task, network, spec.training.batch_size, spec.training.dtype, spec.training.device
