"""Run one trial: an experiment on one framework with one seed, as a generator of events."""

import json
import math
import statistics
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from time import perf_counter

from safetensors.numpy import save

from experiments import canonical, tasks
from experiments.canonical import STATES
from experiments.errors import NotFinite
from experiments.events import EpochEnded, Event, Finished, Progressed, Started, guarded
from experiments.frozen import digest
from experiments.hardware import keep_freed_memory
from experiments.padding import check_lengths
from experiments.protocol import Framework, Model, NativeShapes, States
from experiments.spec import ExperimentSpec, to_toml
from experiments.spec.fingerprints import later_mathematics
from experiments.tasks import DataSource, Task
from experiments.training import checkpoints, models
from experiments.training.batches import batches_of, steps_per_epoch
from experiments.training.checkpoints import Progress
from experiments.twins import FRAMEWORKS

PROGRESS_EVERY_S = 0.5


@dataclass(frozen=True)
class Trial:
    """One experiment on one framework with one seed: one MLflow run."""

    spec: ExperimentSpec
    framework: str
    version: str  # of the framework's packages, such as "tensorflow 2.21.0, keras 3.15.1"
    seed: int
    data: DataSource
    keeps_model: bool = field(default=False, compare=False)  # among the run's artifacts; changes no number

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two trials that are the same: of spec, framework, its version, seed, data, and the mathematics."""
        spec, later = _of_spec(self.spec, self.framework)
        return digest([spec, self.framework, self.version, self.seed, self.data.digest, *later])

    @property
    def name(self) -> str:
        """The MLflow run's name."""
        return f"{self.framework} · seed {self.seed}"

    @property
    def listing(self) -> tuple[str, str, str]:
        """Its line in a listing: framework, experiment, seed."""
        return self.framework, self.spec.slug, str(self.seed)

    @property
    def facets(self) -> dict[str, str]:
        """What ``--only KEY=VALUE`` may select it by."""
        return self.spec.facets | {"framework": self.framework, "seed": str(self.seed), "phase": "training"}

    def run(self, framework: Framework) -> Iterator[Event]:
        """Train; what a worker calls."""
        return run(self, framework)


@lru_cache(maxsize=8_192)  # one for all seeds
def _of_spec(spec: ExperimentSpec, framework: str) -> tuple[str, list[int]]:
    return spec.fingerprint, later_mathematics(spec, FRAMEWORKS[framework].owner)


def run(trial: Trial, framework: Framework) -> Iterator[Event]:
    """Yield ``Started``, an ``EpochEnded`` for each epoch with ``Progressed`` between, and ``Finished``.

    A trial that was interrupted and left a checkpoint repeats the events of its finished epochs and continues with the
    next one. Any exception inside becomes a ``Failed``, the last event.
    """
    return guarded(_train(trial, framework))


def _train(trial: Trial, framework: Framework) -> Iterator[Event]:
    keep_freed_memory()
    spec = trial.spec
    task = tasks.load(spec.task_for(framework.home), trial.data, spec.training.dtype)
    if task.train.lengths is not None:
        check_lengths(task.train.lengths, task.interface.time)
    weights = canonical.draw(spec, task.interface, trial.seed) if spec.conventions.imposed else None
    began = perf_counter()
    model = framework.reuse(framework.build(spec, task.interface, weights, trial.seed))
    model.synchronise()
    build_s = perf_counter() - began
    shapes = model.native_shapes()
    yield Started(
        framework.environment() | {"device": model.device},
        {"time/build_s": build_s, "model/parameters": shapes.parameters},
        shapes,
    )
    steps = steps_per_epoch(spec, len(task.train.y), task.interface.stateful)
    progress = _resumed(trial, model)
    for epoch, metrics in enumerate(progress.epochs, start=1):
        yield EpochEnded(epoch, metrics)
    concluded = None
    for epoch in range(len(progress.epochs) + 1, spec.training.epochs + 1):
        metrics, states = yield from _epoch(trial, task, model, epoch, progress, steps)
        concluded = task.conclude(model) if epoch == spec.training.epochs else None
        progress.epochs.append(metrics | task.evaluate(model) | (concluded.metrics if concluded else {}))
        progress.samples += [{"epoch": epoch, **sample} for sample in task.sample(model)]
        if spec.task.RESUMABLE:
            checkpoints.save(trial.fingerprint, _to_keep(spec, model, states), progress)
        yield EpochEnded(epoch, progress.epochs[-1])
    concluded = concluded or task.conclude(model)  # the latter where the trial was interrupted after its last epoch
    files = _files(spec, model, shapes, progress) | concluded.files | models.files(trial, framework, model)
    if spec.task.RESUMABLE:  # before the last word, after which the worker may be ended at any moment
        checkpoints.discard([trial.fingerprint])
    yield Finished(_step_times(progress.steps), files)


