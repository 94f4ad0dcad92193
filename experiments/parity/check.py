"""The parity ladder: what is climbed, how far two may part on each rung, and where they first do.

Rung 0: the weights come back to the bit. 1: outputs and every state. 2: the gradient of every weight and of the input.
3: every weight after one step of each optimiser. 4: the loss of each of 200 steps. (5, equal accuracy over seeds, is
the reports': it needs the trained trials.)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
from pydantic import Field, field_validator

from experiments.canonical import Weights
from experiments.parity.measure import TASKS, Measurement, make_spec
from experiments.protocol import Absent, Support
from experiments.spec import ExperimentSpec, Form, Frozen, NetworkSpec, digest

VERSION = 2  # to be raised with any change of what is measured: climbs of another version do not count as done
RUNGS = (0, 1, 2, 3, 4)
REFERENCE = "reference"


class Tolerance(NamedTuple):
    """Two numbers agree where |a − b| ≤ atol + rtol·|b|, as ``numpy.isclose`` has it."""

    rtol: float
    atol: float


#: One pass or one step, on rungs 1 to 3 and in every test. The atol is for numbers near 0.
CLOSE = {"float64": Tolerance(1e-10, 1e-13), "float32": Tolerance(1e-5, 1e-6)}
#: Weights after one step of Adam, RMSprop or Adagrad, on rung 3. All divide a gradient by its own size, and so turn the
#: rounding of one that is as small as float32's rounding into a step: at a rate of 1e-2 RMSprop parts by more than
#: 1e-5 in 37 pairs, at the ladder's 1e-3 by 9e-7.
ADAPTIVE = {"float64": CLOSE["float64"], "float32": Tolerance(1e-5, 1e-4)}
#: Each of 200 losses, on rung 4. In float32 training amplifies rounding: 8e-6 was seen, and 1e-3 leaves room for other
#: processors' rounding, while a loss falls by more than that in a single step.
TRAINED = {"float64": Tolerance(1e-10, 0.0), "float32": Tolerance(1e-3, 0.0)}
#: A gradient against central differences of the loss, in float64.
FINITE_DIFFERENCES = 1e-6


def tolerance(rung: int, dtype: str, name: str = "") -> Tolerance:
    """How far two may part on a rung in the numbers called ``name``; on rung 0 not at all."""
    if rung == 0:
        return Tolerance(0.0, 0.0)
    if rung == 3 and not name.startswith("sgd"):
        return ADAPTIVE[dtype]
    return (TRAINED if rung == 4 else CLOSE)[dtype]


FORMS: tuple[Form, ...] = get_args(Form)


class LadderGrid(Frozen):
    """A study's ``[ladder]`` table: every cell × form × conventions × dtype.

    A cell is its name, or a table with options of the network's; its own ``form`` would be its only one, and its
    ``task`` may be chars, where the head answers at every step and states are carried. ``alternate`` takes each cell
    and form once in each dtype, the conventions changing from one to the next, not the whole product.
    """

    cells: Annotated[tuple[str | dict[str, Any], ...], Field(min_length=1)]
    forms: Annotated[tuple[Form, ...], Field(min_length=1)] = FORMS
    conventions: Annotated[tuple[Literal["keras", "pytorch"], ...], Field(min_length=1)] = ("keras", "pytorch")
    dtypes: Annotated[tuple[Literal["float64", "float32"], ...], Field(min_length=1)] = ("float64", "float32")
    alternate: bool = False

    @field_validator("cells")
    @classmethod
    def _tasks_are_the_ladders(cls, cells: tuple[str | dict[str, Any], ...]) -> tuple[str | dict[str, Any], ...]:
        for cell in cells:
            if isinstance(cell, dict) and cell.get("task", "imdb") not in TASKS:
                raise ValueError(f"task {cell['task']!r}; allowed: {', '.join(TASKS)}")
        return cells

    def specs(self) -> list[ExperimentSpec]:
        """The specs to climb with, each once.

        Raises:
            ValidationError: a cell or an option of it is none.
        """
        found = {}
        for row, (cell, form) in enumerate(product(self.cells, self.forms)):
            network = {"form": form} | ({"cell": cell} if isinstance(cell, str) else cell)
            if network["form"] != form:
                continue
            for place, dtype in enumerate(self.dtypes):
                chosen = self.conventions
                if self.alternate:
                    chosen = (chosen[(row + place) % len(chosen)],)
                found |= dict.fromkeys(make_spec(network, conventions, dtype) for conventions in chosen)
        return list(found)


@dataclass(frozen=True)
class Climb:
    """One spec on the ladder: the twins that have its form, and the reference, each beside each."""

    spec: ExperimentSpec
    versions: tuple[tuple[str, str], ...]  # of the twins' and the reference's packages, by framework

    @cached_property
    def fingerprint(self) -> str:
        """What makes two climbs the same: spec, every version, and the ladder's own."""
        return digest([self.spec.fingerprint, sorted(self.versions), VERSION])

    @property
    def name(self) -> str:
        """What it is to people, beside its spec's name."""
        return f"parity · {self.spec.training.dtype}"

    @property
    def variant(self) -> str:
        """The cell with the options it is given."""
        return variant(self.spec)

    @property
    def slug(self) -> str:
        """A readable name, such as ``lstm-layer-keras-float64``."""
        spec = self.spec
        return f"{self.variant}-{spec.network.form}-{spec.conventions.label}-{spec.training.dtype}"

    @property
    def twins(self) -> tuple[str, ...]:
        """Those whose own the form is."""
        return tuple(name for name, _ in self.versions if name != REFERENCE)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Who is held against whom: each twin against the reference, and the twins against each other."""
        ends = (REFERENCE,) * any(name == REFERENCE for name, _ in self.versions)
        return (*product(self.twins, ends), *([self.twins[:2]] if len(self.twins) > 1 else []))

    def jobs(self) -> dict[str, Measurement]:
        """What each framework has to measure. The reference knows one form: all forms share its measurement."""
        return {name: Measurement(self._of(name), name, version) for name, version in self.versions}

    def _of(self, framework: str) -> ExperimentSpec:
        return as_reference(self.spec) if framework == REFERENCE else self.spec


def as_reference(spec: ExperimentSpec) -> ExperimentSpec:
    """The spec as the reference has it."""
    return spec.model_copy(update={"network": spec.network.model_copy(update={"form": "scratch"})})


#: What a cell's name says already, what is a size, and what a form is; all else of a network's fields is an option.
PLAIN = {"cell", "form", "units", "dropout", "embedding_size", "projection_size"}


def variant(spec: ExperimentSpec) -> str:
    """A spec's cell with its task, if that is chars, and its options, such as ``lstm+bidirectional+cell_clip=0.5``."""
    usual = {name: field.default for name, field in NetworkSpec.model_fields.items()} | {"encoder": "embedding"}
    found = spec.network.model_dump(exclude=PLAIN, exclude_none=True)
    options = {name: value for name, value in found.items() if value != usual[name]}
    named = [name if value is True else f"{name}={value}" for name, value in options.items()]
    return "+".join([spec.network.cell, *["chars"] * (spec.task.name == "chars"), *named])


