"""Layers that hold a case's weights, for the traps that are not about the weights' layout."""

import keras
import numpy as np

from experiments.traps.cases import Cell


def lstm(weights: Cell, batch: int | None = None, **options) -> keras.layers.LSTM:
    """Make a ``keras.layers.LSTM``; a stateful one needs the size of its batch."""
    rnn = keras.layers.LSTM(weights.kernel.shape[2], **options)
    rnn.build((batch, None, len(weights.kernel)))
    rnn.set_weights([*_kernels(weights), weights.bias.reshape(-1)])
    return rnn


def both_ways(forward: Cell, backward: Cell, **options) -> keras.layers.Bidirectional:
    """Make a ``keras.layers.Bidirectional`` around an LSTM."""
    rnn = keras.layers.Bidirectional(keras.layers.LSTM(forward.kernel.shape[2], **options))
    rnn.build((None, None, len(forward.kernel)))
    rnn.set_weights([array for each in (forward, backward) for array in (*_kernels(each), each.bias.reshape(-1))])
    return rnn


def before(steps: int, lengths: np.ndarray) -> np.ndarray:
    """Tell for each step whether it lies before its row's end: ``(B, T)``, as a mask is."""
    return np.arange(steps) < lengths[:, None]


def _kernels(weights: Cell) -> list[np.ndarray]:
    return [array.reshape(len(array), -1) for array in weights[:2]]
