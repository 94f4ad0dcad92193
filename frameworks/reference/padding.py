"""Masked padding: states that keep their value at padded steps."""

from typing import NamedTuple

import numpy as np

from experiments.padding import Side, valid_steps
from frameworks.reference.cells import State


class Padding(NamedTuple):
    """Which steps of a batch are valid, in the order in which a direction reads them."""

    valid: np.ndarray  # (B, T) bool
    zeros: bool  # whether a padded step outputs 0, not the last output

    def reversed(self) -> "Padding":
        """Return the same as read from the end."""
        return self._replace(valid=self.valid[:, ::-1])

    @property
    def shown(self) -> np.ndarray:
        """Whether a step outputs the held state, else 0: ``(B, T)``; before the first valid step there is no output."""
        return self.valid if self.zeros else np.logical_or.accumulate(self.valid, axis=1)


def make_padding(lengths: np.ndarray, time: int, side: Side, zeros: bool) -> Padding:
    """Make the padding of a batch of ``lengths (B,)`` in a window of ``time`` steps."""
    return Padding(valid_steps(lengths, time, side), zeros)


def no_padding(batch: int, time: int) -> Padding:
    """Every step is valid."""
    return Padding(np.ones((batch, time), bool), True)


def hold(valid: np.ndarray, new: State, old: State) -> State:
    """Return the new states where a row's step is valid ``(B,)``, else the old ones."""
    return tuple(np.where(valid[:, None], after, before) for after, before in zip(new, old, strict=True))
