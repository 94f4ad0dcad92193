"""RMSprop: ρ = 0.9 and ε inside the root, or α = 0.99 and ε outside."""

import torch
from torch import Tensor


def naive(gradients: Tensor) -> Tensor:
    """Take the same learning rate."""
    parameter = torch.zeros(gradients.shape[1], requires_grad=True)
    optimiser = torch.optim.RMSprop([parameter], lr=1e-3)
    for parameter.grad in gradients:
        optimiser.step()
    return parameter


def right(gradients: Tensor) -> Tensor:
    """Write the rule: no setting of PyTorch's has ε inside the root."""
    parameter = torch.zeros(gradients.shape[1])
    average = torch.zeros_like(parameter)
    for gradient in gradients:
        average = 0.9 * average + 0.1 * gradient**2
        parameter -= 1e-3 * gradient / (average + 1e-7).sqrt()
    return parameter


original = naive
