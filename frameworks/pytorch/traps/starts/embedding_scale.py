"""The embedding's start: U(±0.05) in Keras, N(0, 1) in PyTorch."""

import torch
from torch import nn

from experiments.tasks import Task
from frameworks.pytorch.traps.training import Classifier, accuracy


def naive(data: Task, epochs: int, seed: int) -> float:
    """Leave the table to PyTorch."""
    torch.manual_seed(seed)
    model = Classifier(data)
    optimiser = torch.optim.Adam(model.parameters())
    return accuracy(model, optimiser, data, epochs)


def right(data: Task, epochs: int, seed: int) -> float:
    """Draw the table as Keras does."""
    torch.manual_seed(seed)
    model = Classifier(data)
    nn.init.uniform_(model.embedding.weight, -0.05, 0.05)
    optimiser = torch.optim.Adam(model.parameters())
    return accuracy(model, optimiser, data, epochs)


original = naive