def _files(spec: ExperimentSpec, model: Model, shapes: NativeShapes, progress: Progress) -> dict[str, bytes]:
    files = {
        "weights.safetensors": save(model.weights(), {"cell": spec.network.cell}),
        "shapes.json": json.dumps(asdict(shapes), ensure_ascii=False, indent=1).encode(),
        "spec.toml": to_toml(spec).encode(),
    }
    if progress.samples:
        files["samples.json"] = json.dumps(progress.samples, ensure_ascii=False, indent=1).encode()
    return files


def _resumed(trial: Trial, model: Model) -> Progress:
    """What an interrupted trial had done, with the model restored to that point."""
    kept = checkpoints.find(trial.fingerprint) if trial.spec.task.RESUMABLE else None
    if kept is None:
        return Progress()
    arrays, progress = kept
    model.restore(checkpoints.part(arrays, "model/"))
    return progress


def _to_keep(spec: ExperimentSpec, model: Model, states: States) -> canonical.Weights:
    """A checkpoint's arrays: what training continues from, and, readable, canonical weights and carried states."""
    parts = {"model": model.checkpoint(), "weights": model.weights()}
    parts["states"] = {
        f"{place}/{name}": value
        for place, layer in enumerate(states)
        for name, value in zip(STATES[spec.network.cell], layer, strict=True)
    }
    return {f"{part}/{name}": value for part, arrays in parts.items() for name, value in arrays.items()}


def _step_times(steps: list[float]) -> dict[str, float]:
    """The first and the median training step; drawing batches, evaluating and reporting are not timed.

    In TensorFlow the first includes the tracing, unless this process has trained another seed of the experiment.
    """
    first, *steady = steps
    return {"time/first_step_s": first} | ({"time/step_s": statistics.median(steady)} if steady else {})


def _epoch(
    trial: Trial, task: Task, model: Model, epoch: int, progress: Progress, total: int
) -> Generator[Event, None, tuple[dict[str, float], States]]:
    training, clock, states = trial.spec.training, progress.steps, ()
    model.set_learning_rate(training.learning_rate * training.learning_rate_decay ** (epoch - 1))
    totals: dict[str, float] = {}
    samples, spoken, first_of_epoch = 0, perf_counter(), len(clock)
    for done, batch in enumerate(batches_of(trial.spec, trial.seed, task, model, epoch), start=1):
        began = perf_counter()
        step = model.train_step(batch._replace(states=states or None))
        clock.append(perf_counter() - began)
        states = step.states
        if not math.isfinite(step.loss):
            raise NotFinite(f"the loss is {step.loss} at epoch {epoch}, step {done}")
        scores = {"loss": step.loss} | task.score(step.outputs, batch.y)
        for name, value in scores.items():
            totals[name] = totals.get(name, 0.0) + value * len(batch.y)
        samples += len(batch.y)
        if perf_counter() - spoken > PROGRESS_EVERY_S:
            spoken = perf_counter()
            yield Progressed(epoch, training.epochs, done, total, scores["loss"], scores.get("accuracy"))
    metrics, seconds = {f"train/{name}": value / samples for name, value in totals.items()}, sum(clock[first_of_epoch:])
    return metrics | {"time/epoch_s": seconds} | task.epoch(metrics["train/loss"], samples, seconds), states
