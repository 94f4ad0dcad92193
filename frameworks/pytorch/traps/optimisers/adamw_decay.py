"""AdamW's weight decay: 0.004 in Keras, 0.01 in PyTorch."""

import torch
from torch import Tensor


def naive(start: Tensor, gradients: Tensor) -> Tensor:
    """Take the default decay."""
    parameter = start.clone().requires_grad_()
    optimiser = torch.optim.AdamW([parameter], lr=1e-3)
    for parameter.grad in gradients:
        optimiser.step()
    return parameter - start


def right(start: Tensor, gradients: Tensor) -> Tensor:
    """Take Keras's decay."""
    parameter = start.clone().requires_grad_()
    optimiser = torch.optim.AdamW([parameter], lr=1e-3, weight_decay=0.004)
    for parameter.grad in gradients:
        optimiser.step()
    return parameter - start


original = naive
