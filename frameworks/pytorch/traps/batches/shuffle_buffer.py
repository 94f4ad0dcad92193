"""Shuffling through a buffer leaves sorted data nearly sorted."""

import random

import torch
from torch import Tensor
from torch.utils.data import DataLoader


def naive(labels: Tensor, batch_size: int, buffer: int) -> Tensor:
    """Shuffle in full, which is what ``shuffle=True`` means here."""
    torch.manual_seed(0)
    loader = DataLoader(labels, batch_size, shuffle=True)
    return torch.stack([batch.mean() for batch in loader]).std()


def right(labels: Tensor, batch_size: int, buffer: int) -> Tensor:
    """Draw from a buffer that is refilled in the data's order."""
    rng = random.Random(0)
    held, order = list(range(buffer)), []
    for following in range(buffer, len(labels)):
        place = rng.randrange(buffer)
        order.append(held[place])
        held[place] = following
    order += rng.sample(held, buffer)
    loader = DataLoader(labels[order], batch_size)
    return torch.stack([batch.mean() for batch in loader]).std()


original = naive
