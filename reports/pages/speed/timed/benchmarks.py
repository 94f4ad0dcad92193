"""Which timings may be compared: those of one task, with the same settings and number of threads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from experiments.spec import ExperimentSpec
from experiments.speed.outcome import peaks
from experiments.speed.schedule import Timing
from experiments.twins import TWINS
from reports.data.comparable import CELLS, FORMS, FRAMEWORKS, ordered
from reports.data.results import RecordedTiming, Results
from reports.html.format import name
from reports.pages.speed.contrasts import CONTRASTS, pairs
from reports.pages.speed.timed.timings import TimedVariant, threads
from reports.pages.speed.timed.traits import in_words, sweeps, traits

EXECUTIONS = ("default", "eager", "compiled")


def timed_variants(results: Results) -> tuple[TimedVariant, ...]:
    """The twins' finished timings, each variant once: from the group with both twins, if any, else the first."""
    done = [timed for timed in _done(results) if not timed.timing.copy]
    names: dict[tuple[str, str], set[str]] = {}
    for timed in done:
        names.setdefault(_task_and_cell(timed.timing.spec), set()).add(timed.timing.spec.variant)
    groups: dict[tuple, dict[int, dict[str, TimedVariant]]] = {}
    for timed in done:
        variant = TimedVariant(timed, _cell_name(timed.timing.spec, names))
        key = (*traits(variant.spec).values(), variant.cell, variant.form, variant.threads)
        groups.setdefault(key, {}).setdefault(timed.timing.group, {}).setdefault(variant.framework, variant)
    return tuple(variant for of_key in groups.values() for variant in max(of_key.values(), key=len).values())


def controls(rows: Sequence[TimedVariant], results: Results) -> list[tuple[TimedVariant, TimedVariant]]:
    """Each variant that was timed again, and its second timing."""
    copies = {_what(timed): timed for timed in _done(results) if timed.timing.copy}
    candidates = [(row, copies.get(_what(row.timed))) for row in rows]
    return [(row, TimedVariant(copy, row.cell)) for row, copy in candidates if copy]


def _done(results: Results) -> list[RecordedTiming]:
    return [timed for timed in results.timings if timed.state == "done" and timed.timing.framework in TWINS]


def _what(timed: RecordedTiming) -> Timing:
    """What was timed, whichever time it was."""
    return replace(timed.timing, copy=0, depth="step")


def _task_and_cell(spec: ExperimentSpec) -> tuple[str, str]:
    return spec.task.name, spec.network.cell


def _cell_name(spec: ExperimentSpec, names: dict[tuple[str, str], set[str]]) -> str:
    """The cell's name, with its options if the same task has the cell with others too."""
    return spec.variant if len(names[_task_and_cell(spec)]) > 1 else spec.network.cell


