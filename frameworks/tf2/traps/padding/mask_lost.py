"""The mask is lost between two layers, where an operation stands that knows nothing of it."""

import keras
import numpy as np
from keras import KerasTensor

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import before, lstm


def naive(x: np.ndarray, lengths: np.ndarray, lower: Cell, upper: Cell) -> KerasTensor:
    """Trust that a mask given once goes along: a bare operation drops it, and the upper layer reads the padding."""
    mask = before(x.shape[1], lengths)
    sequence = lstm(lower, return_sequences=True)(x, mask=mask)
    return lstm(upper)(keras.ops.relu(sequence))


def right(x: np.ndarray, lengths: np.ndarray, lower: Cell, upper: Cell) -> KerasTensor:
    """Give the mask to each layer."""
    mask = before(x.shape[1], lengths)
    sequence = lstm(lower, return_sequences=True)(x, mask=mask)
    return lstm(upper)(keras.ops.relu(sequence), mask=mask)


original = right
