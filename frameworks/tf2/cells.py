"""One time step of every cell.

A step takes ``projected (B, G·H)``, the input's share x·W + b of every gate; ``states``, each ``(B, H)``; and the
cell's weights ``w``. It returns the new states, of which the first is the output h′.
"""

import keras
import tensorflow as tf

from experiments.canonical import STATES
from experiments.spec import ExperimentSpec
from frameworks.tf2.weights import own_variables

States = tuple[tf.Tensor, ...]
CellWeights = dict[str, keras.Variable]


def recur(h: tf.Tensor, w: CellWeights) -> tf.Tensor:
    """h·U + b of every gate: ``(B, H) -> (B, G·H)``."""
    share = tf.matmul(h, w["recurrent_kernel"])
    return share + w["recurrent_bias"] if "recurrent_bias" in w else share


def project(x: tf.Tensor, w: CellWeights) -> tf.Tensor:
    """x·W + b of every gate: ``(…, I) -> (…, G·H)``; one matrix product for all leading axes."""
    share = tf.tensordot(x, w["kernel"], axes=1)
    return share + w["bias"] if "bias" in w else share


def minimal(projected: tf.Tensor, states: States, w: CellWeights) -> States:
    """h′ = x·W + h·U."""
    (h,) = states
    return (projected + recur(h, w),)


def simple_rnn(projected: tf.Tensor, states: States, w: CellWeights) -> States:
    """Elman (1990): h′ = tanh(x·W + h·U + b)."""
    (h,) = states
    return (tf.tanh(projected + recur(h, w)),)


def lstm(projected: tf.Tensor, states: States, w: CellWeights) -> States:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).

    i, f, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = f·c + i·g; h′ = o·tanh(c′).
    """
    h, c = states
    i, f, g, o = tf.split(projected + recur(h, w), 4, axis=-1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c


def gru(projected: tf.Tensor, states: States, w: CellWeights) -> States:
    """Cho et al. (2014), reset after the product as cuDNN has it.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + r·(h·Uₙ + b′ₙ)); h′ = (1 − z)·n + z·h.
    """
    (h,) = states
    x_z, x_r, x_n = tf.split(projected, 3, axis=-1)
    h_z, h_r, h_n = tf.split(recur(h, w), 3, axis=-1)
    z, r = tf.sigmoid(x_z + h_z), tf.sigmoid(x_r + h_r)
    n = tf.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,)


STEPS = {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru, "minimal": minimal}


class Cell(keras.layers.Layer):
    """Our own cell, as ``keras.layers.RNN`` takes one: ``x (B, I)`` and states -> output ``(B, H)`` and states."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__(dtype=spec.training.dtype)
        self.step = STEPS[spec.network.cell]
        self.w = own_variables(spec, index, inputs)
        units = spec.network.units[index]
        self.state_size = [units] * len(STATES[spec.network.cell])
        self.output_size = units
        self.built = True

    def call(self, x: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step; nothing in it depends on ``training``."""
        states = self.step(project(x, self.w), tuple(states), self.w)
        return states[0], states