@dataclass(frozen=True)
class Benchmark:
    """One task with one setting and number of threads: its variants may be compared cell by cell and form by form."""

    name: str  # its anchor on the page
    title: str
    rows: tuple[TimedVariant, ...]

    @property
    def task(self) -> str:
        """The task's name."""
        return self.rows[0].spec.task.name

    @property
    def threads(self) -> int:
        """The number of threads."""
        return self.rows[0].threads

    @property
    def setting(self) -> str:
        """The setting in words."""
        return in_words(self.rows[0].spec)

    @cached_property
    def cells(self) -> list[str]:
        """In the pages' order."""
        return ordered((row.cell for row in self.rows), CELLS)

    @cached_property
    def forms(self) -> list[str]:
        """In the pages' order, each form's executions together, the tuned ones last."""
        known = [
            f"{form}, {execution}" if execution != "default" else form for form in FORMS for execution in EXECUTIONS
        ]
        return ordered((row.form for row in self.rows), known)

    def of(self, cell: str, form: str | None = None, framework: str | None = None) -> list[TimedVariant]:
        """A cell's variants, form by form, in the frameworks' order."""
        chosen = [
            row
            for row in self.rows
            if row.cell == cell and form in (None, row.form) and framework in (None, row.framework)
        ]
        return sorted(chosen, key=lambda row: (self.forms.index(row.form), FRAMEWORKS.index(row.framework)))

    def ways(self, cell: str) -> dict[str, float]:
        """Seconds of a cell's bare matrix products, by who ran them: each framework, and NumPy."""
        by_way: dict[str, list[float]] = {}
        for row in self.of(cell):
            for way, figure in ((name(row.framework), "floor/step_s"), ("NumPy", "floor/numpy_step_s")):
                if figure in row.figures:
                    by_way.setdefault(way, []).append(row.figures[figure])
        return {way: median(values) for way, values in by_way.items()}

    def floor(self, cell: str) -> float | None:
        """The fastest of the ways; None where none was timed."""
        return min(self.ways(cell).values(), default=None)

    def gates(self, cell: str) -> float | None:
        """Seconds to read and write the values of a cell's gates; None where that was not timed."""
        seconds = [row.figures["floor/gates_s"] for row in self.of(cell) if "floor/gates_s" in row.figures]
        return median(seconds) if seconds else None

    @cached_property
    def peaks(self) -> dict[str, list[float]]:
        """GFLOP/s of one large matrix product in each process, by who ran it; empty where none was timed."""
        processes = {
            (row.framework, process["round"]): process
            for row in self.rows
            for process in row.timed.processes
            if "peak" in process
        }
        rates: dict[str, list[float]] = {}
        for (framework, _), process in processes.items():
            for way, rate in peaks(process).items():
                rates.setdefault("NumPy" if way == "numpy" else name(framework), []).append(rate)
        return rates

    @property
    def peak(self) -> float | None:
        """The processor's peak: the median rate of the fastest way; None where none was timed."""
        return max(map(median, self.peaks.values()), default=None)

    def multiple(self, row: TimedVariant) -> float:
        """A step over its cell's floor."""
        return row.step / self.floor(row.cell)

    def by_framework(self, cell: str, form: str) -> dict[str, TimedVariant]:
        """One cell's form in each framework that was timed with it."""
        return {row.framework: row for row in self.of(cell, form)}

    def fastest(self, cell: str, framework: str, as_usual: bool = False) -> TimedVariant | None:
        """A twin's fastest form of a cell; without the tuned forms if ``as_usual``."""
        chosen = [row for row in self.of(cell, framework=framework) if not (as_usual and row.tuned)]
        return min(chosen, key=lambda row: row.step, default=None)


def benchmarks(rows: Sequence[TimedVariant]) -> list[Benchmark]:
    """For each task and number of threads its main setting, then others.

    Without settings that only a sweep of one field has, or only the comparison of a setting with and without.
    """
    swept = {id(row) for sweep in sweeps(rows) for row in sweep.rows}
    swept |= {id(row) for contrast in CONTRASTS for pair in pairs(rows, contrast) for row in pair}
    groups: dict[tuple, list[TimedVariant]] = {}
    for row in rows:
        groups.setdefault((row.spec.task.name, row.threads, *traits(row.spec).values()), []).append(row)
    main = _largest(groups)
    shown = [key for key, group in groups.items() if key in main or any(id(row) not in swept for row in group)]
    tasks = ordered((key[0] for key in shown), ("imdb",))
    shown.sort(key=lambda key: (tasks.index(key[0]), -key[1], key not in main))
    earlier: dict[tuple[str, int], int] = {}
    return [_benchmark(key, groups[key], earlier) for key in shown]


def _largest(groups: dict[tuple, list[TimedVariant]]) -> set[tuple]:
    """The setting with the most variants, of each task and number of threads."""
    largest: dict[tuple[Any, ...], tuple] = {}
    for key, group in groups.items():
        if key[:2] not in largest or len(group) > len(groups[largest[key[:2]]]):
            largest[key[:2]] = key
    return set(largest.values())


def _benchmark(key: tuple, group: list[TimedVariant], earlier: dict[tuple[str, int], int]) -> Benchmark:
    task, many = key[:2]
    place = earlier[task, many] = earlier.get((task, many), 0) + 1
    anchor, title = f"{task}-{many}", f"{task}, {threads(many)}"
    if place > 1:
        anchor, title = f"{anchor}-{place}", f"{title}, setting {place}"
    return Benchmark(anchor, title, tuple(group))