def lay_out(
    grid: LadderGrid | None,
    frameworks: tuple[str, ...],
    supports: Callable[[str, ExperimentSpec], Support],
    versions: Callable[[str], str],
) -> tuple[tuple[Climb, ...], tuple[tuple[str, Climb, str], ...]]:
    """The climbs of a study, and who cannot climb what: framework, climb and reason."""
    climbs, absent = [], []
    for spec in grid.specs() if grid else ():
        answers = {name: supports(name, spec) for name in frameworks if name != REFERENCE}
        answers[REFERENCE] = supports(REFERENCE, as_reference(spec))
        able = [name for name, answer in answers.items() if not isinstance(answer, Absent)]
        climb = Climb(spec, tuple((name, versions(name)) for name in able))
        absent += [(name, climb, answer.reason) for name, answer in answers.items() if isinstance(answer, Absent)]
        if climb.pairs:
            climbs.append(climb)
    return tuple(climbs), tuple(absent)


class Verdict(NamedTuple):
    """One rung for one pair: the largest error, and whose it is."""

    rung: int
    error: float  # on rung 0 the count of numbers that differ, else relative; infinite where one is not a number
    tolerance: float
    where: str  # the weight, output, state or loss that is furthest off
    place: tuple[int, ...]  # of the number within it
    items: dict[str, float]  # everything compared, and its largest error

    @property
    def held(self) -> bool:
        """Whether the pair holds this rung."""
        return self.error <= self.tolerance

    @property
    def ratio(self) -> float:
        """The error as a multiple of its tolerance; on rung 0 the error itself."""
        return self.error / self.tolerance if self.tolerance else self.error

    def __str__(self) -> str:
        """Where the rung broke: the first step on rung 4, else the number that is furthest off."""
        if self.rung == 4 and self.where == "loss":
            return (
                f"rung 4: the loss of step {self.place[0] + 1} is off by {self.error:.1e}, allowed {self.tolerance:g}"
            )
        at = f" at {list(self.place)}" if self.place else ""
        much = f"{self.error:g} numbers differ" if self.rung == 0 else f"off by {self.error:.1e}"
        return f"rung {self.rung}: {self.where}{at}: {much}, allowed {self.tolerance:g}"


