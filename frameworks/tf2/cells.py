"""One time step of every cell.

A step takes ``from_input (B, G·H)``, which is x·W + b for every gate; ``states``, each ``(B, H)``; the cell's weights
``w`` as ``unpack`` returns them; and the network's spec. It returns the new states, the output h′ first.
"""

import keras
import tensorflow as tf

from experiments.canonical import STATES
from experiments.cells import CELLS
from experiments.spec import ExperimentSpec, NetworkSpec
from frameworks.tf2.weights import make_variables

States = tuple[tf.Tensor, ...]
CellWeights = dict[str, keras.Variable | tf.Tensor]


def unpack(w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Convert the weights to tensors and split them as a step needs them, once per sequence instead of once per step.

    Inside the loop this would cost an operation per step, another for its gradient, and tracing for both.
    """
    w = {kind: tf.convert_to_tensor(weight) for kind, weight in w.items()}
    if CELLS[network.cell].gates_its_candidate:
        units = w["recurrent_kernel"].shape[0]
        for kind in [kind for kind in w if kind.startswith("recurrent_")]:
            w[kind], w[f"candidate_{kind}"] = split_candidate(w[kind], units)
    if "peephole" in w:
        w["peephole"] = tf.unstack(w["peephole"])
    return w


def split_candidate(x: tf.Tensor, units: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Split off the candidate, the last gate: ``(…, G·H) -> (…, (G − 1)·H), (…, H)``."""
    return tf.split(x, [x.shape[-1] - units, units], axis=-1)


def recur(h: tf.Tensor, w: CellWeights, part: str = "") -> tf.Tensor:
    """Compute h·U + b for every gate, or for the ``part`` that ``unpack`` split off: ``(B, H) -> (B, G·H)``."""
    kernel, bias = w[f"{part}recurrent_kernel"], w.get(f"{part}recurrent_bias")
    product = tf.matmul(h, kernel)
    return product if bias is None else tf.nn.bias_add(product, bias)


def clip(x: tf.Tensor, limit: float | None) -> tf.Tensor:
    """Limit x to ±limit; None means no limit."""
    return x if limit is None else tf.clip_by_value(x, -limit, limit)


def input_product(x: tf.Tensor, w: CellWeights) -> tf.Tensor:
    """Compute x·W + b for every gate: ``(…, I) -> (…, G·H)``; one matrix product for all leading axes."""
    product = tf.tensordot(x, w["kernel"], axes=1)
    return tf.nn.bias_add(product, w["bias"]) if "bias" in w else product


def minimal(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """h′ = x·W + h·U."""
    (h,) = states
    return (from_input + recur(h, w),)


def simple_rnn(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """Elman (1990): h′ = tanh(x·W + h·U + b)."""
    (h,) = states
    return (tf.tanh(from_input + recur(h, w)),)


def lstm(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).

    i, f, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = f·c + i·g, limited to ±cell_clip; h′ = o·tanh(c′).
    """
    h, c = states
    i, f, g, o = tf.split(from_input + recur(h, w), 4, axis=-1)
    c = clip(tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g), network.cell_clip)
    return tf.sigmoid(o) * tf.tanh(c), c


def lstm_peephole(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """Gers & Schmidhuber (2000): the gates see the cell state, i and f the old one, o the new.

    i, f = σ(x·W + h·U + b + p·c); g = tanh(x·W + h·U + b); c′ = f·c + i·g;
    o = σ(x·W + h·U + b + p·c′); h′ = o·tanh(c′).
    """
    h, c = states
    i, f, g, o = tf.split(from_input + recur(h, w), 4, axis=-1)
    p_i, p_f, p_o = w["peephole"]
    c = clip(tf.sigmoid(f + p_f * c) * c + tf.sigmoid(i + p_i * c) * tf.tanh(g), network.cell_clip)
    return tf.sigmoid(o + p_o * c) * tf.tanh(c), c


def lstm_projection(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """Sak et al. (2014), without peepholes as nn.LSTM has it: h′ = (o·tanh(c′))·P, limited to ±projection_clip."""
    unprojected, c = lstm(from_input, states, w, network)
    return clip(unprojected @ w["projection"], network.projection_clip), c


def lstm_coupled(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """Greff et al. (2015), CIFG: coupled gates, f = 1 − i.

    i, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = (1 − i)·c + i·g; h′ = o·tanh(c′).
    """
    h, c = states
    i, g, o = tf.split(from_input + recur(h, w), 3, axis=-1)
    i = tf.sigmoid(i)
    c = clip(c + i * (tf.tanh(g) - c), network.cell_clip)
    return tf.sigmoid(o) * tf.tanh(c), c


def gru(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """Cho et al. (2014), reset after the product as cuDNN has it.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + r·(h·Uₙ + b′ₙ)); h′ = (1 − z)·n + z·h.
    """
    (h,) = states
    (x_zr, x_n), (h_zr, h_n) = split_candidate(from_input, h.shape[-1]), split_candidate(recur(h, w), h.shape[-1])
    z, r = tf.split(tf.sigmoid(x_zr + h_zr), 2, axis=-1)
    n = tf.tanh(x_n + r * h_n)
    return (n + z * (h - n),)


def gru_reset_before(from_input: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec) -> States:
    """Cho et al. (2014) as printed: the reset gate acts before the product.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + (r·h)·Uₙ + b′ₙ); h′ = (1 − z)·n + z·h.
    """
    (h,) = states
    x_zr, x_n = split_candidate(from_input, h.shape[-1])
    z, r = tf.split(tf.sigmoid(x_zr + recur(h, w)), 2, axis=-1)
    n = tf.tanh(x_n + recur(r * h, w, "candidate_"))
    return (n + z * (h - n),)


STEPS = {
    "simple_rnn": simple_rnn,
    "lstm": lstm,
    "gru": gru,
    "minimal": minimal,
    "gru_reset_before": gru_reset_before,
    "lstm_peephole": lstm_peephole,
    "lstm_projection": lstm_projection,
    "lstm_coupled": lstm_coupled,
}


class Cell(keras.layers.Layer):
    """Our cell, in the form ``keras.layers.RNN`` takes: ``x (B, I)``, states -> output ``(B, H)``, states."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__(dtype=spec.training.dtype)
        self.network, self.step = spec.network, STEPS[spec.network.cell]
        self.w = make_variables(spec, index, inputs)
        units = spec.network.units[index]
        self.output_size = spec.network.projection_size or units
        self.state_size = [self.output_size, units][: len(STATES[spec.network.cell])]
        self.built = True

    def call(self, x: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Run one step; nothing in it depends on ``training``."""
        w = unpack(self.w, self.network)
        states = self.step(input_product(x, w), tuple(states), w, self.network)
        return states[0], states
