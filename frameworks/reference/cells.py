"""One time step of every cell, and its derivative, in NumPy.

A step takes ``from_input (B, G, H)``, which is x·W + b for every gate; ``states``, each ``(B, H)``; the cell's weights
``w`` in canonical layout; and the network's spec. It returns the new states, the output h′ first, and a tape, which
holds what the derivative needs. A backward step takes the gradients of the new states and the tape; it returns the
gradients of ``from_input``, of the old states and of the weights that the step uses.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from experiments.canonical import GATES
from experiments.spec import NetworkSpec

State = tuple[np.ndarray, ...]
CellWeights = dict[str, np.ndarray]
Gradients = tuple[np.ndarray, State, CellWeights]  # of from_input, of the old states, of the cell's weights


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Compute 1 / (1 + e⁻ˣ) by tanh, so that no exponential overflows."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def clip(x: np.ndarray, limit: float | None) -> np.ndarray:
    """Limit x to ±limit; None means no limit."""
    return x if limit is None else np.clip(x, -limit, limit)


def clip_derivative(x: np.ndarray, limit: float | None) -> np.ndarray | float:
    """Compute the derivative of ``clip``: 1 where x is within ±limit, else 0."""
    return 1.0 if limit is None else (np.abs(x) <= limit).astype(x.dtype)


# The products below are those of ``np.tensordot``, to the bit, without its search for the axes, which takes longer.
def times(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Compute x·W for every gate: ``(…, I), (I, G, H) -> (…, G, H)``."""
    inputs, gates, units = kernel.shape
    return (x.reshape(-1, inputs) @ kernel.reshape(inputs, gates * units)).reshape(*x.shape[:-1], gates, units)


def times_transposed(d: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Turn the gradient of x·W ``(B, G, H)`` into that of x ``(B, I)``."""
    inputs, gates, units = kernel.shape
    return d.reshape(-1, gates * units) @ kernel.reshape(inputs, gates * units).T


def times_backward(x: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Turn the gradient of x·W ``(B, G, H)`` into that of W ``(I, G, H)``."""
    _, gates, units = d.shape
    return (x.T @ d.reshape(-1, gates * units)).reshape(-1, gates, units)


def recur(h: np.ndarray, w: CellWeights, gates: slice = slice(None)) -> np.ndarray:
    """Compute h·U + b for the given gates: ``(B, H) -> (B, G, H)``."""
    product = times(h, w["recurrent_kernel"][:, gates])
    return product + w["recurrent_bias"][gates] if "recurrent_bias" in w else product


def recur_backward(d: np.ndarray, h: np.ndarray, w: CellWeights, gates: slice = slice(None)) -> tuple:
    """Turn the gradient of h·U + b ``(B, G, H)`` into that of h ``(B, H)`` and those of the recurrent weights."""
    grads = {"recurrent_kernel": np.zeros_like(w["recurrent_kernel"])}
    grads["recurrent_kernel"][:, gates] = times_backward(h, d)
    if "recurrent_bias" in w:
        grads["recurrent_bias"] = np.zeros_like(w["recurrent_bias"])
        grads["recurrent_bias"][gates] = d.sum(axis=0)
    return times_transposed(d, w["recurrent_kernel"][:, gates]), grads


def minimal(from_input: np.ndarray, states: State, w: CellWeights, network: NetworkSpec) -> tuple[State, State]:
    """h′ = x·W + h·U."""
    (h,) = states
    return ((from_input + recur(h, w))[:, 0],), (h,)


def minimal_backward(d_states: State, tape: State, w: CellWeights, network: NetworkSpec) -> Gradients:
    """∂h′/∂(x·W) = ∂h′/∂(h·U) = 1."""
    (h,) = tape
    d = d_states[0][:, None]
    d_h, grads = recur_backward(d, h, w)
    return d, (d_h,), grads


def simple_rnn(from_input: np.ndarray, states: State, w: CellWeights, network: NetworkSpec) -> tuple[State, State]:
    """Elman (1990): h′ = tanh(x·W + h·U + b)."""
    (h,) = states
    new_h = np.tanh((from_input + recur(h, w))[:, 0])
    return (new_h,), (h, new_h)


def simple_rnn_backward(d_states: State, tape: State, w: CellWeights, network: NetworkSpec) -> Gradients:
    """tanh′ = 1 − tanh²."""
    h, new_h = tape
    d = (d_states[0] * (1 - new_h**2))[:, None]
    d_h, grads = recur_backward(d, h, w)
    return d, (d_h,), grads


def lstm(from_input: np.ndarray, states: State, w: CellWeights, network: NetworkSpec) -> tuple[State, State]:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000), and its variants.

    i, f, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = f·c + i·g; h′ = o·tanh(c′).
    Peepholes (Gers & Schmidhuber 2000): i and f also see p·c, and o sees p·c′.
    Coupled gates (Greff et al. 2015, CIFG): f = 1 − i. Projection (Sak et al. 2014): h′ = (o·tanh(c′))·P.
    Clipping limits c′ and the projected h′.
    """
    h, c = states
    gates = dict(zip(GATES[network.cell], np.moveaxis(from_input + recur(h, w), 1, 0), strict=True))
    p_i, p_f, p_o = w.get("peephole", (0.0, 0.0, 0.0))
    i = sigmoid(gates["i"] + p_i * c)
    f = sigmoid(gates["f"] + p_f * c) if "f" in gates else 1 - i
    g = np.tanh(gates["g"])
    free_c = f * c + i * g
    new_c = clip(free_c, network.cell_clip)
    o = sigmoid(gates["o"] + p_o * new_c)
    squashed = np.tanh(new_c)
    free_h = o * squashed @ w["projection"] if "projection" in w else o * squashed
    return (clip(free_h, network.projection_clip), new_c), (h, c, i, f, g, o, free_c, new_c, squashed, free_h)


def lstm_backward(d_states: State, tape: State, w: CellWeights, network: NetworkSpec) -> Gradients:
    """Apply the chain rule back through h′, o, c′ and the gates; σ′ = σ(1 − σ)."""
    h, c, i, f, g, o, free_c, new_c, squashed, free_h = tape
    p_i, p_f, p_o = w.get("peephole", (0.0, 0.0, 0.0))
    grads: CellWeights = {}
    d_h, d_c = d_states
    d_h = d_h * clip_derivative(free_h, network.projection_clip)
    if "projection" in w:
        grads["projection"] = (o * squashed).T @ d_h
        d_h = d_h @ w["projection"].T
    d_o = d_h * squashed * o * (1 - o)
    d_c = (d_c + d_h * o * (1 - squashed**2) + d_o * p_o) * clip_derivative(free_c, network.cell_clip)
    coupled = "f" not in GATES[network.cell]
    d_f = 0.0 if coupled else d_c * c * f * (1 - f)
    d_i = d_c * (g - c if coupled else g) * i * (1 - i)
    gates = {"i": d_i, "f": d_f, "g": d_c * i * (1 - g**2), "o": d_o}
    if "peephole" in w:
        grads["peephole"] = np.stack([(d_i * c).sum(axis=0), (d_f * c).sum(axis=0), (d_o * new_c).sum(axis=0)])
    d = np.stack([gates[name] for name in GATES[network.cell]], axis=1)
    d_old_h, recurrent_grads = recur_backward(d, h, w)
    return d, (d_old_h, d_c * f + d_i * p_i + d_f * p_f), recurrent_grads | grads


def gru(from_input: np.ndarray, states: State, w: CellWeights, network: NetworkSpec) -> tuple[State, State]:
    """Cho et al. (2014), reset after the product as cuDNN has it.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + r·(h·Uₙ + b′ₙ)); h′ = (1 − z)·n + z·h.
    """
    (h,) = states
    recurrent = recur(h, w)
    z, r = sigmoid(from_input[:, 0] + recurrent[:, 0]), sigmoid(from_input[:, 1] + recurrent[:, 1])
    n = np.tanh(from_input[:, 2] + r * recurrent[:, 2])
    return ((1 - z) * n + z * h,), (z, r, n, h, recurrent[:, 2])


def gru_backward(d_states: State, tape: State, w: CellWeights, network: NetworkSpec) -> Gradients:
    """The reset gate scales only the recurrent part of n, so n's two parts have different gradients."""
    (d_h,) = d_states
    z, r, n, h, recurrent_n = tape
    d_n = d_h * (1 - z) * (1 - n**2)
    d_z, d_r = d_h * (h - n) * z * (1 - z), d_n * recurrent_n * r * (1 - r)
    d_old, grads = recur_backward(np.stack([d_z, d_r, d_n * r], axis=1), h, w)
    return np.stack([d_z, d_r, d_n], axis=1), (d_h * z + d_old,), grads


