"""A learning-rate schedule is counted in batches by Keras, and in calls of ``step()`` by PyTorch."""

import torch
from torch import Tensor


def naive(epochs: int, batches: int) -> Tensor:
    """Step after each epoch, as PyTorch's tutorials do."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimiser, gamma=0.5)
    rates = []
    for _ in range(epochs):
        for _ in range(batches):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
        scheduler.step()
    return torch.tensor(rates)


def right(epochs: int, batches: int) -> Tensor:
    """Step after each batch, by a factor that gives one epoch's decay after an epoch."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimiser, gamma=0.5 ** (1 / batches))
    rates = []
    for _ in range(epochs):
        for _ in range(batches):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            scheduler.step()
    return torch.tensor(rates)


original = naive
