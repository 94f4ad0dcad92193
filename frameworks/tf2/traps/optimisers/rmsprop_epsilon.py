"""RMSprop: ρ = 0.9 and ε inside the root, or α = 0.99 and ε outside."""

import keras
import numpy as np
from keras import KerasTensor


def naive(gradients: np.ndarray) -> KerasTensor:
    """Take the same learning rate."""
    parameter = keras.Variable(np.zeros(gradients.shape[1]))
    optimiser = keras.optimizers.RMSprop(1e-3)
    for gradient in gradients:
        optimiser.apply([gradient], [parameter])
    return parameter


def right(gradients: np.ndarray) -> KerasTensor:
    """Write the rule: no setting of Keras's has ε outside the root."""
    parameter = keras.Variable(np.zeros(gradients.shape[1]))
    average = keras.ops.zeros_like(parameter)
    for gradient in gradients:
        average = 0.99 * average + 0.01 * gradient**2
        parameter.assign_sub(1e-3 * gradient / (keras.ops.sqrt(average) + 1e-8))
    return parameter


original = naive
