"""What a layer gives at padded steps: Keras repeats a row's last output, packing gives 0."""

import keras
import numpy as np
from keras import KerasTensor

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import before, lstm


def naive(x: np.ndarray, lengths: np.ndarray, weights: Cell) -> KerasTensor:
    """Take the largest output over time: a repeated last output changes nothing."""
    mask = before(x.shape[1], lengths)
    sequence = lstm(weights, return_sequences=True)(x, mask=mask)
    return keras.ops.max(sequence, axis=1)


def right(x: np.ndarray, lengths: np.ndarray, weights: Cell) -> KerasTensor:
    """Have zeros at the padded steps, which count in the maximum as they do after packing."""
    mask = before(x.shape[1], lengths)
    sequence = lstm(weights, return_sequences=True, zero_output_for_mask=True)(x, mask=mask)
    return keras.ops.max(sequence, axis=1)


original = naive
