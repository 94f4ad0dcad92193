"""Clipping a gradient's norm: for each variable by itself, or over all of them."""

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_


def naive(kernel_gradient: Tensor, bias_gradient: Tensor) -> Tensor:
    """Clip over all variables at once."""
    kernel, bias = torch.zeros_like(kernel_gradient), torch.zeros_like(bias_gradient)
    kernel.grad, bias.grad = kernel_gradient, bias_gradient
    clip_grad_norm_([kernel, bias], max_norm=1.0)
    torch.optim.SGD([kernel, bias], lr=1.0).step()
    return torch.cat([kernel.flatten(), bias])


def right(kernel_gradient: Tensor, bias_gradient: Tensor) -> Tensor:
    """Clip each variable's gradient by itself."""
    kernel, bias = torch.zeros_like(kernel_gradient), torch.zeros_like(bias_gradient)
    kernel.grad, bias.grad = kernel_gradient, bias_gradient
    for variable in (kernel, bias):
        clip_grad_norm_(variable, max_norm=1.0)
    torch.optim.SGD([kernel, bias], lr=1.0).step()
    return torch.cat([kernel.flatten(), bias])


original = naive
