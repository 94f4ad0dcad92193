"""Adam's ε: another size, added in another place."""

import torch
from torch import Tensor


def naive(gradients: Tensor) -> Tensor:
    """Take the same learning rate."""
    parameter = torch.zeros(gradients.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([parameter], lr=1e-3)
    for parameter.grad in gradients:
        optimiser.step()
    return parameter


def right(gradients: Tensor) -> Tensor:
    """Scale Keras's ε before each step, since PyTorch adds it after the correction of v."""
    parameter = torch.zeros(gradients.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([parameter], lr=1e-3)
    for step, parameter.grad in enumerate(gradients, start=1):
        optimiser.param_groups[0]["eps"] = 1e-7 / (1 - 0.999**step) ** 0.5
        optimiser.step()
    return parameter


original = naive
