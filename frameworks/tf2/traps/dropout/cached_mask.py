"""A loop over Keras's cells keeps its dropout mask from one batch to the next."""

import keras
import numpy as np

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import lstm


def naive(x: np.ndarray, weights: Cell) -> np.ndarray:
    """Loop over the cell: the second batch has the first one's mask."""
    keras.utils.set_random_seed(0)
    cell = lstm(weights, dropout=0.5).cell
    outputs = []
    for _ in range(2):
        states = [keras.ops.zeros((len(x), cell.units))] * 2
        for step in np.moveaxis(x, 1, 0):
            output, states = cell(step, states, training=True)
        outputs.append(output)
    return np.abs(outputs[0] - outputs[1]).mean()


def right(x: np.ndarray, weights: Cell) -> np.ndarray:
    """Forget the mask before each batch, as ``keras.layers.LSTM`` does."""
    keras.utils.set_random_seed(0)
    cell = lstm(weights, dropout=0.5).cell
    outputs = []
    for _ in range(2):
        cell.reset_dropout_mask()
        states = [keras.ops.zeros((len(x), cell.units))] * 2
        for step in np.moveaxis(x, 1, 0):
            output, states = cell(step, states, training=True)
        outputs.append(output)
    return np.abs(outputs[0] - outputs[1]).mean()


original = right
