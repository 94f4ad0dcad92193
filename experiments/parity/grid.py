"""A study's ``[ladder]`` table, expanded to the parity checks that it asks for."""

from itertools import product
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator

from experiments.frozen import Frozen
from experiments.parity.check import ParityCheck, as_reference
from experiments.parity.measure import ALL, STEPS, TASKS, make_spec
from experiments.protocol import Absent
from experiments.spec import ExperimentSpec, Form
from experiments.study.phase import Absence, Answers, Work
from experiments.twins import REFERENCE

FORMS: tuple[Form, ...] = get_args(Form)


class LadderGrid(Frozen):
    """A study's ``[ladder]`` table: every cell × form × conventions × dtype.

    A cell is a name, or a table with options of the network; a ``form`` in it restricts it to that form, and its
    ``task`` may be chars, where the head answers at every step and states are carried. ``alternate`` takes each cell
    and form once and changes conventions and dtype from one to the next, instead of the whole product. ``optimisers``
    is how many of rung 3's eight each check steps; which ones changes from one check to the next. ``steps`` is how many
    losses rung 4 compares. ``device`` of ``auto`` runs the twins on a GPU where their framework finds one.
    """

    cells: Annotated[tuple[str | dict[str, Any], ...], Field(min_length=1)]
    forms: Annotated[tuple[Form, ...], Field(min_length=1)] = FORMS
    conventions: Annotated[tuple[Literal["keras", "pytorch"], ...], Field(min_length=1)] = ("keras", "pytorch")
    dtypes: Annotated[tuple[Literal["float64", "float32"], ...], Field(min_length=1)] = ("float64", "float32")
    device: Literal["cpu", "auto"] = "cpu"
    alternate: bool = False
    optimisers: Annotated[int, Field(ge=1, le=len(ALL))] = len(ALL)
    steps: Annotated[int, Field(ge=1, le=STEPS)] = STEPS

    @field_validator("cells")
    @classmethod
    def _tasks_are_known(cls, cells: tuple[str | dict[str, Any], ...]) -> tuple[str | dict[str, Any], ...]:
        for cell in cells:
            if isinstance(cell, dict) and cell.get("task", "imdb") not in TASKS:
                raise ValueError(f"task {cell['task']!r}; allowed: {', '.join(TASKS)}")
        return cells

    def specs(self) -> list[ExperimentSpec]:
        """The specs to check, each once.

        Raises:
            ValidationError: a cell or an option of it is not valid.
        """
        tables = [{"cell": cell} if isinstance(cell, str) else cell for cell in self.cells]
        networks = [
            {"form": form} | table for table, form in product(tables, self.forms) if table.get("form", form) == form
        ]
        settings = list(product(self.dtypes, self.conventions))
        chosen = (
            ((network, settings[row % len(settings)]) for row, network in enumerate(networks))
            if self.alternate
            else product(networks, settings)
        )
        return list(dict.fromkeys(make_spec(network, way, dtype, self.device) for network, (dtype, way) in chosen))

    def optimisers_of(self, row: int) -> tuple[str, ...]:
        """Which optimisers the check in this place steps, in the ladder's order."""
        places = {(row * self.optimisers + place) % len(ALL) for place in range(self.optimisers)}
        return tuple(name for place, name in enumerate(ALL) if place in places)


def checks_of(grid: LadderGrid, frameworks: tuple[str, ...], answers: Answers) -> Work:
    """The parity checks of a study, and what a framework cannot take part in and why."""
    checks, absent = [], []
    for row, spec in enumerate(grid.specs()):
        support = {name: answers.supports(name, spec) for name in frameworks if name != REFERENCE}
        support[REFERENCE] = answers.supports(REFERENCE, as_reference(spec))
        able = [name for name, answer in support.items() if not isinstance(answer, Absent)]
        versions = tuple((name, answers.versions(name)) for name in able)
        check = ParityCheck(spec, versions, grid.optimisers_of(row), grid.steps)
        absent += [
            Absence(name, check.slug, answer.reason, check, check.facets)
            for name, answer in support.items()
            if isinstance(answer, Absent)
        ]
        if check.pairs:
            checks.append(check)
    return Work(tuple(checks), tuple(absent))
