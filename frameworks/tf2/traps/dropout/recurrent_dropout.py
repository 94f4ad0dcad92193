"""``recurrent_dropout``: masks on the state at every step, which PyTorch's layers do not have."""

import keras
import numpy as np

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import lstm


def original(x: np.ndarray, weights: Cell) -> np.ndarray:
    """Give the argument: one mask for each gate, kept for all steps."""
    keras.utils.set_random_seed(0)
    return np.std(lstm(weights, recurrent_dropout=0.5)(x, training=True), axis=0).mean()


def naive(x: np.ndarray, weights: Cell) -> np.ndarray:
    """Give the nearest argument."""
    keras.utils.set_random_seed(0)
    return np.std(lstm(weights, dropout=0.5)(x, training=True), axis=0).mean()


def right(x: np.ndarray, weights: Cell) -> np.ndarray:
    """Loop over the cell with one mask for the state."""
    keras.utils.set_random_seed(0)
    cell = lstm(weights).cell
    h = c = keras.ops.zeros((len(x), cell.units))
    mask = keras.random.dropout(keras.ops.ones_like(h), 0.5)
    for step in np.moveaxis(x, 1, 0):
        _, (h, c) = cell(step, [mask * h, c])
    return np.std(h, axis=0).mean()
