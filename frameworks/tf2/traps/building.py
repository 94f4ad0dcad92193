"""Layers that hold a case's weights, for the traps that are not about the weights' layout."""

import keras
import numpy as np

from experiments.traps.cases import Cell


def lstm(weights: Cell, **options) -> keras.layers.LSTM:
    """Make a ``keras.layers.LSTM``."""
    return _loaded(keras.layers.LSTM(weights.kernel.shape[2], **options), weights, _lstm_arrays(weights))


def both_ways(forward: Cell, backward: Cell, **options) -> keras.layers.Bidirectional:
    """Make a ``keras.layers.Bidirectional`` around an LSTM."""
    rnn = keras.layers.Bidirectional(keras.layers.LSTM(forward.kernel.shape[2], **options))
    return _loaded(rnn, forward, [*_lstm_arrays(forward), *_lstm_arrays(backward)])


def gru(weights: Cell) -> keras.layers.GRU:
    """Make a ``keras.layers.GRU``, reset after the product: its two biases are the rows of one variable."""
    biases = np.stack([weights.bias.reshape(-1), weights.recurrent_bias.reshape(-1)])
    return _loaded(keras.layers.GRU(weights.kernel.shape[2]), weights, [*_kernels(weights), biases])


def before(steps: int, lengths: np.ndarray) -> np.ndarray:
    """Tell for each step whether it lies before its row's end: ``(B, T)``, as a mask is."""
    return np.arange(steps) < lengths[:, None]


def _loaded(rnn: keras.Layer, weights: Cell, arrays: list[np.ndarray]) -> keras.Layer:
    rnn.build((None, None, weights.kernel.shape[0]))
    rnn.set_weights(arrays)
    return rnn


def _kernels(weights: Cell) -> list[np.ndarray]:
    return [array.reshape(len(array), -1) for array in weights[:2]]


def _lstm_arrays(weights: Cell) -> list[np.ndarray]:
    return [*_kernels(weights), weights.bias.reshape(-1)]
