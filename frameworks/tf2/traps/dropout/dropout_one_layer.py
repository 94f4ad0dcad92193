"""``dropout=`` of one layer: PyTorch's does nothing."""

import keras
import numpy as np

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import lstm


def naive(x: np.ndarray, weights: Cell) -> np.ndarray:
    """Give the layer the argument: its input is dropped, not its output."""
    keras.utils.set_random_seed(0)
    return np.std(lstm(weights, dropout=0.5)(x, training=True), axis=0).mean()


def right(x: np.ndarray, weights: Cell) -> np.ndarray:
    """Put a ``Dropout`` above the layer."""
    keras.utils.set_random_seed(0)
    return np.std(keras.layers.Dropout(0.5)(lstm(weights)(x), training=True), axis=0).mean()


original = naive
