"""Evaluation mode is forgotten: dropout acts on the predictions."""

import torch
from torch import Tensor, nn

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, lower: Cell, upper: Cell) -> Tensor:
    """Predict with the model as training left it."""
    torch.manual_seed(0)
    model = nn.ModuleList([lstm(lower), nn.Dropout(0.5), lstm(upper)]).train()
    first, dropout, second = model
    _, (h, _) = second(dropout(first(x)[0]))
    return h[-1]


def right(x: Tensor, lower: Cell, upper: Cell) -> Tensor:
    """Switch to evaluation first."""
    torch.manual_seed(0)
    model = nn.ModuleList([lstm(lower), nn.Dropout(0.5), lstm(upper)]).train()
    model.eval()
    first, dropout, second = model
    _, (h, _) = second(dropout(first(x)[0]))
    return h[-1]


original = right
