"""Run one trial: an experiment on one framework with one seed, as a generator of events."""

import json
import math
import statistics
import tomllib
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from time import perf_counter
from traceback import format_exc

import numpy as np
from safetensors.numpy import save

from experiments import canonical, tasks
from experiments.canonical import STATES
from experiments.conventions import Masks, Owner, batch_order, dropout_mask, dropout_masks, stream, stream_order
from experiments.protocol import (
    Batch,
    EpochEnded,
    Event,
    Failed,
    Finished,
    Framework,
    Model,
    NativeShapes,
    Progressed,
    Started,
    States,
)
from experiments.spec import ExperimentSpec, Interface, digest
from experiments.tasks import DataSource, Task
from experiments.training import checkpoints
from experiments.training.checkpoints import Progress

PROGRESS_EVERY_S = 0.5
KERAS_DROPS = "Keras's batches drop the last partial one"


@dataclass(frozen=True)
class Trial:
    """One experiment on one framework with one seed: one MLflow run."""

    spec: ExperimentSpec
    framework: str
    version: str  # of the framework's packages, such as "tensorflow 2.21.0, keras 3.15.1"
    seed: int
    data: DataSource

    @cached_property
    def fingerprint(self) -> str:
        """What makes two trials the same: spec, framework, its version, seed and data."""
        return digest([self.spec.fingerprint, self.framework, self.version, self.seed, self.data.digest])

    @property
    def name(self) -> str:
        """The MLflow run's name."""
        return f"{self.framework} · seed {self.seed}"

    def run(self, framework: Framework) -> Iterator[Event]:
        """Train; what a worker calls."""
        return run(self, framework)


class NotFinite(ArithmeticError):
    """A loss that is not a number ends its trial."""


def run(trial: Trial, framework: Framework) -> Iterator[Event]:
    """Yield ``Started``, an ``EpochEnded`` for each epoch with ``Progressed`` between, and ``Finished``.

    A trial that was cut off and left a checkpoint says again how its epochs ended, and goes on from the next.
    Whatever goes wrong inside becomes a ``Failed``, the last event; nothing is raised for a trial's own faults.
    """
    return guarded(_train(trial, framework))


def guarded(events: Iterator[Event]) -> Iterator[Event]:
    """The events; whatever is raised among them becomes a ``Failed``, the last one."""
    try:
        yield from events
    except NotFinite as error:
        yield Failed(str(error))
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        yield Failed(f"{type(error).__name__}: {first_line}", format_exc())


def _train(trial: Trial, framework: Framework) -> Iterator[Event]:
    spec = trial.spec
    task = tasks.load(spec.task, trial.data, spec.training.dtype)
    weights = canonical.draw(spec, task.interface, trial.seed) if spec.conventions.imposed else None
    began = perf_counter()
    model = framework.build(spec, task.interface, weights, trial.seed)
    model.synchronise()
    build_s = perf_counter() - began
    shapes = model.native_shapes()
    yield Started(
        framework.environment() | {"device": model.device},
        {"time/build_s": build_s, "model/parameters": shapes.parameters},
        shapes,
    )
    steps = steps_per_epoch(spec, len(task.train.y), framework.home, task.interface.stateful)
    progress = _taken_up(trial, model)
    for epoch, metrics in enumerate(progress.epochs, start=1):
        yield EpochEnded(epoch, metrics)
    for epoch in range(len(progress.epochs) + 1, spec.training.epochs + 1):
        metrics, states = yield from _epoch(trial, task, model, epoch, progress, steps)
        progress.epochs.append(metrics | task.evaluate(model))
        progress.samples += [{"epoch": epoch, **sample} for sample in task.sample(model)]
        if _resumable(spec):
            checkpoints.save(trial.fingerprint, _to_keep(spec, model, states), progress)
        yield EpochEnded(epoch, progress.epochs[-1])
    files = _files(spec, model, shapes, progress) | task.artifacts(model)
    if _resumable(spec):  # before the last word, after which the worker may be ended at any moment
        checkpoints.discard([trial.fingerprint])
    yield Finished(_step_times(progress.steps), files)


def _files(spec: ExperimentSpec, model: Model, shapes: NativeShapes, progress: Progress) -> dict[str, bytes]:
    files = {
        "weights.safetensors": save(model.weights(), {"cell": spec.network.cell}),
        "shapes.json": json.dumps(asdict(shapes), ensure_ascii=False, indent=1).encode(),
        "spec.toml": spec_toml(spec).encode(),
    }
    if progress.samples:
        files["samples.json"] = json.dumps(progress.samples, ensure_ascii=False, indent=1).encode()
    return files


