"""What ``dropout=`` means: on every layer's input with one mask for all steps, or between layers, fresh each step."""

import torch
from torch import Tensor
from torch.nn.functional import dropout

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, lower: Cell, upper: Cell) -> Tensor:
    """Give the same argument: it acts between the layers alone."""
    torch.manual_seed(0)
    sequence, _ = lstm(lower, upper, dropout=0.5)(x)
    return sequence[:, -1].std(0).mean()


def right(x: Tensor, lower: Cell, upper: Cell) -> Tensor:
    """Mask each layer's input, with one mask for all steps."""
    torch.manual_seed(0)
    for weights in (lower, upper):
        x, _ = lstm(weights)(x * dropout(torch.ones_like(x[:, :1]), 0.5))
    return x[:, -1].std(0).mean()


original = naive
