"""The forget gate's initial bias: 1 in Keras, about 0 in PyTorch."""

import torch
from torch import Tensor, nn


def original(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """Start with PyTorch's small biases around 0, drawn beforehand."""
    rnn = nn.LSTM(x.shape[-1], len(recurrent), batch_first=True)
    rnn.weight_ih_l0.data, rnn.weight_hh_l0.data = kernel.T.contiguous(), recurrent.T.contiguous()
    rnn.bias_ih_l0.data, rnn.bias_hh_l0.data = bias, torch.zeros_like(bias)
    return rnn(x)[1][0][-1]


def naive(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """Draw kernels as Keras does, and leave the biases to PyTorch."""
    torch.manual_seed(0)
    rnn = nn.LSTM(x.shape[-1], len(recurrent), batch_first=True)
    rnn.weight_ih_l0.data, rnn.weight_hh_l0.data = kernel.T.contiguous(), recurrent.T.contiguous()
    return rnn(x)[1][0][-1]


def right(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """Set the biases to 0, the forget gate's to 1."""
    rnn = nn.LSTM(x.shape[-1], len(recurrent), batch_first=True)
    rnn.weight_ih_l0.data, rnn.weight_hh_l0.data = kernel.T.contiguous(), recurrent.T.contiguous()
    nn.init.zeros_(rnn.bias_ih_l0)
    nn.init.zeros_(rnn.bias_hh_l0)
    rnn.bias_ih_l0.data[len(recurrent) : 2 * len(recurrent)] = 1
    return rnn(x)[1][0][-1]
