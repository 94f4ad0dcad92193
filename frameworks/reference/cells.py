"""One time step of every cell, and its derivative, in NumPy.

A step takes ``projected (B, G, H)``, the input's share x·W + b of every gate; ``states``, each ``(B, H)``; and the
cell's weights ``w`` in canonical layout. It returns the new states (the first is the output h′) and a tape.
A backward step takes the gradients of the new states and the tape and returns those of ``projected``, of the
recurrent share h·U + b, and of the old states.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

State = tuple[np.ndarray, ...]
CellWeights = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e⁻ˣ), by tanh so that no exponential overflows."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def recur(h: np.ndarray, w: CellWeights) -> np.ndarray:
    """h·U + b of every gate: ``(B, H) -> (B, G, H)``."""
    share = np.tensordot(h, w["recurrent_kernel"], axes=1)
    return share + w["recurrent_bias"] if "recurrent_bias" in w else share


def minimal(projected: np.ndarray, states: State, w: CellWeights) -> tuple[State, State]:
    """h′ = x·W + h·U."""
    (h,) = states
    return ((projected + recur(h, w))[:, 0],), ()


def minimal_backward(d_states: State, tape: State) -> tuple[np.ndarray, np.ndarray, State]:
    """∂h′/∂(x·W) = ∂h′/∂(h·U) = 1."""
    d = d_states[0][:, None]
    return d, d, (0.0,)


def simple_rnn(projected: np.ndarray, states: State, w: CellWeights) -> tuple[State, State]:
    """Elman (1990): h′ = tanh(x·W + h·U + b)."""
    (h,) = states
    h = np.tanh((projected + recur(h, w))[:, 0])
    return (h,), (h,)


def simple_rnn_backward(d_states: State, tape: State) -> tuple[np.ndarray, np.ndarray, State]:
    """tanh′ = 1 − tanh²."""
    (h,) = tape
    d = (d_states[0] * (1 - h**2))[:, None]
    return d, d, (0.0,)


def lstm(projected: np.ndarray, states: State, w: CellWeights) -> tuple[State, State]:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).

    i, f, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = f·c + i·g; h′ = o·tanh(c′).
    """
    h, c = states
    gates = projected + recur(h, w)
    i, f, o = sigmoid(gates[:, 0]), sigmoid(gates[:, 1]), sigmoid(gates[:, 3])
    g = np.tanh(gates[:, 2])
    new_c = f * c + i * g
    squashed = np.tanh(new_c)
    return (o * squashed, new_c), (i, f, g, o, c, squashed)


def lstm_backward(d_states: State, tape: State) -> tuple[np.ndarray, np.ndarray, State]:
    """The chain rule through c′ and h′; σ′ = σ(1 − σ)."""
    d_h, d_c = d_states
    i, f, g, o, c, squashed = tape
    d_c = d_c + d_h * o * (1 - squashed**2)
    d = np.stack(
        [d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g**2), d_h * squashed * o * (1 - o)], axis=1
    )
    return d, d, (0.0, d_c * f)


def gru(projected: np.ndarray, states: State, w: CellWeights) -> tuple[State, State]:
    """Cho et al. (2014), reset after the product as cuDNN has it.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + r·(h·Uₙ + b′ₙ)); h′ = (1 − z)·n + z·h.
    """
    (h,) = states
    recurrent = recur(h, w)
    z, r = sigmoid(projected[:, 0] + recurrent[:, 0]), sigmoid(projected[:, 1] + recurrent[:, 1])
    n = np.tanh(projected[:, 2] + r * recurrent[:, 2])
    return ((1 - z) * n + z * h,), (z, r, n, h, recurrent[:, 2])


def gru_backward(d_states: State, tape: State) -> tuple[np.ndarray, np.ndarray, State]:
    """The recurrent share of n passes the reset gate, so the two shares' gradients differ there."""
    (d_h,) = d_states
    z, r, n, h, recurrent_n = tape
    d_n = d_h * (1 - z) * (1 - n**2)
    d_z, d_r = d_h * (h - n) * z * (1 - z), d_n * recurrent_n * r * (1 - r)
    return np.stack([d_z, d_r, d_n], axis=1), np.stack([d_z, d_r, d_n * r], axis=1), (d_h * z,)


class Cell(NamedTuple):
    """A step and its derivative."""

    step: Callable
    backward: Callable


CELLS = {
    "simple_rnn": Cell(simple_rnn, simple_rnn_backward),
    "lstm": Cell(lstm, lstm_backward),
    "gru": Cell(gru, gru_backward),
    "minimal": Cell(minimal, minimal_backward),
}
