"""The GRU's gates stand in another order: a kernel of three blocks is copied."""

import torch
from torch import Tensor, nn


def original(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, recurrent_bias: Tensor) -> Tensor:
    """Hold the blocks as PyTorch does: r, z, n."""
    gru = nn.GRU(x.shape[-1], len(recurrent), batch_first=True)
    gru.weight_ih_l0.data, gru.weight_hh_l0.data = kernel.T.contiguous(), recurrent.T.contiguous()
    gru.bias_ih_l0.data, gru.bias_hh_l0.data = bias, recurrent_bias
    return gru(x)[1][-1]


#: Keras's blocks z, r, h are copied as they stand.
naive = original


def right(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, recurrent_bias: Tensor) -> Tensor:
    """Put Keras's blocks z, r, h into the order r, z, n."""

    def reordered(array: Tensor) -> Tensor:
        z, r, h = array.chunk(3)
        return torch.cat([r, z, h])

    gru = nn.GRU(x.shape[-1], len(recurrent), batch_first=True)
    gru.weight_ih_l0.data, gru.weight_hh_l0.data = reordered(kernel.T), reordered(recurrent.T)
    gru.bias_ih_l0.data, gru.bias_hh_l0.data = reordered(bias), reordered(recurrent_bias)
    return gru(x)[1][-1]
