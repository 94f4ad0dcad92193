"""The same text from both twins: each is built on the weights of one trained trial, and generates text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from experiments import tasks
from experiments.canonical import Weights
from experiments.events import Event, guarded
from experiments.frozen import digest
from experiments.probes.job import Probe, finished
from experiments.probes.record import chosen
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource
from experiments.training.trial import Trial

FILE = "writing.json"
VERSION = 1  # raise it with any change of what is written
TEMPERATURES = (0.0, 0.5, 1.0)
LENGTH = 300


@dataclass(frozen=True)
class SameText(Probe):
    """One framework's texts from one trained trial; a job."""

    spec: ExperimentSpec
    framework: str
    version: str
    data: DataSource
    source: str  # the trial's fingerprint
    trained_by: str  # its framework
    seed: int
    trained: Weights = field(default_factory=dict)  # the trial's last weights, filled in when it has run
    kind = "writing"  # the stored name of the runs

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two measurements that are the same: of trained trial, form, the framework's version, and ours."""
        return digest([self.kind, self.spec.fingerprint, self.framework, self.version, self.source, VERSION])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``Finished`` with ``writing.json``; a fault becomes ``Failed``."""
        return guarded(self._write(framework))

    def _write(self, framework: Framework) -> Iterator[Event]:
        task = tasks.load(self.spec.task, self.data, self.spec.training.dtype)
        model = framework.build(self.spec, task.interface, self.trained, self.seed)
        texts = [{"temperature": each, "text": task.write(model, LENGTH, each)} for each in TEMPERATURES]
        record = {"prompt": task.prompt, "trained_by": self.trained_by, "texts": texts}
        yield finished(record, FILE, framework)


def jobs(trials: Sequence[Trial], frameworks: Sequence[str], versions: Callable[[str], str]) -> list[SameText]:
    """The texts to generate: from each cell's chosen trial, by each framework."""
    return [
        SameText(
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
    """For each cell the trial to generate from: on characters, under imposed conventions; the longest trained."""
    return chosen(trials, lambda each: each.spec.task.name == "chars" and each.spec.conventions.imposed, _effort)


def _effort(trial: Trial) -> tuple[int, int]:
    characters = trial.spec.task.characters or 10**9
    return characters * trial.spec.training.epochs, -trial.seed


def fitting(trial: Trial, trials: Sequence[Trial], frameworks: Sequence[str]) -> ExperimentSpec:
    """The trial's spec if every framework runs it too, else in the form ``scratch``, which all have for every cell.

    A form never changes the mathematics.
    """
    if set(frameworks) <= {each.framework for each in trials if each.spec == trial.spec}:
        return trial.spec
    return trial.spec.model_copy(update={"network": trial.spec.network.model_copy(update={"form": "scratch"})})
