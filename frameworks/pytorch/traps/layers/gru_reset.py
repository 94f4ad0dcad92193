"""The GRU's reset gate acts before the recurrent product (Cho et al. 2014) or after it (cuDNN)."""

import torch
from torch import Tensor

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import gru


def original(x: Tensor, weights: Cell) -> Tensor:
    """Run ``nn.GRU``, which resets after the product."""
    return gru(weights)(x)[1][-1]


def naive(x: Tensor, weights: Cell) -> Tensor:
    """Load a Keras GRU of ``reset_after=False``: its weights fit once its one bias is split."""
    return gru(weights._replace(recurrent_bias=0 * weights.bias))(x)[1][-1]


def right(x: Tensor, weights: Cell) -> Tensor:
    """Write the step, since PyTorch has no such option."""
    kernels, recurrent, bias, _ = (torch.from_numpy(array).movedim(-2, 0) for array in weights)
    h = torch.zeros(len(x), bias.shape[-1])
    for step in x.unbind(1):
        inputs = step @ kernels + bias[:, None]  # (3, B, H): z, r, h
        z, r = (inputs[:2] + h @ recurrent[:2]).sigmoid()
        h = z * h + (1 - z) * (inputs[2] + (r * h) @ recurrent[2]).tanh()
    return h
