"""Gradients that vanish become denormal numbers, with which a processor is slow."""

import torch
from torch import Tensor

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm
from frameworks.pytorch.traps.steps import backward


def naive(x: Tensor, weights: Cell) -> list[float]:
    """Leave PyTorch's default."""
    torch.set_flush_denormal(False)
    return backward(lstm(weights), x)


def right(x: Tensor, weights: Cell) -> list[float]:
    """Take denormal numbers for 0, as TensorFlow does."""
    torch.set_flush_denormal(True)
    return backward(lstm(weights), x)


original = naive
