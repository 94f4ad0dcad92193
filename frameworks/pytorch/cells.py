"""One time step of every cell.

A step takes ``projected (B, G·H)``, the input's share x·W + b of every gate; ``states``, each ``(B, H)``; and the
cell's weights ``w``. It returns the new states, of which the first is the output h′.
"""

import torch
from torch import Tensor, nn

from experiments.spec import ExperimentSpec
from frameworks.pytorch.weights import own_variables

States = tuple[Tensor, ...]
CellWeights = nn.ParameterDict


def recur(h: Tensor, w: CellWeights) -> Tensor:
    """h·U + b of every gate: ``(B, H) -> (B, G·H)``."""
    share = h @ w["recurrent_kernel"]
    return share + w["recurrent_bias"] if "recurrent_bias" in w else share


def project(x: Tensor, w: CellWeights) -> Tensor:
    """x·W + b of every gate: ``(…, I) -> (…, G·H)``; one matrix product for all leading axes."""
    share = x @ w["kernel"]
    return share + w["bias"] if "bias" in w else share


def minimal(projected: Tensor, states: States, w: CellWeights) -> States:
    """h′ = x·W + h·U."""
    (h,) = states
    return (projected + recur(h, w),)


def simple_rnn(projected: Tensor, states: States, w: CellWeights) -> States:
    """Elman (1990): h′ = tanh(x·W + h·U + b)."""
    (h,) = states
    return (torch.tanh(projected + recur(h, w)),)


def lstm(projected: Tensor, states: States, w: CellWeights) -> States:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).

    i, f, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = f·c + i·g; h′ = o·tanh(c′).
    """
    h, c = states
    i, f, g, o = torch.chunk(projected + recur(h, w), 4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru(projected: Tensor, states: States, w: CellWeights) -> States:
    """Cho et al. (2014), reset after the product as cuDNN has it.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + r·(h·Uₙ + b′ₙ)); h′ = (1 − z)·n + z·h.
    """
    (h,) = states
    x_z, x_r, x_n = torch.chunk(projected, 3, dim=-1)
    h_z, h_r, h_n = torch.chunk(recur(h, w), 3, dim=-1)
    z, r = torch.sigmoid(x_z + h_z), torch.sigmoid(x_r + h_r)
    n = torch.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,)


STEPS = {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru, "minimal": minimal}


class Cell(nn.Module):
    """Our own cell: ``x (B, I)`` and states -> output ``(B, H)`` and states."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        self.step = STEPS[spec.network.cell]
        self.w = own_variables(spec, index, inputs)

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """One step."""
        states = self.step(project(x, self.w), states, self.w)
        return states[0], states
