"""Which timings may be compared: boards of equal settings, and series in which a single quantity changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from experiments.spec import ExperimentSpec
from experiments.twins import TWINS
from reports.data.comparable import CELLS, FORMS, FRAMEWORKS, ordered
from reports.data.results import Results
from reports.pages.speed.timings import Clocked, threads

#: What a step's cost may grow with; the task's own length goes by these names.
QUANTITIES = ("length", "units", "batch")
SHORTEST = 3  # points that make a series
EXECUTIONS = ("default", "eager", "compiled")


def length(spec: ExperimentSpec) -> tuple[str, int] | None:
    """The name of the sequence's length and its value; None where the task sets it."""
    field = spec.task.LENGTH
    return (field, getattr(spec.task, field)) if field else None


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
    said = [parts.get(known[0], f"{known[0]} {{}}").format(known[1])] if known else []
    said += [f"{each:,} words" for each in [found["words"]] if each]
    said += [f"embedding {found['embedding']}"] * bool(found["embedding"])
    said += [f"units {'×'.join(map(str, found['units']))}", f"batches of {found['batch']}"]
    said += [f"dropout {found['dropout']:g}", found["optimiser"]]
    said += [f"gradients clipped at {each:g}" for each in [found["clip"]] if each is not None]
    return ", ".join([*said, found["dtype"], f"{found['conventions']} conventions"])


def clocked(results: Results) -> tuple[Clocked, ...]:
    """The twins' done timings, each variant once: of several groups from the one with both twins, else the first."""
    done = [each for each in results.timings if each.state == "done" and each.timing.framework in TWINS]
    variants: dict[tuple[str, str], set[str]] = {}
    for each in done:
        variants.setdefault(_kind(each.timing.spec), set()).add(each.timing.spec.variant)
    rows = [Clocked(each, _label(each.timing.spec, variants)) for each in done]
    groups: dict[tuple, dict[int, dict[str, Clocked]]] = {}
    for row in rows:
        groups.setdefault(_alike(row), {}).setdefault(row.timed.timing.group, {}).setdefault(row.framework, row)
    return tuple(row for found in groups.values() for row in max(found.values(), key=len).values())


def _kind(spec: ExperimentSpec) -> tuple[str, str]:
    return spec.task.name, spec.network.cell


def _label(spec: ExperimentSpec, variants: dict[tuple[str, str], set[str]]) -> str:
    """The cell's name, with its options where the same task has it with others."""
    return spec.variant if len(variants[_kind(spec)]) > 1 else spec.network.cell


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
        known = [f"{form}, {each}" if each != "default" else form for form in FORMS for each in EXECUTIONS]
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
    def rest(self) -> tuple:
        """What all its points share."""
        return _rest(self.rows[0], self.quantity)

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
                groups.setdefault((_rest(row, quantity), row.cell, row.form, row.framework, row.threads), {})[value] = (
                    row
                )
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


def _rest(row: Clocked, quantity: str) -> tuple:
    """All traits but the quantity; of units their number of layers stays."""
    found = traits(row.spec)
    found[quantity] = len(found["units"]) if quantity == "units" else None
    return tuple(found.values())
