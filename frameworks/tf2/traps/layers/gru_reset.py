"""The GRU's reset gate acts before the recurrent product (Cho et al. 2014) or after it (cuDNN)."""

import keras
import numpy as np
from keras import KerasTensor

from experiments.traps.cases import Cell


def original(x: np.ndarray, weights: Cell) -> KerasTensor:
    """Reset before the product, as Keras's GRU did by default before 2019."""
    kernel, recurrent, bias, _ = (array.reshape(*array.shape[:-2], -1) for array in weights)
    gru = keras.layers.GRU(len(recurrent), reset_after=False)
    gru.build(x.shape)
    gru.set_weights([kernel, recurrent, bias])
    return gru(x)


def naive(x: np.ndarray, weights: Cell) -> KerasTensor:
    """Load ``nn.GRU``'s weights into such a layer, its two biases added."""
    kernel, recurrent, bias, recurrent_bias = (array.reshape(*array.shape[:-2], -1) for array in weights)
    gru = keras.layers.GRU(len(recurrent), reset_after=False)
    gru.build(x.shape)
    gru.set_weights([kernel, recurrent, bias + recurrent_bias])
    return gru(x)


def right(x: np.ndarray, weights: Cell) -> KerasTensor:
    """Reset after the product, with the two biases apart."""
    kernel, recurrent, bias, recurrent_bias = (array.reshape(*array.shape[:-2], -1) for array in weights)
    gru = keras.layers.GRU(len(recurrent), reset_after=True)
    gru.build(x.shape)
    gru.set_weights([kernel, recurrent, np.stack([bias, recurrent_bias])])
    return gru(x)
