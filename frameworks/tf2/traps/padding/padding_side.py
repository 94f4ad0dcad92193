"""Padded left or right: Keras pads in front, packing reads a row's first steps."""

import numpy as np
from keras import KerasTensor

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import before, lstm


def original(padded_left: np.ndarray, padded_right: np.ndarray, lengths: np.ndarray, weights: Cell) -> KerasTensor:
    """Mask rows that are padded in front, as ``pad_sequences`` pads them."""
    mask = before(padded_left.shape[1], lengths)[:, ::-1]
    return lstm(weights)(padded_left, mask=mask)


def naive(padded_left: np.ndarray, padded_right: np.ndarray, lengths: np.ndarray, weights: Cell) -> KerasTensor:
    """Mask the rows where PyTorch padded them."""
    mask = before(padded_right.shape[1], lengths)
    return lstm(weights)(padded_right, mask=mask)


#: A mask may stand on either side.
right = naive
