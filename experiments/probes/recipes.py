"""``[[recipes]]`` in a study's TOML: the lines that carry a convention over, put into each framework's tutorial script.

The script is trained as it stands and with the lines of each set of fields, over seeds of the framework's own; the
defaults page holds the change of accuracy beside what the design of the defaults predicts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from experiments import tasks
from experiments.conventions import TABLE
from experiments.errors import UserError
from experiments.events import Event, guarded
from experiments.frozen import Frozen, digest
from experiments.hardware import keep_freed_memory
from experiments.probes.job import Probe, finished
from experiments.probes.porting import LAYERS, OF_A_MODEL, in_keras, in_pytorch
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.study.defaults import FieldName
from experiments.study.grid import Grid
from experiments.study.phase import Answers
from experiments.tasks import DataSource
from experiments.tasks.imdb import BATCH
from experiments.twins import TWINS

FILE = "recipe.json"
VERSION = 1  # raise it with any change of the scripts


class Recipes(Frozen):
    """Sets of fields whose lines are tried in both frameworks' tutorial scripts, each with ``seeds`` seeds."""

    task: str | dict[str, Any] = "imdb"
    network: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    fields: Annotated[tuple[tuple[FieldName, ...], ...], Field(min_length=1)]
    seeds: PositiveInt = 8

    def specs(self, path: Path, where: str) -> Iterator[ExperimentSpec]:
        """The one experiment that the scripts write out, under stock conventions.

        Raises:
            UserError: a setting is not valid, the scripts have no such network, or a field has no lines for them.
        """
        if without := {field for each in self.fields for field in each}.difference(OF_A_MODEL):
            allowed = ", ".join(OF_A_MODEL)
            raise UserError(f"{path}: {where}: fields: {', '.join(sorted(without))}; allowed: {allowed}")
        grid = Grid(task=self.task, network=self.network, training=self.training)
        for spec in grid.specs(path, where):
            network = spec.network
            plain = (network.head, network.encoder, network.bidirectional) == ("linear", "embedding", False)
            if spec.task.name != "imdb" or network.cell not in LAYERS or not plain or len(set(network.units)) > 1:
                raise UserError(
                    f"{path}: {where}: the tutorial scripts read reviews through an embedding, "
                    f"{', '.join(LAYERS)} layers of equal size and a linear head; allowed: such a network"
                )
            yield spec


@dataclass(frozen=True)
class Recipe(Probe):
    """One training of a framework's tutorial script with the lines of ``fields`` added; a job."""

    spec: ExperimentSpec
    framework: str
    version: str
    data: DataSource
    seed: int
    fields: tuple[str, ...]
    kind = "recipe"

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two trainings that are the same: of spec, lines, seed, data, the framework's version, and ours."""
        lines = in_pytorch(self.fields), in_keras(self.fields, self.spec.network.cell)
        parts = [self.kind, self.spec.fingerprint, self.framework, self.version, self.seed, self.data.digest, lines]
        return digest([*parts, VERSION])

    @property
    def listing(self) -> tuple[str, str, str]:
        """Its line in a listing: phase, script and lines, seed."""
        lines = " + ".join(self.fields) or "as it stands"
        return "probes", f"{self.kind} {self.spec.network.cell}  {self.framework}  {lines}", str(self.seed)

    @property
    def facets(self) -> dict[str, str]:
        """What ``--only KEY=VALUE`` may select it by."""
        return {"phase": "probes", "framework": self.framework, "seed": str(self.seed)}

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``Finished`` with the test accuracy; a fault becomes ``Failed``."""
        return guarded(self._train(framework))

    def _train(self, framework: Framework) -> Iterator[Event]:
        keep_freed_memory()
        task = tasks.load(self.spec.task, self.data, self.spec.training.dtype)
        accuracy = framework.bare(self.spec, task, BATCH, self.seed, self.fields)
        record = {"fields": self.fields, "seed": self.seed, "accuracy": accuracy}
        yield finished(record, FILE, framework, {"test/accuracy": accuracy})


def jobs(study: Any, answers: Answers) -> list[Recipe]:
    """Every script of every table, seed after seed, without lines first.

    Raises:
        UserError: a table is not valid.
    """
    made: dict[str, Recipe] = {}
    for number, table in enumerate(study.recipes, start=1):
        for spec in table.specs(answers.path, f"recipes {number}"):
            data = answers.locate(spec.task)
            for seed in range(table.seeds):
                for fields in ((), *table.fields):
                    for name in (name for name in study.frameworks if name in TWINS):
                        job = Recipe(spec, name, answers.versions(name), data, seed, _ordered(fields))
                        made.setdefault(job.fingerprint, job)
    return list(made.values())


def _ordered(fields: tuple[str, ...]) -> tuple[str, ...]:
    """The fields in the order of the conventions' table, each once."""
    return tuple(name for name in TABLE if name in fields)