def gru_reset_before(
    from_input: np.ndarray, states: State, w: CellWeights, network: NetworkSpec
) -> tuple[State, State]:
    """Cho et al. (2014) as printed: the reset gate acts before the product.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + (r·h)·Uₙ + b′ₙ); h′ = (1 − z)·n + z·h.
    """
    (h,) = states
    z, r = np.moveaxis(sigmoid(from_input[:, :2] + recur(h, w, GATED)), 1, 0)
    n = np.tanh(from_input[:, 2] + recur(r * h, w, CANDIDATE)[:, 0])
    return ((1 - z) * n + z * h,), (z, r, n, h)


def gru_reset_before_backward(d_states: State, tape: State, w: CellWeights, network: NetworkSpec) -> Gradients:
    """The product's gradient reaches r and h through r·h."""
    (d_h,) = d_states
    z, r, n, h = tape
    d_n = d_h * (1 - z) * (1 - n**2)
    d_reset, candidate_grads = recur_backward(d_n[:, None], r * h, w, CANDIDATE)
    d_z, d_r = d_h * (h - n) * z * (1 - z), d_reset * h * r * (1 - r)
    d_old, gated_grads = recur_backward(np.stack([d_z, d_r], axis=1), h, w, GATED)
    grads = {name: candidate_grads[name] + gated_grads[name] for name in candidate_grads}
    return np.stack([d_z, d_r, d_n], axis=1), (d_h * z + d_reset * r + d_old,), grads


GATED, CANDIDATE = slice(0, 2), slice(2, 3)  # z and r; n: of a GRU's gates z, r, n


class Cell(NamedTuple):
    """A step and its derivative."""

    step: Callable
    backward: Callable


LSTM = Cell(lstm, lstm_backward)
CELLS = {
    "simple_rnn": Cell(simple_rnn, simple_rnn_backward),
    "lstm": LSTM,
    "gru": Cell(gru, gru_backward),
    "minimal": Cell(minimal, minimal_backward),
    "gru_reset_before": Cell(gru_reset_before, gru_reset_before_backward),
    "lstm_peephole": LSTM,
    "lstm_projection": LSTM,
    "lstm_coupled": LSTM,
}
