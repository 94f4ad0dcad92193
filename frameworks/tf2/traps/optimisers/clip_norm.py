"""Clipping a gradient's norm: for each variable by itself, or over all of them."""

import keras
import numpy as np
from keras import KerasTensor


def naive(kernel_gradient: np.ndarray, bias_gradient: np.ndarray) -> KerasTensor:
    """Take the option of the same name."""
    kernel, bias = (keras.Variable(np.zeros(each.shape)) for each in (kernel_gradient, bias_gradient))
    optimiser = keras.optimizers.SGD(1.0, clipnorm=1.0)
    optimiser.apply([kernel_gradient, bias_gradient], [kernel, bias])
    return keras.ops.concatenate([keras.ops.ravel(kernel), bias])


def right(kernel_gradient: np.ndarray, bias_gradient: np.ndarray) -> KerasTensor:
    """Clip over all variables at once."""
    kernel, bias = (keras.Variable(np.zeros(each.shape)) for each in (kernel_gradient, bias_gradient))
    optimiser = keras.optimizers.SGD(1.0, global_clipnorm=1.0)
    optimiser.apply([kernel_gradient, bias_gradient], [kernel, bias])
    return keras.ops.concatenate([keras.ops.ravel(kernel), bias])


original = naive
