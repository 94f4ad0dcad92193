"""Run one trial: an experiment on one framework with one seed, as a generator of events."""

import json
import math
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from time import perf_counter
from traceback import format_exc

import numpy as np
from safetensors.numpy import save

from experiments import canonical, tasks
from experiments.conventions import Masks, Owner, batch_order, dropout_mask, dropout_masks, stream
from experiments.protocol import (
    Batch,
    EpochEnded,
    Event,
    Failed,
    Finished,
    Framework,
    Model,
    Progressed,
    Started,
)
from experiments.spec import ExperimentSpec, Interface, digest
from experiments.tasks import DataSource, Task

PROGRESS_EVERY_S = 0.5


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
    clock, steps = _Clock(), steps_per_epoch(spec, len(task.train.y), framework.home)
    for epoch in range(1, spec.training.epochs + 1):
        metrics = yield from _epoch(trial, task, model, epoch, clock, steps)
        yield EpochEnded(epoch, metrics | task.evaluate(model.predict))
    files = {
        "weights.safetensors": save(model.weights(), {"cell": spec.network.cell}),
        "shapes.json": json.dumps(asdict(shapes), ensure_ascii=False, indent=1).encode(),
        "spec.toml": spec_toml(spec).encode(),
    }
    yield Finished(clock.metrics(), files | task.artifacts(model.predict))


@dataclass
class _Clock:
    """Seconds of every training step; drawing batches, evaluating and reporting stay outside."""

    steps: list[float] = field(default_factory=list)

    def metrics(self) -> dict[str, float]:
        first, *steady = self.steps
        return {"time/first_step_s": first} | ({"time/step_s": statistics.median(steady)} if steady else {})


def _epoch(trial: Trial, task: Task, model: Model, epoch: int, clock: _Clock, total: int) -> Iterator[Event]:
    epochs = trial.spec.training.epochs
    totals: dict[str, float] = {}
    samples, spoken, first_of_epoch = 0, perf_counter(), len(clock.steps)
    for done, batch in enumerate(_batches(trial, task, model, epoch), start=1):
        began = perf_counter()
        step = model.train_step(batch)
        clock.steps.append(perf_counter() - began)
        if not math.isfinite(step.loss):
            raise NotFinite(f"the loss is {step.loss} at epoch {epoch}, step {done}")
        scores = {"loss": step.loss} | task.score(step.outputs, batch.y)
        for name, value in scores.items():
            totals[name] = totals.get(name, 0.0) + value * len(batch.y)
        samples += len(batch.y)
        if perf_counter() - spoken > PROGRESS_EVERY_S:
            spoken = perf_counter()
            yield Progressed(epoch, epochs, done, total, scores["loss"], scores.get("accuracy"))
    metrics = {f"train/{name}": value / samples for name, value in totals.items()}
    return metrics | {"time/epoch_s": sum(clock.steps[first_of_epoch:])}


def steps_per_epoch(spec: ExperimentSpec, samples: int, home: Owner) -> int:
    """How many batches an epoch has.

    Raises:
        ValueError: none is left, since Keras's batches drop the last partial one.
    """
    size = spec.training.batch_size
    if spec.conventions.owner("batches", home) == "pytorch":
        return -(-samples // size)
    if samples < size:
        raise ValueError(
            f"batch_size {size} is more than the {samples} training samples, and Keras's batches drop the last "
            f"partial one: no step is left; allowed: a batch_size of at most {samples}"
        )
    return samples // size


def _batches(trial: Trial, task: Task, model: Model, epoch: int) -> Iterator[Batch]:
    """One epoch's batches: the framework's own under ``stock``, else drawn here for both twins alike."""
    spec, train = trial.spec, task.train
    if not spec.conventions.imposed:
        yield from model.batches(train.x, train.y)
        return
    yield from imposed_batches(spec, task, trial.seed, epoch)


def imposed_batches(spec: ExperimentSpec, task: Task, seed: int, epoch: int) -> Iterator[Batch]:
    """One epoch's batches and dropout masks under imposed conventions."""
    training, conventions = spec.training, spec.conventions
    order = batch_order(
        conventions.owner("batches", "keras"),
        len(task.train.y),
        training.batch_size,
        stream(seed, "batches", epoch),
    )
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
