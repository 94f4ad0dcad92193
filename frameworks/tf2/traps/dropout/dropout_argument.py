"""What ``dropout=`` means: on every layer's input with one mask for all steps, or between layers, fresh each step."""

import keras
import numpy as np

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import lstm


def naive(x: np.ndarray, lower: Cell, upper: Cell) -> np.ndarray:
    """Give each layer the same argument: the network's input is dropped too, and every mask serves all steps."""
    keras.utils.set_random_seed(0)
    sequence = lstm(lower, dropout=0.5, return_sequences=True)(x, training=True)
    return np.std(lstm(upper, dropout=0.5)(sequence, training=True), axis=0).mean()


def right(x: np.ndarray, lower: Cell, upper: Cell) -> np.ndarray:
    """Put a ``Dropout`` between the layers."""
    keras.utils.set_random_seed(0)
    sequence = lstm(lower, return_sequences=True)(x)
    return np.std(lstm(upper)(keras.layers.Dropout(0.5)(sequence, training=True)), axis=0).mean()


original = naive
