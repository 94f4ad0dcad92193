"""Padding drives the state: rows end before the batch does."""

from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Read the padding too."""
    _, (h, _) = lstm(weights)(x)
    return h[-1]


def right(x: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Pack the rows, so that each ends where it ends."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = lstm(weights)(packed)
    return h[-1]


original = right
