"""One time step of every cell and its derivative, written by hand and in place: the ``tuned`` form's arithmetic.

A tape names buffers of all steps of a sequence, time first ``(T, B, N)``, or one step's slices of them ``(B, N)``.

- ``CELL`` turns a step's x·W + b, which the gates' buffer of ``s`` holds, into gates and new states.
- ``CELL_derivatives`` turns the whole ``s`` into factors in ``d``.
- ``CELL_backward`` multiplies a step's factors by the gradients of its new states. It leaves the gates' gradients in
  ``d`` and returns those of the old states, to the first of which it adds what reaches it from ``outside``. Its ``w``
  holds the matrices transposed.
- ``CELL_gradients`` sums the gradients of the recurrent weights over all steps.

The equations are those of ``frameworks/reference/cells.py``.
"""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace as Tape
from typing import NamedTuple

import torch
from torch import Tensor

from experiments.spec import NetworkSpec

States = tuple[Tensor, ...]
CellWeights = dict[str, Tensor]

sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input  # (d, y, grad_input=…): d·y·(1 − y)
tanh_gradient = torch.ops.aten.tanh_backward.grad_input  # (d, y, grad_input=…): d·(1 − y²)


@cache
def minus_one(device: torch.device) -> Tensor:
    """Return −1 on the device, made once."""
    return torch.tensor(-1.0, device=device)


def tanh_of_half(x: Tensor, out: Tensor) -> Tensor:
    """Compute tanh(x/2) = 2·σ(x) − 1: PyTorch's own tanh of 128×64 numbers takes 36 µs on a CPU, its σ 12."""
    return torch.add(minus_one(x.device), torch.sigmoid(x, out=out), alpha=2, out=out)


def double(w: Tensor, columns: slice) -> Tensor:
    """Double the columns of what ``tanh_of_half`` takes."""
    w = w.clone()
    w[..., columns] *= 2
    return w


def product_gradient(left: Tensor, d: Tensor) -> Tensor:
    """Compute the gradient of a weight, ``left (T, B, I)`` times which has the gradient ``d (T, B, N)``."""
    return left.flatten(0, 1).T @ d.flatten(0, 1)


def sum_steps(d: Tensor) -> Tensor:
    """Sum over time and batch: ``(T, B, N) -> (N,)``; as a product, which takes a tenth of a sum's time on a CPU."""
    return d.new_ones(d.shape[0] * d.shape[1]) @ d.flatten(0, 1)


