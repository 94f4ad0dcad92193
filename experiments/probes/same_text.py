"""The same text from both twins: each builds on the weights that one trial was trained to, and writes on from them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from experiments import tasks
from experiments.canonical import Weights
from experiments.probes.record import chosen
from experiments.protocol import Event, Finished, Framework
from experiments.spec import ExperimentSpec, digest
from experiments.tasks import DataSource
from experiments.training.trial import Trial, guarded

FILE = "writing.json"
VERSION = 1  # to be raised with any change of what is written
TEMPERATURES = (0.0, 0.5, 1.0)
LENGTH = 300


@dataclass(frozen=True)
class Writing:
    """One framework's texts from one trained trial; what an executor runs, as it runs a trial."""

    spec: ExperimentSpec
    framework: str
    version: str
    data: DataSource
    source: str  # the trial's fingerprint
    trained_by: str  # its framework
    seed: int
    trained: Weights = field(default_factory=dict)  # what the trial ended with; given when it has
    name = "writing"

    @cached_property
    def fingerprint(self) -> str:
        """What makes two measurements the same: the trained trial, the form, the framework's version, and our own."""
        return digest([self.name, self.spec.fingerprint, self.framework, self.version, self.source, VERSION])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``Finished`` with ``writing.json``; a fault becomes ``Failed``."""
        return guarded(self._write(framework))

    def _write(self, framework: Framework) -> Iterator[Event]:
        task = tasks.load(self.spec.task, self.data, self.spec.training.dtype)
        model = framework.build(self.spec, task.interface, self.trained, self.seed)
        texts = [{"temperature": each, "text": task.write(model, LENGTH, each)} for each in TEMPERATURES]
        found = {"prompt": task.prompt, "trained_by": self.trained_by, "texts": texts}
        files = {FILE: found, "environment.json": framework.environment()}
        yield Finished({}, {name: json.dumps(value, ensure_ascii=False).encode() for name, value in files.items()})


def jobs(trials: Sequence[Trial], frameworks: Sequence[str], versions: Callable[[str], str]) -> list[Writing]:
    """What is to be written: from each cell's chosen trial, by each framework."""
    return [
        Writing(
            fitting(trial, trials, frameworks),
            name,
            versions(name),
            trial.data,
            trial.fingerprint,
            trial.framework,
            trial.seed,
        )
        for trial in choose(trials)
        for name in frameworks
    ]


def choose(trials: Sequence[Trial]) -> list[Trial]:
    """For each cell the trial to write with: on characters, under imposed conventions; the longest trained first."""
    return chosen(trials, lambda each: each.spec.task.name == "chars" and each.spec.conventions.imposed, _effort)


def _effort(trial: Trial) -> tuple[int, int]:
    characters = trial.spec.task.characters or 10**9
    return characters * trial.spec.training.epochs, -trial.seed


def fitting(trial: Trial, trials: Sequence[Trial], frameworks: Sequence[str]) -> ExperimentSpec:
    """The trial's spec where every framework runs it too; else in the form ``scratch``, which all have of every cell.

    A form never changes the mathematics.
    """
    if set(frameworks) <= {each.framework for each in trials if each.spec == trial.spec}:
        return trial.spec
    return trial.spec.model_copy(update={"network": trial.spec.network.model_copy(update={"form": "scratch"})})