def _taken_up(trial: Trial, model: Model) -> Progress:
    """What the trial had done when it was cut off, the model set to go on from there."""
    kept = checkpoints.find(trial.fingerprint) if _resumable(trial.spec) else None
    if kept is None:
        return Progress()
    arrays, progress = kept
    model.restore(checkpoints.part(arrays, "model/"))
    return progress


def _resumable(spec: ExperimentSpec) -> bool:
    """Whether a trial may take so long that what it has done is worth a file after each epoch."""
    return spec.task.name == "chars"


def _to_keep(spec: ExperimentSpec, model: Model, states: States) -> canonical.Weights:
    """A checkpoint's arrays: to go on from, and for people the canonical weights and the carried states."""
    parts = {"model": model.checkpoint(), "weights": model.weights()}
    parts["states"] = {
        f"{place}/{name}": value
        for place, layer in enumerate(states)
        for name, value in zip(STATES[spec.network.cell], layer, strict=True)
    }
    return {f"{part}/{name}": value for part, found in parts.items() for name, value in found.items()}


def _step_times(steps: list[float]) -> dict[str, float]:
    """Of every training step; drawing batches, evaluating and reporting stay outside."""
    first, *steady = steps
    return {"time/first_step_s": first} | ({"time/step_s": statistics.median(steady)} if steady else {})


def _epoch(
    trial: Trial, task: Task, model: Model, epoch: int, progress: Progress, total: int
) -> Generator[Event, None, tuple[dict[str, float], States]]:
    training, clock, states = trial.spec.training, progress.steps, ()
    model.set_learning_rate(training.learning_rate * training.learning_rate_decay ** (epoch - 1))
    totals: dict[str, float] = {}
    samples, spoken, first_of_epoch = 0, perf_counter(), len(clock)
    for done, batch in enumerate(_batches(trial, task, model, epoch), start=1):
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


def steps_per_epoch(spec: ExperimentSpec, samples: int, home: Owner, stateful: bool = False) -> int:
    """How many batches an epoch has.

    Raises:
        ValueError: none is left, since Keras's batches drop the last partial one, and streams need a window each.
    """
    size = spec.training.batch_size
    if spec.conventions.owner("batches", home) == "pytorch" and not stateful:
        return -(-samples // size)
    if samples < size:
        reason = "a stateful task's rows have a window each" if stateful else KERAS_DROPS
        raise ValueError(
            f"batch_size {size} is more than the {samples} training samples, and {reason}: no step is left; "
            f"allowed: a batch_size of at most {samples}"
        )
    return samples // size


def _batches(trial: Trial, task: Task, model: Model, epoch: int) -> Iterator[Batch]:
    """One epoch's batches: the framework's own under ``stock``, else drawn here for both twins alike."""
    spec, train = trial.spec, task.train
    if spec.conventions.imposed:
        yield from imposed_batches(spec, task, trial.seed, epoch)
    elif task.interface.stateful:
        for chosen in stream_order(len(train.y), spec.training.batch_size):
            yield Batch(train.x[chosen], train.y[chosen])
    else:
        yield from model.batches(train.x, train.y)


def imposed_batches(spec: ExperimentSpec, task: Task, seed: int, epoch: int) -> Iterator[Batch]:
    """One epoch's batches and dropout masks under imposed conventions."""
    samples, size = len(task.train.y), spec.training.batch_size
    if task.interface.stateful:
        order = stream_order(samples, size)
    else:
        order = batch_order(spec.conventions.owner("batches", "keras"), samples, size, stream(seed, "batches", epoch))
    masks_rng = stream(seed, "dropout", epoch)
    for chosen in order:
        masks = draw_masks(spec, task.interface, len(chosen), masks_rng)
        yield Batch(task.train.x[chosen], task.train.y[chosen], masks)


def draw_masks(spec: ExperimentSpec, interface: Interface, batch: int, rng: np.random.Generator) -> Masks:
    """One batch's dropout: a mask for each recurrent layer's input, then the mlp head's where there is one."""
    owner, dtype = spec.conventions.owner("dropout", "keras"), spec.training.dtype
    inputs, time = canonical.layer_inputs(spec, interface), canonical.steps(spec, interface)
    masks = dropout_masks(owner, spec.network.dropout, inputs, batch, time, dtype, rng)
    if spec.network.head == "linear":
        return masks
    return (*masks, dropout_mask(canonical.MLP_DROPOUT, (batch, canonical.MLP_UNITS), dtype, rng))


def spec_toml(spec: ExperimentSpec) -> str:
    """The spec as TOML, each part a table; what a study file's ``[[grid]]`` takes back unchanged."""
    lines = []
    for part, values in spec.model_dump(mode="json", exclude_none=True).items():
        lines += [f"[{part}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    text = "\n".join(lines)
    if ExperimentSpec.model_validate(tomllib.loads(text)) != spec:
        raise ValueError("the spec does not survive its own TOML")
    return text
