"""Evaluation mode is forgotten: dropout acts on the predictions."""

import keras
import numpy as np
from keras import KerasTensor

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import lstm


def naive(x: np.ndarray, lower: Cell, upper: Cell) -> KerasTensor:
    """Call the model: outside ``fit`` a call predicts."""
    model = keras.Sequential([lstm(lower, return_sequences=True), keras.layers.Dropout(0.5), lstm(upper)])
    return model(x)


#: ``training=True`` must be said.
right = naive
original = naive
