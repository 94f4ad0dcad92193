"""One time step and its derivative, written by hand, of the cells that gain by it: the ``tuned`` form's arithmetic.

A tape names what one step takes and makes ``(B, N)``, or what several do, joined ``(t·B, N)``.

- ``CELL`` turns a step's x·W + b, which ``s`` holds as its gates, into gates and new states.
- ``CELL_derivatives`` turns ``s`` into factors in ``d``.
- ``CELL_backward`` multiplies a step's factors by the gradients of its new states. It leaves the gates' gradients in
  ``d`` and returns those of the old states, to the first of which it adds what reaches it from ``outside``. Its ``w``
  holds the matrices transposed.
- ``CELL_gradients`` sums the gradients of the recurrent weights over several steps.

The equations are those of ``frameworks/reference/cells.py``.
"""

from collections.abc import Callable
from types import SimpleNamespace as Tape
from typing import NamedTuple

import tensorflow as tf

from experiments.spec import NetworkSpec

States = tuple[tf.Tensor, ...]
CellWeights = dict[str, tf.Tensor]

sigmoid_gradient = tf.raw_ops.SigmoidGrad  # (dy=d, y=y): d·y·(1 − y)
tanh_gradient = tf.raw_ops.TanhGrad  # (dy=d, y=y): d·(1 − y²)


