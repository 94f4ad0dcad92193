"""Orthogonal recurrent kernels: over all gates as one matrix, or gate by gate."""

import torch
from torch import Tensor, nn


def naive(units: int) -> Tensor:
    """Make each gate's block orthogonal, as recipes for ``nn.LSTM`` do."""
    rnn = nn.LSTM(units, units)
    for block in rnn.weight_hh_l0.chunk(4):
        nn.init.orthogonal_(block)
    return torch.linalg.svdvals(rnn.weight_hh_l0)


def right(units: int) -> Tensor:
    """Make the whole matrix orthogonal."""
    rnn = nn.LSTM(units, units)
    nn.init.orthogonal_(rnn.weight_hh_l0)
    return torch.linalg.svdvals(rnn.weight_hh_l0)


original = naive
