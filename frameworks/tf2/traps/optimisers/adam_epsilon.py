"""Adam's ε: another size, added in another place."""

import keras
import numpy as np
from keras import KerasTensor


def naive(gradients: np.ndarray) -> KerasTensor:
    """Take the same learning rate."""
    parameter = keras.Variable(np.zeros(gradients.shape[1]))
    optimiser = keras.optimizers.Adam(1e-3)
    for gradient in gradients:
        optimiser.apply([gradient], [parameter])
    return parameter


def right(gradients: np.ndarray) -> KerasTensor:
    """Scale PyTorch's ε before each step, since Keras adds it before the correction of v."""
    parameter = keras.Variable(np.zeros(gradients.shape[1]))
    optimiser = keras.optimizers.Adam(1e-3)
    for step, gradient in enumerate(gradients, start=1):
        optimiser.epsilon = 1e-8 * (1 - 0.999**step) ** 0.5
        optimiser.apply([gradient], [parameter])
    return parameter


original = naive
