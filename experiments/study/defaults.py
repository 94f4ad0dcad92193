"""``[[defaults]]`` in a study's TOML, for the question which convention moves the result: the arms of a design."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError

from experiments.conventions import TABLE, Owner
from experiments.errors import UserError
from experiments.frozen import Frozen
from experiments.spec import ExperimentSpec
from experiments.study.explain import explain
from experiments.study.factorial import MOST_FIELDS, alone, factorial
from experiments.study.grid import FrameworkName, Grid, Values
from experiments.twins import TWINS

FieldName = Literal[tuple(TABLE)]
LEVELS: dict[int, Owner] = {-1: "keras", 1: "pytorch"}


class Defaults(Frozen):
    """Arms that tell the conventions' fields apart, each trained with the same seeds, so that seeds are blocks.

    ``factorial``: a design of resolution V, for every field's effect averaged over the others, and every pair's.
    ``corners``: from each corner in ``start`` (all fields Keras's, or all PyTorch's) each field changed alone.
    ``fields`` are by default all that can act in the experiment. One framework trains the arms, since the twins agree;
    a fixed random share ``both`` of the trials runs on both, to show it.
    """

    task: str | dict[str, Any] = Field(default_factory=dict)
    network: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    vary: dict[str, Values] = Field(default_factory=dict)
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)] | None = None
    design: Literal["factorial", "corners"] = "factorial"
    start: Annotated[tuple[Owner, ...], Field(min_length=1)] = ("keras", "pytorch")
    seeds: PositiveInt = 8
    first_seed: NonNegativeInt = 0
    framework: FrameworkName = "pytorch"
    both: Annotated[float, Field(ge=0, le=1)] = 0.05

    def specs(self, path: Path, where: str) -> Iterator[ExperimentSpec]:
        """Every arm of every varied setting.

        Args:
            path: of the study's file, for messages.
            where: the table's name and number, for messages.

        Raises:
            UserError: a setting is not valid, or a field cannot act in it.
        """
        grid = Grid(task=self.task, network=self.network, training=self.training, vary=self.vary, conventions="keras")
        for corner in grid.specs(path, where):
            fields = self._acting(corner, path, where)
            for levels in self._levels(len(fields)):
                yield arm(corner, dict(zip(fields, levels, strict=True)))

    def trials(self, spec: ExperimentSpec) -> Iterator[tuple[str, int]]:
        """The frameworks and seeds that an arm is trained with."""
        for seed in range(self.first_seed, self.first_seed + self.seeds):
            yield self.framework, seed
            if _share(spec, seed) < self.both:
                yield from ((twin, seed) for twin in TWINS if twin != self.framework)

    def _acting(self, corner: ExperimentSpec, path: Path, where: str) -> tuple[str, ...]:
        """The fields to change, checked."""
        idle = corner.idle
        if self.fields is None:
            return tuple(name for name in TABLE if not idle.get(name))[:MOST_FIELDS]
        for name in self.fields:
            if idle.get(name):
                raise UserError(f"{path}: {where}: fields: {name} cannot act: {idle[name]}")
        if len(set(self.fields)) != len(self.fields) or len(self.fields) > MOST_FIELDS:
            raise UserError(f"{path}: {where}: fields: allowed: at most {MOST_FIELDS}, each once")
        return self.fields

    def _levels(self, fields: int) -> np.ndarray:
        if self.design == "factorial":
            return factorial(fields)
        signs = {owner: level for level, owner in LEVELS.items()}
        return np.vstack([alone(fields, signs[owner]) for owner in self.start])


def arm(corner: ExperimentSpec, levels: dict[str, int]) -> ExperimentSpec:
    """The experiment with these fields at their levels, written as a study would write it by hand.

    Keras's corner and PyTorch's are the plain conventions; nearer to PyTorch's corner the base is ``pytorch``, so that
    the same experiment has the same fingerprint wherever a study names it.
    """
    owners = {name: LEVELS[int(level)] for name, level in levels.items()}
    whole = set(owners) == {name for name in TABLE if not corner.idle.get(name)}
    near = sum(owner == "pytorch" for owner in owners.values()) > len(owners) / 2
    base = "pytorch" if whole and near else "keras"
    overrides = {name: owner for name, owner in owners.items() if owner != base}
    conventions = type(corner.conventions)(base=base, **overrides)
    return corner.model_copy(update={"conventions": conventions})


def _share(spec: ExperimentSpec, seed: int) -> float:
    """A number in [0, 1) that belongs to the trial, so that the random share is the same on every machine."""
    return int(sha256(f"{spec.fingerprint} {seed}".encode()).hexdigest()[:8], 16) / 2**32


def checked(tables: Sequence[Defaults], path: Path) -> Iterator[tuple[Defaults, ExperimentSpec]]:
    """Every table's arms.

    Raises:
        UserError: one of them is not valid.
    """
    for number, table in enumerate(tables, start=1):
        where = f"defaults {number}"
        try:
            yield from ((table, spec) for spec in table.specs(path, where))
        except ValidationError as error:
            raise UserError(f"{path}: {where}: {explain(error, Defaults)}") from error