def product_gradient(left: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    """Compute the gradient of a weight, ``left (t·B, I)`` times which has the gradient ``d (t·B, N)``."""
    return tf.matmul(left, d, transpose_a=True)


def sum_steps(d: tf.Tensor) -> tf.Tensor:
    """Sum over time and batch: ``(t·B, N) -> (N,)``."""
    return tf.raw_ops.BiasAddGrad(out_backprop=d)


def lstm(s: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000), and its variants.

    i, f, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = f·c + i·g; h′ = o·tanh(c′).
    Peepholes (Gers & Schmidhuber 2000): i and f also see p·c, and o sees p·c′.
    Coupled gates (Greff et al. 2015, CIFG): f = 1 − i. Projection (Sak et al. 2014): h′ = (o·tanh(c′))·P.
    Clipping limits c′ and the projected h′.
    """
    coupled = network.cell == "lstm_coupled"
    gates = tf.split(s.gates + tf.matmul(s.h, w["recurrent_kernel"]), 3 if coupled else 4, axis=-1)
    (i, g, o), f = (gates, None) if coupled else ((gates[0], *gates[2:]), gates[1])
    if "peephole" in w:
        p_i, p_f, p_o = w["peephole"]
        i, f = i + p_i * s.c, f + p_f * s.c
    s.i, s.g = tf.sigmoid(i), tf.tanh(g)
    if coupled:
        s.new_c = s.c + s.i * (s.g - s.c)
    else:
        s.f = tf.sigmoid(f)
        s.new_c = s.f * s.c + s.i * s.g
    if network.cell_clip is not None:
        s.free_c, s.new_c = s.new_c, tf.clip_by_value(s.new_c, -network.cell_clip, network.cell_clip)
    s.o = tf.sigmoid(o + p_o * s.new_c if "peephole" in w else o)
    s.squashed = tf.tanh(s.new_c)
    s.new_h = s.o * s.squashed
    if "projection" in w:
        s.unprojected = s.new_h
        s.new_h = tf.matmul(s.unprojected, w["projection"])
    if network.projection_clip is not None:
        limit = network.projection_clip
        s.free_h, s.new_h = s.new_h, tf.clip_by_value(s.new_h, -limit, limit)


def lstm_derivatives(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Apply σ′ = σ(1 − σ) and tanh′ = 1 − tanh² to what each gate is multiplied by; ``carry`` is ∂c′/∂c."""
    coupled = network.cell == "lstm_coupled"
    d.i = sigmoid_gradient(dy=s.g - s.c if coupled else s.g, y=s.i)
    d.g = tanh_gradient(dy=s.i, y=s.g)
    d.o = sigmoid_gradient(dy=s.squashed, y=s.o)
    if not coupled:
        d.f = sigmoid_gradient(dy=s.c, y=s.f)
    d.by_h = tanh_gradient(dy=s.o, y=s.squashed)  # ∂h′/∂c′
    d.carry = 1 - s.i if coupled else s.f
    if "peephole" in w:
        p_i, p_f, p_o = w["peephole"]
        d.by_h += d.o * p_o
        d.carry += d.i * p_i + d.f * p_f
    if network.cell_clip is not None:
        within = tf.cast(tf.abs(s.free_c) <= network.cell_clip, s.c.dtype)
        d.carry *= within
        d.i, d.g = d.i * within, d.g * within
        if not coupled:
            d.f *= within
    if network.projection_clip is not None:
        d.within = tf.cast(tf.abs(s.free_h) <= network.projection_clip, s.h.dtype)


def lstm_backward(d_states: States, outside: tf.Tensor, d: Tape, w: CellWeights, network: NetworkSpec) -> States:
    """Apply the chain rule back through h′, c′ and the gates."""
    d_h, d_c = d_states
    if "projection" in w:
        d.h = d_h * d.within if network.projection_clip is not None else d_h
        d_h = tf.matmul(d.h, w["projection"])
    d_c += d_h * d.by_h
    d.i *= d_c
    if network.cell != "lstm_coupled":
        d.f *= d_c
    d.g *= d_c
    d.o *= d_h
    d.gates = tf.concat([d.i, d.g, d.o] if network.cell == "lstm_coupled" else [d.i, d.f, d.g, d.o], axis=-1)
    return outside + tf.matmul(d.gates, w["recurrent_kernel"]), d_c * d.carry


def lstm_gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Return the gradients of U, the peepholes and the projection."""
    grads = {"recurrent_kernel": product_gradient(s.h, d.gates)}
    if "projection" in w:
        grads["projection"] = product_gradient(s.unprojected, d.h)
    if "peephole" in w:
        grads["peephole"] = tf.stack([sum_steps(each) for each in (d.i * s.c, d.f * s.c, d.o * s.new_c)])
    return grads


def gru(s: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Cho et al. (2014), reset after the product as cuDNN has it.

    z, r = σ(x·W + h·U + b); m = h·Uₙ + b′ₙ; n = tanh(x·Wₙ + bₙ + r·m); h′ = (1 − z)·n + z·h.
    """
    s.z, s.r = tf.split(tf.sigmoid(s.z_r + tf.matmul(s.h, w["recurrent_kernel"])), 2, axis=-1)
    s.m = tf.nn.bias_add(tf.matmul(s.h, w["candidate_recurrent_kernel"]), w["candidate_recurrent_bias"])
    s.n = tf.tanh(s.n + s.r * s.m)
    s.new_h = s.n + s.z * (s.h - s.n)


def gru_derivatives(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """The reset gate scales only the recurrent part m of n; ``carry`` is ∂h′/∂h past the gates."""
    d.n = tanh_gradient(dy=1 - s.z, y=s.n)
    d.z = sigmoid_gradient(dy=s.h - s.n, y=s.z)
    d.r = sigmoid_gradient(dy=d.n * s.m, y=s.r)
    d.m = d.n * s.r
    d.carry = s.z


def gru_backward(d_states: States, outside: tf.Tensor, d: Tape, w: CellWeights, network: NetworkSpec) -> States:
    """Every gate's gradient is a factor times that of h′."""
    (d_h,) = d_states
    d.n, d.m, d.z_r = d.n * d_h, d.m * d_h, tf.concat([d.z * d_h, d.r * d_h], axis=-1)
    d_old = outside + d_h * d.carry + tf.matmul(d.z_r, w["recurrent_kernel"])
    return (d_old + tf.matmul(d.m, w["candidate_recurrent_kernel"]),)


def gru_gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Return the gradients of U and its bias."""
    kernels = product_gradient(s.h, d.z_r), product_gradient(s.h, d.m)
    biases = sum_steps(d.z_r), sum_steps(d.m)
    return {"recurrent_kernel": tf.concat(kernels, axis=-1), "recurrent_bias": tf.concat(biases, axis=-1)}


class Cell(NamedTuple):
    """A cell's functions; the gates that a step takes in one tensor, in units; what a step keeps for the way back."""

    step: Callable
    derivatives: Callable
    backward: Callable
    gradients: Callable
    columns: dict[str, int]
    kept: tuple[str, ...]


LSTM = (lstm, lstm_derivatives, lstm_backward, lstm_gradients)
GRU = (gru, gru_derivatives, gru_backward, gru_gradients)
IFGO = {"gates": 4}
IGO = {"gates": 3}
ZRN = {"z_r": 2, "n": 1}  # apart, since a tensor's columns are not read in place
LSTM_KEPT = ("h", "c", "i", "f", "g", "o", "squashed", "free_c")
CELLS = {
    "lstm": Cell(*LSTM, IFGO, LSTM_KEPT),
    "gru": Cell(*GRU, ZRN, ("h", "z", "r", "m", "n")),
    "lstm_peephole": Cell(*LSTM, IFGO, (*LSTM_KEPT, "new_c")),
    "lstm_projection": Cell(*LSTM, IFGO, (*LSTM_KEPT, "unprojected", "free_h")),
    "lstm_coupled": Cell(*LSTM, IGO, LSTM_KEPT),
}
