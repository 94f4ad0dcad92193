"""Layers that hold a case's weights, for the traps that are not about the weights' layout."""

import numpy as np
import torch
from torch import Tensor, nn

from experiments.traps.cases import Cell


def lstm(*layers: Cell, backward: Cell | None = None, **options) -> nn.LSTM:
    """Make an ``nn.LSTM``, batch first, one layer on the other; the second bias is zero, as where Keras has one."""
    rnn = nn.LSTM(*_sizes(layers[0]), len(layers), batch_first=True, bidirectional=backward is not None, **options)
    for suffix, weights in [*((f"l{place}", each) for place, each in enumerate(layers)), ("l0_reverse", backward)]:
        if weights is not None:
            _load(rnn, suffix, weights._replace(recurrent_bias=np.zeros_like(weights.bias)))
    return rnn


def gru(weights: Cell) -> nn.GRU:
    """Make an ``nn.GRU``, batch first: the gates z, r, h are put into the order r, z, n."""
    rnn = nn.GRU(*_sizes(weights), batch_first=True)
    _load(rnn, "l0", Cell(*(array[..., [1, 0, 2], :] for array in weights)))
    return rnn


def before(steps: int, lengths: Tensor) -> Tensor:
    """Tell for each step whether it lies before its row's end: ``(B, T, 1)``."""
    return (torch.arange(steps) < lengths[:, None])[..., None]


def _sizes(weights: Cell) -> tuple[int, int]:
    return weights.kernel.shape[0], weights.kernel.shape[2]


def _load(rnn: nn.RNNBase, suffix: str, weights: Cell) -> None:
    with torch.no_grad():
        for name, array in zip(("weight_ih", "weight_hh"), weights[:2], strict=True):
            getattr(rnn, f"{name}_{suffix}").copy_(torch.tensor(array.reshape(len(array), -1).T))
        for name, array in zip(("bias_ih", "bias_hh"), weights[2:], strict=True):
            getattr(rnn, f"{name}_{suffix}").copy_(torch.tensor(array.reshape(-1)))
