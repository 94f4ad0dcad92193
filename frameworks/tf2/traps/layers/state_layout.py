"""The final states' layout: ``h_n`` is (layers, B, H) even where the batch comes first elsewhere."""

import keras
import numpy as np
from keras import KerasTensor

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import lstm


def naive(x: np.ndarray, lower: Cell, upper: Cell) -> KerasTensor:
    """Concatenate the layers' states, each (B, H)."""
    sequence, h_lower, _ = lstm(lower, return_sequences=True, return_state=True)(x)
    _, h_upper, _ = lstm(upper, return_state=True)(sequence)
    return keras.ops.concatenate([h_lower, h_upper], axis=-1)


#: Each state is a tensor of its own, the batch first.
right = naive
original = naive
