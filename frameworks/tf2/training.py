"""Loss, optimisers, and one epoch's stock batches."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from experiments.canonical import Weights, clipped_with
from experiments.conventions import ADAGRAD_START
from experiments.draws import SHUFFLE_BUFFER
from experiments.protocol import Batch, Lengths
from experiments.spec import ExperimentSpec
from frameworks.tf2.support import HOME, fuses_update
from frameworks.tf2.weights import Binding


def loss(kind: str, outputs: tf.Tensor, y: tf.Tensor, valid: tf.Tensor | None = None) -> tf.Tensor:
    """Compute the batch's mean loss from ``outputs (B[, T], outputs)``, which are logits for a cross-entropy.

    A loss over every step is the mean over the ``valid (B, T)`` ones, all where None.
    """
    if kind == "mse":
        return tf.reduce_mean(tf.square(outputs - y))
    if kind == "cross_entropy":
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=outputs))
    if kind == "sequence_cross_entropy":
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=outputs)
        return tf.reduce_mean(losses if valid is None else tf.boolean_mask(losses, valid))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=outputs))


class StockOptimiser:
    """Keras's own optimiser with Keras's defaults."""

    def __init__(self, spec: ExperimentSpec, bindings: list[Binding]):
        training = spec.training
        kind = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
        kind["adagrad"] = keras.optimizers.Adagrad
        clip = {"global_clipnorm" if training.clip_global else "clipnorm": training.clip_norm}
        self.variables = [binding.variable for binding in bindings]
        self.optimiser = kind[training.optimiser](training.learning_rate, **clip)
        self.optimiser.build(self.variables)

    def step(self, gradients: list[tf.Tensor]) -> None:
        """Update the variables."""
        self.optimiser.apply(gradients, self.variables)

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.optimiser.learning_rate.assign(rate)  # a variable: a traced step reads its new value

    def checkpoint(self) -> Weights:
        """Return the state, the number of steps included."""
        return {f"optimiser/{place}": variable.numpy() for place, variable in enumerate(self.optimiser.variables)}

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        for place, variable in enumerate(self.optimiser.variables):
            variable.assign(kept[f"optimiser/{place}"])


class FusedAdam(StockOptimiser):
    """Keras's Adam with TensorFlow's kernel for the update, where Keras uses a dozen operations per variable.

    An embedding's gradient has a slice for each occurrence of a word, and Keras squares each slice by itself. The
    kernel would sum the slices first, so an embedding keeps Keras's update.
    """

    def step(self, gradients: list[tf.Tensor]) -> None:
        """Update the variables."""
        adam = self.optimiser
        t = tf.cast(adam.iterations.value + 1, tf.float64)
        for variable, gradient, m, v in zip(self.variables, gradients, adam._momentums, adam._velocities, strict=True):
            if isinstance(gradient, tf.IndexedSlices):
                adam.update_step(gradient, variable, adam.learning_rate)
                continue
            tf.raw_ops.ResourceApplyAdam(
                var=variable.value.handle,
                m=m.value.handle,
                v=v.value.handle,
                beta1_power=tf.cast(adam.beta_1**t, variable.dtype),
                beta2_power=tf.cast(adam.beta_2**t, variable.dtype),
                lr=tf.cast(adam.learning_rate.value, variable.dtype),
                beta1=adam.beta_1,
                beta2=adam.beta_2,
                epsilon=adam.epsilon,
                grad=gradient,
            )
        adam.iterations.assign_add(1)


class ImposedOptimiser:
    """The definitions of ``frameworks/reference/training.py``, Keras's or PyTorch's by the conventions."""

    def __init__(self, spec: ExperimentSpec, bindings: list[Binding]):
        self.training, self.conventions = spec.training, spec.conventions
        self.bindings = bindings
        self.clipped_with = [clipped_with(binding.canonical[0], spec.network.cell) for binding in bindings]
        self.rate = tf.Variable(spec.training.learning_rate, dtype=tf.float64)  # a traced step reads its new value
        self.t = tf.Variable(0.0, dtype=tf.float64)  # in float32, 1 − 0.999ᵗ would start 6e-5 off
        self.m = [tf.Variable(tf.zeros_like(binding.variable)) for binding in bindings]
        adagrad = spec.training.optimiser == "adagrad"
        start = ADAGRAD_START[spec.conventions.owner("adagrad", HOME)] if adagrad else 0.0
        self.v = [tf.Variable(tf.fill(m.shape, tf.constant(start, m.dtype))) for m in self.m]

    def step(self, gradients: list[tf.Tensor]) -> None:
        """Update the variables."""
        self.t.assign_add(1.0)
        update = getattr(self, f"_{self.training.optimiser}")
        squares = [self._square(g) for g in gradients]
        gradients, squares = self._clip([tf.convert_to_tensor(g) for g in gradients], squares)
        for binding, g, square, m, v in zip(self.bindings, gradients, squares, self.m, self.v, strict=True):
            rate = tf.cast(self.rate, g.dtype) * binding.copies
            binding.variable.value.assign_sub(rate * update(g, square, m, v))

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.rate.assign(rate)

    def checkpoint(self) -> Weights:
        """Return the state, the number of steps included."""
        return {f"optimiser/{place}": variable.numpy() for place, variable in enumerate([self.t, *self.m, *self.v])}

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        for place, variable in enumerate([self.t, *self.m, *self.v]):
            variable.assign(kept[f"optimiser/{place}"])

    def _square(self, g: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
        """Square a gradient; an embedding's, with a slice for each occurrence of a word, to Σg² or (Σg)²."""
        if isinstance(g, tf.IndexedSlices) and self.conventions.owner("repeated_words", HOME) == "keras":
            return tf.convert_to_tensor(tf.IndexedSlices(tf.square(g.values), g.indices, g.dense_shape))
        return tf.square(tf.convert_to_tensor(g))

    def _clip(self, gradients: list[tf.Tensor], squares: list[tf.Tensor]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Clip the gradients and their squares."""
        limit = self.training.clip_norm
        if limit is None:
            return gradients, squares
        factors = self._factors(limit, [tf.reduce_sum(square) for square in squares])
        clipped = [g * factor for g, factor in zip(gradients, factors, strict=True)]
        if self.training.clip_global or self.conventions.owner("clipping", HOME) == "pytorch":
            # Keras's norm counts each occurrence, but scaling by a global norm sums them into one dense gradient.
            return clipped, [tf.square(g) for g in clipped]
        return clipped, [square * tf.square(factor) for square, factor in zip(squares, factors, strict=True)]

    def _factors(self, limit: float, sums: list[tf.Tensor]) -> list[tf.Tensor]:
        """Compute each gradient's factor from the sums of the squares."""
        copies = [binding.copies for binding in self.bindings]
        total = tf.sqrt(tf.add_n([n * square_sum for n, square_sum in zip(copies, sums, strict=True)]))
        if self.conventions.owner("clipping", HOME) == "pytorch":
            return [tf.minimum(tf.ones_like(total), limit / (total + 1e-6))] * len(sums)
        if self.training.clip_global:
            return [limit / tf.maximum(total, limit)] * len(sums)
        shared: dict[str, tf.Tensor] = {}
        for variable, square_sum in zip(self.clipped_with, sums, strict=True):
            shared[variable] = shared.get(variable, 0.0) + square_sum
        return [limit / tf.maximum(tf.sqrt(shared[variable]), limit) for variable in self.clipped_with]

    def _sgd(self, g: tf.Tensor, square: tf.Tensor, m: tf.Variable, v: tf.Variable) -> tf.Tensor:
        return g

    def _adam(self, g: tf.Tensor, square: tf.Tensor, m: tf.Variable, v: tf.Variable) -> tf.Tensor:
        m.assign(0.9 * m + 0.1 * g)
        v.assign(0.999 * v + 0.001 * square)
        c1, c2 = 1 - 0.9**self.t, 1 - 0.999**self.t
        # Keras adds ε to the uncorrected root: ε/√c₂ on the corrected one.
        keras_epsilon = self.conventions.owner("adam", HOME) == "keras"
        epsilon = 1e-7 / tf.sqrt(c2) if keras_epsilon else tf.constant(1e-8, tf.float64)
        c1, c2, epsilon = (tf.cast(value, g.dtype) for value in (c1, c2, epsilon))
        return m / c1 / (tf.sqrt(v / c2) + epsilon)

    def _rmsprop(self, g: tf.Tensor, square: tf.Tensor, m: tf.Variable, v: tf.Variable) -> tf.Tensor:
        by_keras = self.conventions.owner("rmsprop", HOME) == "keras"
        decay = 0.9 if by_keras else 0.99
        v.assign(decay * v + (1 - decay) * square)
        return g / tf.sqrt(v + 1e-7) if by_keras else g / (tf.sqrt(v) + 1e-8)

    def _adagrad(self, g: tf.Tensor, square: tf.Tensor, m: tf.Variable, v: tf.Variable) -> tf.Tensor:
        by_keras = self.conventions.owner("adagrad", HOME) == "keras"
        v.assign_add(square)
        return g / tf.sqrt(v + 1e-7) if by_keras else g / (tf.sqrt(v) + 1e-10)


def make_optimiser(spec: ExperimentSpec, bindings: list[Binding]) -> StockOptimiser | ImposedOptimiser:
    """Make the optimiser that the conventions ask for, over the trained variables."""
    kind = ImposedOptimiser if spec.conventions.imposed else FusedAdam if fuses_update(spec) else StockOptimiser
    return kind(spec, bindings)


class StockBatches:
    """The batches of Keras's ``fit`` on arrays, or of TensorFlow's IMDB tutorials; a call yields one epoch."""

    def __init__(self, spec: ExperimentSpec, seed: int):
        self.size, self.seed, self.tutorial = spec.training.batch_size, seed, spec.training.pipeline == "tf.data"
        self.dataset = None
        self.epochs_begun = self.epochs_to_skip = 0

    def __call__(self, x: np.ndarray, y: np.ndarray, lengths: Lengths = None) -> Iterator[Batch]:
        """Yield one epoch; ``fit`` shuffles all samples and keeps the last partial batch."""
        if self.tutorial:
            yield from self._buffered(*(array for array in (x, y, lengths) if array is not None))
            return
        self.epochs_begun += 1
        order = tf.random.experimental.stateless_shuffle(tf.range(len(y)), seed=(self.seed, self.epochs_begun)).numpy()
        for start in range(0, len(y), self.size):
            chosen = order[start : start + self.size]
            yield Batch(x[chosen], y[chosen], lengths=None if lengths is None else lengths[chosen])

    def _buffered(self, *arrays: np.ndarray) -> Iterator[Batch]:
        """Yield one epoch shuffled through a buffer, without the last partial batch."""
        if self.dataset is None:
            tf.random.set_seed(self.seed)  # shuffle's order follows from both seeds
            samples = tf.data.Dataset.from_tensor_slices(arrays)
            self.dataset = samples.shuffle(SHUFFLE_BUFFER, seed=self.seed).batch(self.size, drop_remainder=True)
            for _ in range(self.epochs_to_skip):  # an iterator draws its order's seed with its first batch
                next(iter(self.dataset), None)
        self.epochs_begun += 1
        for x, y, *lengths in self.dataset.as_numpy_iterator():
            yield Batch(x, y, lengths=lengths[0] if lengths else None)

    def checkpoint(self) -> Weights:
        """Return the number of epochs begun, which decides the next one's order."""
        return {"batches/begun": np.array(self.epochs_begun)}

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        self.epochs_begun = self.epochs_to_skip = int(kept["batches/begun"])
