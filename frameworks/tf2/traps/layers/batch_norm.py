"""BatchNorm's momentum: the share of the old average that is kept, or of the new one that is taken."""

import keras
import numpy as np
from keras import KerasTensor


def original(batches: np.ndarray, x: np.ndarray) -> KerasTensor:
    """Take Keras's defaults: 0.99 of the old average is kept, ε = 1e-3."""
    norm = keras.layers.BatchNormalization()
    for batch in batches:
        norm(batch, training=True)
    return norm(x)


def naive(batches: np.ndarray, x: np.ndarray) -> KerasTensor:
    """Copy PyTorch's momentum of 0.1: nine tenths of each new average then count."""
    norm = keras.layers.BatchNormalization(momentum=0.1)
    for batch in batches:
        norm(batch, training=True)
    return norm(x)


def right(batches: np.ndarray, x: np.ndarray) -> KerasTensor:
    """Take its complement, and PyTorch's ε."""
    norm = keras.layers.BatchNormalization(momentum=1 - 0.1, epsilon=1e-5)
    for batch in batches:
        norm(batch, training=True)
    return norm(x)
