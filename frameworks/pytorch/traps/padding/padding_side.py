"""Padded left or right: Keras pads in front, packing reads a row's first steps."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def original(padded_left: Tensor, padded_right: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Pack rows that are padded at the end."""
    packed = pack_padded_sequence(padded_right, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = lstm(weights)(packed)
    return h[-1]


def naive(padded_left: Tensor, padded_right: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Pack the rows as Keras's ``pad_sequences`` gives them."""
    packed = pack_padded_sequence(padded_left, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = lstm(weights)(packed)
    return h[-1]


def right(padded_left: Tensor, padded_right: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Roll each row to the front first."""
    rows = [row.roll(int(length), dims=0) for row, length in zip(padded_left, lengths, strict=True)]
    packed = pack_padded_sequence(torch.stack(rows), lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = lstm(weights)(packed)
    return h[-1]
