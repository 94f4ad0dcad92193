"""What rounding alone does to training: one framework against itself from weights moved by one last place.

Each job trains twice from the same weights, batches and dropout masks and keeps the loss of every step. Twins whose
losses part no further than one framework's two are equal up to rounding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice

from experiments import canonical, tasks
from experiments.events import Event, guarded
from experiments.frozen import digest
from experiments.probes.job import Probe, finished
from experiments.probes.record import chosen
from experiments.protocol import Batch, Framework
from experiments.spec import ExperimentSpec, TrainingSpec
from experiments.tasks import DataSource, Task
from experiments.training.batches import imposed_batches, steps_per_epoch
from experiments.training.trial import Trial
from experiments.twins import TWINS

FILE = "rounding.json"
VERSION = 1  # raise it with any change of what is measured
MOST_STEPS = 160
MOVED_ULPS = (0, 1)


@dataclass(frozen=True)
class Rounding(Probe):
    """One framework's two trainings of one experiment; a job."""

    spec: ExperimentSpec
    framework: str
    version: str
    data: DataSource
    seed: int
    kind = "rounding"

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two measurements that are the same: of spec, seed, data, the framework's version, and ours."""
        return digest([self.spec.fingerprint, self.framework, self.version, self.seed, self.data.digest, VERSION])

    @property
    def listing(self) -> tuple[str, str, str]:
        """Its line in a listing: phase, what is measured, and nothing more."""
        rate = f"{self.spec.training.learning_rate:g}"
        return "probes", f"{self.kind} {self.spec.network.cell} at {rate}  {self.framework}", ""

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``Finished`` with ``rounding.json``; a fault becomes ``Failed``."""
        return guarded(self._measure(framework))

    def _measure(self, framework: Framework) -> Iterator[Event]:
        task = tasks.load(self.spec.task, self.data, self.spec.training.dtype)
        record = {"losses": {str(ulps): self._losses(framework, task, ulps) for ulps in MOVED_ULPS}}
        yield finished(record, FILE, framework)

    def _losses(self, framework: Framework, task: Task, ulps: int) -> list[float]:
        """The loss of each training step from weights moved by ``ulps``."""
        spec, weights = self.spec, canonical.draw(_with(self.spec, moved_ulps=ulps), task.interface, self.seed)
        model = framework.reuse(framework.build(spec, task.interface, weights, self.seed))
        model.set_learning_rate(spec.training.learning_rate)
        steps = min(MOST_STEPS, spec.training.epochs * steps_per_epoch(spec, len(task.train.y)))
        return [model.train_step(batch).loss for batch in islice(self._batches(task), steps)]

    def _batches(self, task: Task) -> Iterator[Batch]:
        for epoch in count(1):
            yield from imposed_batches(self.spec, task, self.seed, epoch)


def jobs(trials: Sequence[Trial], frameworks: Iterable[str], versions: Callable[[str], str]) -> list[Rounding]:
    """The measurements: each cell's longest trial, at its own learning rate, and at the sources' if that is higher."""
    usual = TrainingSpec.model_fields["learning_rate"].default
    specs = [
        (trial, _with(trial.spec, learning_rate=rate))
        for trial in choose(trials)
        for rate in dict.fromkeys([usual, trial.spec.training.learning_rate])
        if rate >= trial.spec.training.learning_rate
    ]
    twins = [name for name in frameworks if name in TWINS]
    return [Rounding(spec, name, versions(name), trial.data, trial.seed) for trial, spec in specs for name in twins]


def choose(trials: Iterable[Trial]) -> list[Trial]:
    """For each cell the trial to follow: on IMDB, form ``layer``, under Keras's conventions; the longest trained."""
    return chosen(trials, _fits, _effort)


def _fits(trial: Trial) -> bool:
    spec = trial.spec
    plain = not spec.network.bidirectional and spec.network.encoder == "embedding"
    return spec.task.name == "imdb" and spec.conventions.label == "keras" and spec.network.form == "layer" and plain


def _effort(trial: Trial) -> tuple[int, int]:
    spec = trial.spec
    return (spec.task.train_reviews or 10**9) * spec.training.epochs, -trial.seed


def _with(spec: ExperimentSpec, **fields) -> ExperimentSpec:
    return spec.model_copy(update={"training": spec.training.model_copy(update=fields)})
