"""The done timings, side by side as far as they may be compared: what every part of the speed page starts from."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from experiments.ladder import variant
from experiments.spec import ExperimentSpec
from experiments.speed import BUSY, SPREAD, summary
from reports.results import TWINS, Results, Timed
from reports.selection import CELLS, FORMS, FRAMEWORKS, ordered
from reports.words import count, listed, name, number, percent, significant

#: What a step's cost may grow with; the task's own length goes by these names.
LENGTHS = ("tokens", "window")
QUANTITIES = ("length", "units", "batch")
SHORTEST = 3  # points that make a series
EXECUTIONS = ("default", "eager", "compiled")
TUNED = "tuned"
MARK = "†"


@dataclass(frozen=True)
class Clocked:
    """One variant, timed on one framework: its figures in seconds, and what to think of them."""

    timed: Timed
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
        """``PyTorch's layer``."""
        return f"{name(self.framework)}'s {self.form}"

    @cached_property
    def figures(self) -> dict[str, float]:
        """Medians over the processes, by their MLflow names."""
        return summary(self.timed.processes)

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
    goes from the lowest of them to the highest.
    """
    pairs = [(top.quartiles[each], bottom.quartiles[each]) for each in top.quartiles if each in bottom.quartiles]
    low = min((above[0] / below[1] for above, below in pairs), default=math.nan)
    high = max((above[1] / below[0] for above, below in pairs), default=math.nan)
    return Ratio(top.step / bottom.step, low, high)


def times(value: float) -> str:
    """``1.4×``, with a digit more where it is near 1."""
    return f"{significant(value, 3 if value < 1.1 else 2)}×"


def milliseconds(value: float) -> str:
    """Seconds as milliseconds, to three digits, the unit left to the column."""
    return significant(1000 * value)


def threads(number: int) -> str:
    """``1 thread``, ``2 threads``."""
    return count(number, "thread")


# --- what may stand side by side


def length(spec: ExperimentSpec) -> tuple[str, int] | None:
    """The name of the sequence's length and its value; None where the task sets it."""
    found = spec.task.model_dump()
    return next(((field, found[field]) for field in LENGTHS if field in found), None)


def traits(spec: ExperimentSpec) -> dict[str, Any]:
    """What a step's cost hangs on, besides its cell and form; samples and epochs are none of it."""
    network, training, task = spec.network, spec.training, spec.task.model_dump()
    return {
        "task": task["name"],
        "length": length(spec),
        "words": task.get("words"),
        "units": network.units,
        "batch": training.batch_size,
        "embedding": network.embedding_size,
        "dropout": network.dropout,
        "optimiser": training.optimiser,
        "clip": training.clip_norm,
        "dtype": training.dtype,
        "device": training.device,
        "conventions": spec.conventions.label,
    }


def setting(spec: ExperimentSpec) -> str:
    """The traits in words."""
    found, known = traits(spec), length(spec)
    parts = {"tokens": "sequences of {} tokens", "window": "windows of {}"}
    said = [parts[known[0]].format(known[1])] if known else []
    said += [f"{found['words']:,} words"] * bool(found["words"])
    said += [f"embedding {found['embedding']}"] * bool(found["embedding"])
    said += [f"units {'×'.join(map(str, found['units']))}", f"batches of {found['batch']}"]
    said += [f"dropout {found['dropout']:g}", found["optimiser"]]
    said += [f"gradients clipped at {found['clip']:g}"] * (found["clip"] is not None)
    return ", ".join([*said, found["dtype"], f"{found['conventions']} conventions"])


def clocked(results: Results) -> tuple[Clocked, ...]:
    """The twins' done timings, each variant once: of those in several groups, the one that has both twins, or is first."""
    done = [each for each in results.timings if each.state == "done" and each.timing.framework in TWINS]
    variants: dict[str, set[str]] = {}
    for each in done:
        variants.setdefault(each.timing.spec.network.cell, set()).add(variant(each.timing.spec))
    rows = [Clocked(each, _label(each.timing.spec, variants)) for each in done]
    groups: dict[tuple, dict[int, dict[str, Clocked]]] = {}
    for row in rows:
        groups.setdefault(_alike(row), {}).setdefault(row.timed.timing.group, {}).setdefault(row.framework, row)
    return tuple(row for found in groups.values() for row in max(found.values(), key=len).values())


def _label(spec: ExperimentSpec, variants: dict[str, set[str]]) -> str:
    """The cell's name, with its options where others stand beside it."""
    return variant(spec) if len(variants[spec.network.cell]) > 1 else spec.network.cell


def _alike(row: Clocked) -> tuple:
    return (*traits(row.spec).values(), row.cell, row.form, row.threads)


