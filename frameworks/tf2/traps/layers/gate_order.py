"""The GRU's gates stand in another order: a kernel of three blocks is copied."""

import keras
import numpy as np
from keras import KerasTensor


def original(
    x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, recurrent_bias: np.ndarray
) -> KerasTensor:
    """Hold the blocks as Keras does: z, r, h."""
    gru = keras.layers.GRU(len(recurrent))
    gru.build(x.shape)
    gru.set_weights([kernel, recurrent, np.stack([bias, recurrent_bias])])
    return gru(x)


#: PyTorch's blocks r, z, n are copied as they stand.
naive = original


def right(
    x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, recurrent_bias: np.ndarray
) -> KerasTensor:
    """Put PyTorch's blocks r, z, n into the order z, r, h."""

    def reordered(array: np.ndarray) -> np.ndarray:
        r, z, n = np.split(array, 3, axis=-1)
        return np.concatenate([z, r, n], axis=-1)

    gru = keras.layers.GRU(len(recurrent))
    gru.build(x.shape)
    gru.set_weights([reordered(array) for array in (kernel, recurrent, np.stack([bias, recurrent_bias]))])
    return gru(x)
