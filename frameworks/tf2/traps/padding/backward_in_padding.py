"""The backward direction starts in the padding: its first steps are a row's padded ones."""

import numpy as np
from keras import KerasTensor

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import before, both_ways


def naive(x: np.ndarray, lengths: np.ndarray, forward: Cell, backward: Cell) -> KerasTensor:
    """Leave out the padded outputs afterwards: the backward state has read the padding by then."""
    sequence = both_ways(forward, backward, return_sequences=True)(x)
    return sequence * before(x.shape[1], lengths)[..., None]


def right(x: np.ndarray, lengths: np.ndarray, forward: Cell, backward: Cell) -> KerasTensor:
    """Mask the padding: each direction keeps its zero state until its own words begin."""
    mask = before(x.shape[1], lengths)
    return both_ways(forward, backward, return_sequences=True)(x, mask=mask)


original = right
