"""``recurrent_dropout``: masks on the state at every step, which PyTorch's layers do not have."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, weights: Cell) -> Tensor:
    """Drop the layer's output: PyTorch's layer has no dropout on its state."""
    torch.manual_seed(0)
    sequence, _ = lstm(weights)(x)
    return dropout(sequence, 0.5)[:, -1].std(0).mean()


def right(x: Tensor, weights: Cell) -> Tensor:
    """Write the step: one mask for each gate, kept for all steps."""
    torch.manual_seed(0)
    kernels, recurrent, bias, _ = (torch.from_numpy(array).movedim(-2, 0) for array in weights)
    h = c = torch.zeros(len(x), bias.shape[-1])
    masks = dropout(torch.ones(4, *h.shape), 0.5)
    for step in x.unbind(1):
        i, f, g, o = step @ kernels + (masks * h) @ recurrent + bias[:, None]
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h.std(0).mean()


def original(x: Tensor, weights: Cell) -> Tensor:
    """Loop over an ``LSTMCell`` with one mask for the state, as Gal & Ghahramani (2016) are often written."""
    torch.manual_seed(0)
    cell = nn.LSTMCell(x.shape[-1], weights.bias.shape[-1])
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm(weights).state_dict().items()})
    h = c = torch.zeros(len(x), cell.hidden_size)
    mask = dropout(torch.ones_like(h), 0.5)
    for step in x.unbind(1):
        h, c = cell(step, (mask * h, c))
    return h.std(0).mean()
