"""Two biases with equal gradients move their sum twice as far as one."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, y: Tensor, weights: Cell) -> Tensor:
    """Train both biases, the second from 0."""
    rnn = lstm(weights)
    start = rnn.bias_ih_l0.detach() + rnn.bias_hh_l0.detach()
    optimiser = torch.optim.SGD(rnn.parameters(), lr=0.1)
    for _ in range(20):
        optimiser.zero_grad()
        mse_loss(rnn(x)[0][:, -1], y).backward()
        optimiser.step()
    return rnn.bias_ih_l0 + rnn.bias_hh_l0 - start


def right(x: Tensor, y: Tensor, weights: Cell) -> Tensor:
    """Keep the second bias at 0."""
    rnn = lstm(weights)
    rnn.bias_hh_l0.requires_grad_(False)
    start = rnn.bias_ih_l0.detach() + rnn.bias_hh_l0.detach()
    optimiser = torch.optim.SGD(rnn.parameters(), lr=0.1)
    for _ in range(20):
        optimiser.zero_grad()
        mse_loss(rnn(x)[0][:, -1], y).backward()
        optimiser.step()
    return rnn.bias_ih_l0 + rnn.bias_hh_l0 - start


original = naive
