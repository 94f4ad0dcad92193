"""``dropout=`` of one layer: PyTorch's does nothing."""

import torch
from torch import Tensor
from torch.nn.functional import dropout

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, weights: Cell) -> Tensor:
    """Give the argument: there is no second layer to drop anything before."""
    sequence, _ = lstm(weights, dropout=0.5)(x)
    return sequence[:, -1].std(0).mean()


def right(x: Tensor, weights: Cell) -> Tensor:
    """Mask the layer's input, with one mask for all steps."""
    torch.manual_seed(0)
    sequence, _ = lstm(weights)(x * dropout(torch.ones_like(x[:, :1]), 0.5))
    return sequence[:, -1].std(0).mean()


def original(x: Tensor, weights: Cell) -> Tensor:
    """Drop the output, as is done above a single layer."""
    torch.manual_seed(0)
    sequence, _ = lstm(weights)(x)
    return dropout(sequence[:, -1], 0.5).std(0).mean()
