"""A trial inside the study against a bare script, and two workers against one."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from experiments import tasks
from experiments.cost.figures import Figure, ratios
from experiments.events import Event, Failed, Finished, guarded
from experiments.frozen import digest
from experiments.protocol import Framework, Job
from experiments.running.executors.local_executor import LocalExecutor
from experiments.running.executors.worker import Load
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource
from experiments.tasks.imdb import BATCH
from experiments.tracking.recording.tracker import Tracker
from experiments.training.trial import Trial

#: The quick study's own table, at a number of reviews that is a whole number of batches: all drop or keep the same.
SPEC = {
    "task": {"name": "imdb", "train_reviews": 9_984},
    "network": {"cell": "lstm", "form": "layer"},
    "training": {"epochs": 2},
}
EVERY = 9  # of the quick study's trials one in so many runs with one worker and with two


@dataclass(frozen=True)
class Prepared:
    """Loads the data, so that neither side of a comparison pays for it."""

    trial: Trial
    name = "prepare"

    @property
    def spec(self) -> ExperimentSpec:
        """The spec of the trial whose data is loaded."""
        return self.trial.spec

    @property
    def framework(self) -> str:
        """The framework of the trial, whose worker loads the data."""
        return self.trial.framework

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of this job, not of the trial."""
        return digest([self.name, self.trial.fingerprint])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Load; ``Finished``."""
        return guarded(self._run(framework))

    def _run(self, framework: Framework) -> Iterator[Event]:
        tasks.load(self.spec.task, self.trial.data, self.spec.training.dtype)
        yield Finished()


@dataclass(frozen=True)
class Bare(Prepared):
    """The same training as the framework's tutorials write it."""

    name = "bare"

    def _run(self, framework: Framework) -> Iterator[Event]:
        task = tasks.load(self.spec.task, self.trial.data, self.spec.training.dtype)
        yield Finished({"test/accuracy": framework.bare(self.spec, task, BATCH)})


def against_bare(
    load: Load, versions: Callable[[str], str], locate: Callable[[object], DataSource], rounds: int
) -> list[Figure]:
    """Each twin's trial, MLflow's records included, over its bare script; in fresh workers, in turn."""
    spec, figures = ExperimentSpec.model_validate(SPEC), []
    for name in ("tf2", "pytorch"):
        trial = Trial(spec, name, versions(name), 0, locate(spec.task))
        times: dict[str, list[float]] = {"bare": [], "trial": []}
        for number in range(rounds):
            for side in ("bare", "trial")[:: -1 if number % 2 else 1]:
                job = trial if side == "trial" else Bare(trial)
                times[side].append(_timed(job, Prepared(trial), load))
        figures.append(Figure(f"{name}: a trial / a bare script", ratios(times["trial"], times["bare"]), 1.03))
    return figures


def _timed(job: Job, prepare: Prepared, load: Load) -> float:
    """Seconds from when the worker is ready to when all is recorded; a trial's database is there beforehand."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        uri = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        with Tracker(uri, "cost", planned=[job] if isinstance(job, Trial) else []) as tracker:
            tracker.expect([job] if isinstance(job, Trial) else [])
            ends = []
            with closing(LocalExecutor(load, workers=1).run([prepare, job])) as reports:
                for _, reported, event in reports:
                    _raise_failure(event)
                    if isinstance(reported, Trial):
                        tracker.record(reported, event)
                    if isinstance(event, Finished):
                        ends.append(time.perf_counter())
            return ends[1] - ends[0]  # the worker's own end is neither side's


def two_workers(load: Load, trials: Sequence[Trial], rounds: int) -> list[Figure]:
    """Trials a minute with two workers over those with one, a thread each, start to end."""
    chosen, times = trials[::EVERY], {1: [], 2: []}
    for number in range(rounds):
        for workers in (1, 2)[:: -1 if number % 2 else 1]:
            began = time.perf_counter()
            with closing(LocalExecutor(load, workers=workers, threads=1).run(chosen)) as reports:
                for _, _, event in reports:
                    _raise_failure(event)
            times[workers].append(time.perf_counter() - began)
    return [Figure(f"two workers / one, {len(chosen)} trials of quick", ratios(times[1], times[2]), 1.7, least=True)]


def _raise_failure(event: Event) -> None:
    if isinstance(event, Failed):
        raise RuntimeError(f"{event.reason}\n{event.traceback}")