def minimal(s: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """h′ = x·W + h·U."""
    torch.addmm(s.gates, s.h, w["recurrent_kernel"], out=s.new_h)


def minimal_derivatives(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """∂h′/∂(x·W) = ∂h′/∂(h·U) = 1."""


def minimal_backward(d_states: States, outside: Tensor, d: Tape, w: CellWeights, network: NetworkSpec) -> States:
    """The gate's gradient is that of h′."""
    d.gates.copy_(d_states[0])
    return (torch.addmm(outside, d.gates, w["recurrent_kernel"]),)


def simple_gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Return the gradients of U."""
    return {"recurrent_kernel": product_gradient(s.h, d.gates)}


def simple_rnn(s: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Elman (1990): h′ = tanh(x·W + h·U + b)."""
    tanh_of_half(s.gates.addmm_(s.h, w["recurrent_kernel"]), out=s.new_h)


def simple_rnn_derivatives(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """The factor 1 − h′² is the step's own."""
    d.new_h = s.new_h


def simple_rnn_backward(d_states: States, outside: Tensor, d: Tape, w: CellWeights, network: NetworkSpec) -> States:
    """tanh′ = 1 − tanh²."""
    tanh_gradient(d_states[0], d.new_h, grad_input=d.gates)
    return (torch.addmm(outside, d.gates, w["recurrent_kernel"]),)


def lstm(s: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000), and its variants.

    i, f, o = σ(x·W + h·U + b); g = tanh(x·W + h·U + b); c′ = f·c + i·g; h′ = o·tanh(c′).
    Peepholes (Gers & Schmidhuber 2000): i and f also see p·c, and o sees p·c′.
    Coupled gates (Greff et al. 2015, CIFG): f = 1 − i. Projection (Sak et al. 2014): h′ = (o·tanh(c′))·P.
    Clipping limits c′ and the projected h′.
    """
    s.gates.addmm_(s.h, w["recurrent_kernel"])
    if "peephole" in w:
        s.i.addcmul_(s.c, w["peephole"][0])
        s.f.addcmul_(s.c, w["peephole"][1])
        s.i_f_g.sigmoid_()
    else:
        s.gates.sigmoid_()
    torch.add(minus_one(s.g.device), s.g, alpha=2, out=s.g)  # tanh, as in tanh_of_half
    if network.cell == "lstm_coupled":
        torch.lerp(s.c, s.g, s.i, out=s.free_c)
    else:
        torch.mul(s.f, s.c, out=s.free_c).addcmul_(s.i, s.g)
    if network.cell_clip is not None:
        torch.clamp(s.free_c, -network.cell_clip, network.cell_clip, out=s.new_c)
    if "peephole" in w:
        s.o.addcmul_(s.new_c, w["peephole"][2]).sigmoid_()
    tanh_of_half(torch.add(s.new_c, s.new_c, out=s.squashed), out=s.squashed)
    if "projection" in w:
        torch.mul(s.o, s.squashed, out=s.unprojected)
        torch.mm(s.unprojected, w["projection"], out=s.free_h)
    else:
        torch.mul(s.o, s.squashed, out=s.new_h)
    if network.projection_clip is not None:
        torch.clamp(s.free_h, -network.projection_clip, network.projection_clip, out=s.new_h)


def lstm_derivatives(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Apply σ′ = σ(1 − σ) and tanh′ = 1 − tanh² to what each gate is multiplied by; ``carry`` is ∂c′/∂c."""
    coupled = network.cell == "lstm_coupled"
    sigmoid_gradient(s.g - s.c if coupled else s.g, s.i, grad_input=d.i)
    tanh_gradient(s.i, s.g, grad_input=d.g)
    sigmoid_gradient(s.squashed, s.o, grad_input=d.o)
    if not coupled:
        sigmoid_gradient(s.c, s.f, grad_input=d.f)
    d.by_h = torch.ops.aten.tanh_backward(s.o, s.squashed)  # ∂h′/∂c′
    d.carry = 1 - s.i if coupled else s.f
    if "peephole" in w:
        p_i, p_f, p_o = w["peephole"]
        d.by_h.addcmul_(d.o, p_o)
        d.carry = d.carry + d.i * p_i + d.f * p_f
    if network.cell_clip is not None:
        within = s.free_c.abs() <= network.cell_clip
        d.carry = d.carry * within
        for gate in (d.i, d.g) if coupled else (d.i, d.f, d.g):
            gate.mul_(within)
    if "projection" in w:
        d.h = torch.ones_like(s.free_h)
    if network.projection_clip is not None:
        d.h.mul_(s.free_h.abs() <= network.projection_clip)


def lstm_backward(d_states: States, outside: Tensor, d: Tape, w: CellWeights, network: NetworkSpec) -> States:
    """Apply the chain rule back through h′, c′ and the gates."""
    d_h, d_c = d_states
    if "projection" in w:
        d_h = d.h.mul_(d_h) @ w["projection"]
    d_c = torch.addcmul(d_c, d_h, d.by_h)
    d.i.mul_(d_c)
    if network.cell != "lstm_coupled":
        d.f.mul_(d_c)
    d.g.mul_(d_c)
    d.o.mul_(d_h)
    return torch.addmm(outside, d.gates, w["recurrent_kernel"]), d_c * d.carry


def lstm_gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Return the gradients of U, the peepholes and the projection."""
    grads = {"recurrent_kernel": product_gradient(s.h, d.gates)}
    if "projection" in w:
        grads["projection"] = product_gradient(s.unprojected, d.h)
    if "peephole" in w:
        grads["peephole"] = torch.stack([sum_steps(each) for each in (d.i * s.c, d.f * s.c, d.o * s.new_c)])
    return grads


def gru(s: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Cho et al. (2014), reset after the product as cuDNN has it.

    z, r = σ(x·W + h·U + b); m = h·Uₙ + b′ₙ; n = tanh(x·Wₙ + bₙ + r·m); h′ = (1 − z)·n + z·h.
    """
    s.recurrent.addmm_(s.h, w["recurrent_kernel"])
    s.z_r.sigmoid_()
    tanh_of_half(s.n.addcmul_(s.r, s.m, value=2), out=s.n)
    torch.lerp(s.n, s.h, s.z, out=s.new_h)


def gru_derivatives(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """The reset gate scales only the recurrent part m of n; ``carry`` is ∂h′/∂h past the gates."""
    tanh_gradient(1 - s.z, s.n, grad_input=d.n)
    sigmoid_gradient(s.h - s.n, s.z, grad_input=d.z)
    sigmoid_gradient(d.n * s.m, s.r, grad_input=d.r)
    torch.mul(d.n, s.r, out=d.m)
    d.carry = s.z


def gru_backward(d_states: States, outside: Tensor, d: Tape, w: CellWeights, network: NetworkSpec) -> States:
    """Every gate's gradient is a factor times that of h′."""
    (d_h,) = d_states
    for gate in (d.n, d.z, d.r, d.m):
        gate.mul_(d_h)
    return (torch.addcmul(outside, d_h, d.carry).addmm_(d.recurrent, w["recurrent_kernel"]),)


def gru_gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Return the gradients of U and its bias."""
    return {"recurrent_kernel": product_gradient(s.h, d.recurrent), "recurrent_bias": sum_steps(d.recurrent)}


def gru_reset_before(s: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """Cho et al. (2014) as printed: the reset gate acts before the product.

    z, r = σ(x·W + h·U + b); n = tanh(x·Wₙ + bₙ + (r·h)·Uₙ + b′ₙ); h′ = (1 − z)·n + z·h.
    """
    s.z_r.addmm_(s.h, w["recurrent_kernel"]).sigmoid_()
    torch.mul(s.r, s.h, out=s.reset)
    tanh_of_half(s.n.addmm_(s.reset, w["candidate_recurrent_kernel"]), out=s.n)
    torch.lerp(s.n, s.h, s.z, out=s.new_h)


def gru_reset_before_derivatives(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> None:
    """As the GRU's, but r waits for the gradient of r·h."""
    tanh_gradient(1 - s.z, s.n, grad_input=d.n)
    sigmoid_gradient(s.h - s.n, s.z, grad_input=d.z)
    sigmoid_gradient(s.h, s.r, grad_input=d.r)
    d.carry, d.by_reset = s.z, s.r


def gru_reset_before_backward(
    d_states: States, outside: Tensor, d: Tape, w: CellWeights, network: NetworkSpec
) -> States:
    """The product's gradient reaches r and h through r·h."""
    (d_h,) = d_states
    d.n.mul_(d_h)
    d.z.mul_(d_h)
    d_reset = d.n @ w["candidate_recurrent_kernel"]
    d.r.mul_(d_reset)
    d_old = torch.addcmul(outside, d_h, d.carry).addcmul_(d_reset, d.by_reset)
    return (d_old.addmm_(d.z_r, w["recurrent_kernel"]),)


def gru_reset_before_gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Return the gradients of U, whose last columns multiply r·h."""
    parts = product_gradient(s.h, d.z_r), product_gradient(s.reset, d.n)
    return {"recurrent_kernel": torch.cat(parts, dim=-1)}


class Cell(NamedTuple):
    """A cell's functions and buffers.

    ``columns``: the gates' places in the buffer of gates, and in that of their gradients, in units; ``candidate``: the
    one that ``tanh_of_half`` takes; ``kept``: what a step keeps beside gates and states.
    """

    step: Callable
    derivatives: Callable
    backward: Callable
    gradients: Callable
    columns: dict[str, tuple[int, int]]
    candidate: str | None
    kept: tuple[str, ...] = ()


MINIMAL = (minimal, minimal_derivatives, minimal_backward, simple_gradients)
SIMPLE = (simple_rnn, simple_rnn_derivatives, simple_rnn_backward, simple_gradients)
LSTM = (lstm, lstm_derivatives, lstm_backward, lstm_gradients)
GRU = (gru, gru_derivatives, gru_backward, gru_gradients)
RESET = (gru_reset_before, gru_reset_before_derivatives, gru_reset_before_backward, gru_reset_before_gradients)
ONE = {"gates": (0, 1)}
IFGO = {"i": (0, 1), "f": (1, 2), "g": (2, 3), "o": (3, 4), "i_f_g": (0, 3)}
IGO = {"i": (0, 1), "g": (1, 2), "o": (2, 3)}
ZRN = {"z": (0, 1), "r": (1, 2), "n": (2, 3), "z_r": (0, 2)}
#: n first, so that the gates of x·W and those of h·U, which share z and r, are both adjacent.
NZRM = {"n": (0, 1), "z": (1, 2), "r": (2, 3), "m": (3, 4), "z_r": (1, 3), "inputs": (0, 3), "recurrent": (1, 4)}
CELLS = {
    "simple_rnn": Cell(*SIMPLE, ONE, "gates"),
    "lstm": Cell(*LSTM, IFGO, "g", ("squashed",)),
    "gru": Cell(*GRU, NZRM, "n"),
    "minimal": Cell(*MINIMAL, ONE, None),
    "gru_reset_before": Cell(*RESET, ZRN, "n", ("reset",)),
    "lstm_peephole": Cell(*LSTM, IFGO, "g", ("squashed",)),
    "lstm_projection": Cell(*LSTM, IFGO, "g", ("squashed", "unprojected")),
    "lstm_coupled": Cell(*LSTM, IGO, "g", ("squashed",)),
}
