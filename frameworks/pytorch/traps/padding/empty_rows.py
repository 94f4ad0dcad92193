"""Rows that are all padding: packing refuses a length of 0."""

from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Make the length 1 to pass the check: an empty row reads one padding word."""
    packed = pack_padded_sequence(x, lengths.clamp(min=1), batch_first=True, enforce_sorted=False)
    _, (h, _) = lstm(weights)(packed)
    return h[-1]


def right(x: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Give an empty row the zero state that it began with."""
    packed = pack_padded_sequence(x, lengths.clamp(min=1), batch_first=True, enforce_sorted=False)
    _, (h, _) = lstm(weights)(packed)
    return h[-1].where(lengths[:, None] > 0, 0.0)


original = right