def judge(rung: int, dtype: str, got: Weights, wanted: Weights) -> Verdict:
    """Hold one's numbers against another's."""
    allowed = {name: tolerance(rung, dtype, name) for name in {**wanted, **got}}
    errors = {name: _errors(rung, each, got.get(name), wanted.get(name)) for name, each in allowed.items()}
    items = {name: float(np.sum(each) if rung == 0 else np.max(each, initial=0)) for name, each in errors.items()}
    where = max(items, key=lambda name: items[name] / (allowed[name].rtol or 1))
    return Verdict(rung, items[where], allowed[where].rtol, where, _place(rung, allowed[where], errors[where]), items)


def _errors(rung: int, allowed: Tolerance, got: np.ndarray | None, wanted: np.ndarray | None) -> np.ndarray:
    """Each number's error: relative, with a floor below which the atol rules, so that ≤ rtol is ``isclose``."""
    if got is None or wanted is None or np.shape(got) != np.shape(wanted):
        return np.array(np.inf)
    if rung == 0:
        return _bits(got) != _bits(wanted) if got.dtype == wanted.dtype else np.array(np.inf)
    a, b = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(a == b, 0.0, np.abs(a - b) / (np.abs(b) + allowed.atol / allowed.rtol))
    return np.where(np.isnan(error), np.inf, error)


def _bits(values: np.ndarray) -> np.ndarray:
    """−0 is not 0, and a NaN is equal to itself."""
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def _place(rung: int, allowed: Tolerance, errors: np.ndarray) -> tuple[int, ...]:
    beyond = np.flatnonzero(errors > allowed.rtol)
    first = rung == 4 and len(beyond)  # what follows the first step that is off is its consequence
    flat = beyond[0] if first else np.argmax(errors)
    return tuple(int(index) for index in np.unravel_index(flat, np.shape(errors)))


Readings = Mapping[int, Weights]  # rung → name → numbers


def climb(dtype: str, got: Readings, wanted: Readings) -> Iterator[Verdict]:
    """Every rung that both have measured, in order, also those above the first that breaks."""
    for rung in RUNGS:
        if rung in got and rung in wanted:
            yield judge(rung, dtype, got[rung], wanted[rung])


def first_broken(verdicts: list[Verdict]) -> Verdict | None:
    """The rung at which a climb ends."""
    return next((verdict for verdict in verdicts if not verdict.held), None)
