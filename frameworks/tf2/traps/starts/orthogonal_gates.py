"""Orthogonal recurrent kernels: over all gates as one matrix, or gate by gate."""

import keras
import numpy as np


def naive(units: int) -> np.ndarray:
    """Take Keras's default: the whole matrix is orthogonal."""
    rnn = keras.layers.LSTM(units)
    rnn.build((None, None, units))
    return np.linalg.svd(rnn.cell.recurrent_kernel.numpy(), compute_uv=False)


def right(units: int) -> np.ndarray:
    """Make each gate's block orthogonal."""
    rnn = keras.layers.LSTM(units)
    rnn.build((None, None, units))
    orthogonal = keras.initializers.Orthogonal()
    blocks = [orthogonal.clone()((units, units)) for _ in range(4)]
    rnn.cell.recurrent_kernel.assign(keras.ops.concatenate(blocks, axis=1))
    return np.linalg.svd(rnn.cell.recurrent_kernel.numpy(), compute_uv=False)


original = naive
