"""AdamW's weight decay: 0.004 in Keras, 0.01 in PyTorch."""

import keras
import numpy as np
from keras import KerasTensor


def naive(start: np.ndarray, gradients: np.ndarray) -> KerasTensor:
    """Take the default decay."""
    parameter = keras.Variable(start)
    optimiser = keras.optimizers.AdamW(1e-3)
    for gradient in gradients:
        optimiser.apply([gradient], [parameter])
    return parameter - start


def right(start: np.ndarray, gradients: np.ndarray) -> KerasTensor:
    """Take PyTorch's decay."""
    parameter = keras.Variable(start)
    optimiser = keras.optimizers.AdamW(1e-3, weight_decay=0.01)
    for gradient in gradients:
        optimiser.apply([gradient], [parameter])
    return parameter - start


original = naive
