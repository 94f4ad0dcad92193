"""The default learning rate: RMSprop's is 1e-3 in Keras and 1e-2 in PyTorch."""

import torch

from experiments.tasks import Task
from frameworks.pytorch.traps.training import Classifier, accuracy


def naive(data: Task, epochs: int, seed: int) -> float:
    """Take the default rate."""
    torch.manual_seed(seed)
    model = Classifier(data)
    optimiser = torch.optim.RMSprop(model.parameters())
    return accuracy(model, optimiser, data, epochs)


def right(data: Task, epochs: int, seed: int) -> float:
    """Take Keras's rate."""
    torch.manual_seed(seed)
    model = Classifier(data)
    optimiser = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    return accuracy(model, optimiser, data, epochs)


original = naive