@dataclass(frozen=True)
class Board:
    """What may be compared cell by cell and form by form: one task in one setting, with so many threads."""

    name: str  # its address on the page
    title: str
    rows: tuple[Clocked, ...]

    @property
    def task(self) -> str:
        """Its task."""
        return self.rows[0].spec.task.name

    @property
    def threads(self) -> int:
        """Its number of threads."""
        return self.rows[0].threads

    @property
    def setting(self) -> str:
        """All of its setting in words."""
        return setting(self.rows[0].spec)

    @cached_property
    def cells(self) -> list[str]:
        """In the pages' order."""
        return ordered((row.cell for row in self.rows), CELLS)

    @cached_property
    def forms(self) -> list[str]:
        """In the pages' order, each form's executions together, the tuned ones last."""
        known = [f"{form}, {each}" if each != "default" else form for form in (*FORMS, TUNED) for each in EXECUTIONS]
        return ordered((row.form for row in self.rows), known)

    def of(self, cell: str, form: str | None = None, framework: str | None = None) -> list[Clocked]:
        """A cell's rows, form by form, TensorFlow 2's first."""
        found = [
            row
            for row in self.rows
            if row.cell == cell and form in (None, row.form) and framework in (None, row.framework)
        ]
        return sorted(found, key=lambda row: (self.forms.index(row.form), FRAMEWORKS.index(row.framework)))

    def fastest(self, cell: str, framework: str, stock: bool = False) -> Clocked | None:
        """A twin's fastest form of a cell, among those usually written where ``stock``."""
        found = [row for row in self.of(cell, framework=framework) if not (stock and row.tuned)]
        return min(found, key=lambda row: row.step, default=None)


def boards(rows: Sequence[Clocked]) -> list[Board]:
    """For each task and number of threads its main setting, then others; not what stands in a series alone."""
    swept = {id(row) for each in series(rows) for row in each.rows}
    groups: dict[tuple, list[Clocked]] = {}
    for row in rows:
        groups.setdefault((row.spec.task.name, row.threads, *traits(row.spec).values()), []).append(row)
    main: dict[tuple, tuple] = {}
    for key, found in groups.items():
        if key[:2] not in main or len(found) > len(groups[main[key[:2]]]):
            main[key[:2]] = key
    shown = [key for key, found in groups.items() if key in main.values() or any(id(row) not in swept for row in found)]
    tasks, seen, made = ordered((key[0] for key in shown), ("imdb",)), {}, []
    for key in sorted(shown, key=lambda key: (tasks.index(key[0]), -key[1], key not in main.values())):
        task, many = key[:2]
        place = seen[key[:2]] = seen.get(key[:2], 0) + 1
        more = f", setting {place}" if place > 1 else ""
        address = f"{task}-{many}" + (f"-{place}" if place > 1 else "")
        made.append(Board(address, f"{task}, {threads(many)}{more}", tuple(groups[key])))
    return made


# --- series


@dataclass(frozen=True)
class Series:
    """One way of one cell on one framework, of which a single quantity changes."""

    quantity: str
    rows: tuple[Clocked, ...] = field(repr=False)  # from the smallest to the largest

    @property
    def word(self) -> str:
        """The quantity as the task names it."""
        return length(self.rows[0].spec)[0] if self.quantity == "length" else self.quantity

    @property
    def values(self) -> list[int]:
        """The quantity's."""
        return [_quantity(row, self.quantity) for row in self.rows]


def series(rows: Iterable[Clocked]) -> list[Series]:
    """Those of at least three points that differ in one quantity and in nothing else."""
    rows, made = list(rows), []
    for quantity in QUANTITIES:
        groups: dict[tuple, dict[int, Clocked]] = {}
        for row in rows:
            if (value := _quantity(row, quantity)) is not None:
                groups.setdefault(_but(row, quantity), {})[value] = row
        made += [
            Series(quantity, tuple(found[value] for value in sorted(found)))
            for found in groups.values()
            if len(found) >= SHORTEST
        ]
    return made


def _quantity(row: Clocked, quantity: str) -> int | None:
    """A quantity's value; None where there is no single one."""
    found = traits(row.spec)[quantity]
    if quantity == "length":
        return found and found[1]
    if quantity == "units":
        return found[0] if len(set(found)) == 1 else None
    return found


def _but(row: Clocked, quantity: str) -> tuple:
    """All but the quantity; of units their number of layers stays."""
    found = traits(row.spec)
    found[quantity] = len(found["units"]) if quantity == "units" else None
    return (*found.values(), row.cell, row.form, row.framework, row.threads)


def several(items: Iterable[str]) -> str:
    """``a``, ``a or b``: whatever the values are, each once."""
    return listed(dict.fromkeys(items), "or")
