"""A table of experiments in a study's TOML: fields that are shared, and fields that vary."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationError, model_validator

from experiments.errors import UserError
from experiments.frozen import Frozen
from experiments.spec import ExperimentSpec
from experiments.study.explain import explain
from experiments.twins import FRAMEWORKS

Values = Annotated[list[Any], Field(min_length=1)]
FrameworkName = Literal[tuple(FRAMEWORKS)]


class Grid(Frozen):
    """Experiments that share most of their fields: ``vary`` maps a dotted field to the values it takes.

    Fields that only go together are varied as a table: ``network = [{ cell = "lstm" }, { cell = …, … }]``. The values
    in ``vary`` are combined, each with each; those in ``sweep`` change one field at a time, all others staying as told.
    ``frameworks`` and ``seeds`` default to the study's.
    """

    task: str | dict[str, Any] = Field(default_factory=dict)
    network: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    conventions: str | dict[str, Any] = "stock"
    vary: dict[str, Values] = Field(default_factory=dict)
    sweep: dict[str, Values] = Field(default_factory=dict)
    seeds: PositiveInt | None = None
    frameworks: Annotated[tuple[FrameworkName, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _has_a_task(self) -> Self:
        if not self.task and "task" not in self.vary:
            raise ValueError("task: missing; a table needs one, or varies it")
        return self

    def experiments(self) -> Iterator[dict[str, Any]]:
        """Every combination of the varied values, the last one changing fastest, and each with every sweep's values."""
        base = {
            "task": {"name": self.task} if isinstance(self.task, str) else self.task,
            "network": self.network,
            "training": self.training,
            "conventions": {"base": self.conventions} if isinstance(self.conventions, str) else self.conventions,
        }
        varied = (list(zip(self.vary, values, strict=True)) for values in itertools.product(*self.vary.values()))
        swept = [[(path, value)] for path, values in self.sweep.items() for value in values] or [[]]
        for together, alone in itertools.product(varied, swept):
            data: dict[str, Any] = {part: dict(fields) for part, fields in base.items()}
            for path, value in together + alone:
                _place(data, path, value)
            yield data

    def specs(self, path: Path, where: str) -> Iterator[ExperimentSpec]:
        """The experiments, checked.

        Args:
            path: of the study's file, for messages.
            where: the table's name and number, for messages.

        Raises:
            UserError: one of them is not valid.
        """
        for data in self.experiments():
            try:
                yield ExperimentSpec.model_validate(data)
            except ValidationError as error:
                raise UserError(f"{path}: {where}: {explain(error, ExperimentSpec)}") from error


#: What a part's name means where a varied value is a string: the field that it sets.
NAMED_BY = {"task": "name", "conventions": "base"}


def _place(data: dict[str, Any], path: str, value: Any) -> None:
    """Put a varied value in its place: a field, a part's name, or a table, which joins the network's or training's."""
    part, _, field = path.partition(".")
    if field:
        data.setdefault(part, {})[field] = value
    elif isinstance(value, str) and part in NAMED_BY:
        data[part] = {NAMED_BY[part]: value}
    elif isinstance(value, dict) and part in ("network", "training"):
        data[part] = data[part] | value
    else:
        data[part] = value
