"""One epoch's batches and dropout masks, drawn in NumPy for both twins alike, or left to the framework."""

from collections.abc import Iterator

import numpy as np

from experiments import canonical
from experiments.draws import Masks, batch_order, bucketed_order, dropout_mask, dropout_masks, generator, stateful_order
from experiments.protocol import Batch, Model
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface, Task

DROPPED = "pipeline tf.data drops the last partial batch"


def steps_per_epoch(spec: ExperimentSpec, samples: int, stateful: bool = False) -> int:
    """The number of batches in an epoch.

    Raises:
        ValueError: there is none: the last partial batch is dropped, or a stateful task's rows need a window each.
    """
    size = spec.training.batch_size
    if spec.training.pipeline != "tf.data" and not stateful:
        return -(-samples // size)
    if samples < size:
        reason = "a stateful task's rows have a window each" if stateful else DROPPED
        raise ValueError(
            f"batch_size {size} is more than the {samples} training samples, and {reason}: no step is left; "
            f"allowed: a batch_size of at most {samples}"
        )
    return samples // size


def batches_of(spec: ExperimentSpec, seed: int, task: Task, model: Model, epoch: int) -> Iterator[Batch]:
    """One epoch's batches: the framework's own under ``stock``, else drawn here, the same for both twins."""
    train = task.train
    if spec.conventions.imposed:
        yield from imposed_batches(spec, task, seed, epoch)
    elif task.interface.stateful:
        for chosen in stateful_order(len(train.y), spec.training.batch_size):
            yield Batch(train.x[chosen], train.y[chosen])
    else:
        yield from model.batches(*train)


def imposed_batches(spec: ExperimentSpec, task: Task, seed: int, epoch: int) -> Iterator[Batch]:
    """One epoch's batches and dropout masks under imposed conventions."""
    samples, size = len(task.train.y), spec.training.batch_size
    rng = generator(seed, "batches", epoch)
    if task.interface.stateful:
        order = stateful_order(samples, size)
    elif spec.training.pipeline == "bucketed":
        order = bucketed_order(task.train.lengths, size, rng)
    else:
        order = batch_order(spec.training.pipeline, samples, size, rng)
    masks_rng = generator(seed, "dropout", epoch)
    for chosen in order:
        masks = draw_masks(spec, task.interface, len(chosen), masks_rng)
        x, y, lengths = task.train.part(chosen)
        yield Batch(x, y, masks, lengths=lengths)


def draw_masks(spec: ExperimentSpec, interface: Interface, batch: int, rng: np.random.Generator) -> Masks:
    """One batch's dropout: a mask for each recurrent layer's input, then the mlp head's where there is one."""
    owner, dtype = spec.conventions.owner("dropout", "keras"), spec.training.dtype
    inputs, time = canonical.layer_inputs(spec, interface), canonical.steps(spec, interface)
    masks = dropout_masks(owner, spec.network.dropout, inputs, batch, time, dtype, rng)
    if spec.network.head == "linear":
        return masks
    return (*masks, dropout_mask(canonical.MLP_DROPOUT, (batch, canonical.MLP_UNITS), dtype, rng))
