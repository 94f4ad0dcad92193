"""The tuned form's run over a sequence: backpropagation through time (Werbos 1990), written by hand.

The gates of all steps stand in one buffer, time first. A step, forward or back, takes a small product and works in
place; the inputs' product, each weight's gradient and the inputs' gradient are one large product each.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from experiments.canonical import GATES, STATES
from experiments.spec import NetworkSpec
from frameworks.pytorch.cells import CellWeights, States, unpack
from frameworks.pytorch.padding import Padding
from frameworks.pytorch.tuned.cells import CELLS, Tape, double, product_gradient, sum_steps


def run(
    x: Tensor, states: States, w: CellWeights, network: NetworkSpec, padding: Padding | None
) -> tuple[Tensor, States]:
    """Run over a sequence: ``x (B, T, I)``, states ``(B, H)`` -> outputs, held where padded ``(B, T, H)``, states."""
    valid = None if padding is None else padding.valid.T[..., None].to(x.dtype)  # (T, B, 1)
    sequence, *last = ThroughTime.apply(network, tuple(w), valid, x.transpose(0, 1), *states, *w.values())
    return sequence.transpose(0, 1), tuple(last)


class ThroughTime(torch.autograd.Function):
    """All steps as one operation: ``x (T, B, I)``, states, weights -> outputs ``(T, B, H)``, last states."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        network: NetworkSpec,
        kinds: tuple[str, ...],
        valid: Tensor | None,
        x: Tensor,
        *given: Tensor,
    ) -> tuple[Tensor, ...]:
        """Run every step and keep what ``backward`` needs."""
        names = STATES[network.cell]
        w = dict(zip(kinds, given[len(names) :], strict=True))
        tape = forwards(x.contiguous(), given[: len(names)], w, network, valid)
        ctx.network, ctx.kinds, ctx.names = network, kinds, tuple(vars(tape))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(valid, *w.values(), *vars(tape).values())
        return tape.new_h, *(vars(tape)[f"new_{name}"][-1].clone() for name in names)

    @staticmethod
    def backward(ctx: FunctionCtx, d_sequence: Tensor | None, *d_last: Tensor | None) -> tuple[Tensor | None, ...]:
        """Run every step back; return the gradients of ``forward``'s arguments.

        Raises:
            NotImplementedError: a gradient of the gradient is asked for.
        """
        if torch.is_grad_enabled():  # by create_graph; once_differentiable lets it pass where the loss is linear
            raise NotImplementedError("no gradient of the tuned form's gradient is written: take another form")
        valid, *kept = ctx.saved_tensors
        w = dict(zip(ctx.kinds, kept, strict=False))
        tape = Tape(**dict(zip(ctx.names, kept[len(w) :], strict=True)))
        d, d_states = backwards(tape, d_sequence, d_last, w, ctx.network, valid)
        grads = gradients(tape, d, w, ctx.network)
        d_x = input_gradient(d, w, ctx.network) if ctx.needs_input_grad[3] else None
        return None, None, None, d_x, *d_states, *(grads[kind] for kind in ctx.kinds)


def forwards(x: Tensor, states: States, w: CellWeights, network: NetworkSpec, valid: Tensor | None) -> Tape:
    """Run every step; return what they leave."""
    w, cell = arrange(w, network), CELLS[network.cell]
    tape = make_tape(x, states, w, network)
    w = unpack(w, network)
    for t, s in enumerate(steps(tape)):
        cell.step(s, w, network)
        if valid is not None:
            for name in STATES[network.cell]:
                torch.lerp(vars(s)[name], vars(s)[f"new_{name}"], valid[t], out=vars(s)[f"new_{name}"])
    return tape


def backwards(
    tape: Tape,
    d_sequence: Tensor | None,
    d_last: tuple[Tensor | None, ...],
    w: CellWeights,
    network: NetworkSpec,
    valid: Tensor | None,
) -> tuple[Tape, States]:
    """Run every step back, the last first; return the gates' gradients, and the initial states'."""
    cell, back = CELLS[network.cell], transposed(unpack(w, network))
    d = gate_buffers(tape.h, network, tape.gates.shape[-1])
    cell.derivatives(tape, d, back, network)
    zeros = [torch.zeros_like(vars(tape)[name][0]) for name in STATES[network.cell]]
    outside = [zeros[0], *([zeros[0]] * len(tape.h) if d_sequence is None else d_sequence)]  # reaches each step's old h
    d_states = tuple(zero if last is None else last for zero, last in zip(zeros, d_last, strict=True))
    d_states = (d_states[0] + outside.pop(), *d_states[1:])
    for t, s in reversed(list(enumerate(steps(d)))):
        d_new = d_states if valid is None else tuple(each * valid[t] for each in d_states)
        d_old = cell.backward(d_new, outside.pop(), s, back, network)
        if valid is not None:
            for old, after, new in zip(d_old, d_states, d_new, strict=True):
                old.add_(after).sub_(new)
        d_states = d_old
    return d, d_states


def steps(tape: Tape) -> Iterator[Tape]:
    """Yield each step's slices of the buffers."""
    names = [name for name in vars(tape) if name not in ("x", "inputs")]  # of no step's concern
    for parts in zip(*(vars(tape)[name].unbind() for name in names), strict=True):
        yield Tape(**dict(zip(names, parts, strict=True)))


def make_tape(x: Tensor, states: States, w: CellWeights, network: NetworkSpec) -> Tape:
    """Make the buffers that the steps fill; that of the gates holds x·W + b already."""
    cell, units = CELLS[network.cell], units_of(w, network)
    tape = gate_buffers(x, network, units * max(stop for _, stop in cell.columns.values()))
    tape.x = x
    torch.mm(x.flatten(0, 1), w["kernel"], out=tape.inputs.flatten(0, 1))
    if "bias" in w:
        tape.inputs.add_(w["bias"])
    if "m" in cell.columns:
        tape.m.copy_(w["candidate_recurrent_bias"])
    for name, state in zip(STATES[network.cell], states, strict=True):
        buffer = state.new_empty((len(x) + 1, *state.shape))
        buffer[0] = state
        vars(tape).update({name: buffer[:-1], f"new_{name}": buffer[1:]})
    for name in cell.kept:
        vars(tape)[name] = x.new_empty((*x.shape[:2], units))
    tape.free_h = tape.new_h if network.projection_clip is None else torch.empty_like(tape.new_h)
    if "c" in vars(tape):
        tape.free_c = tape.new_c if network.cell_clip is None else torch.empty_like(tape.new_c)
    return tape


def gate_buffers(like: Tensor, network: NetworkSpec, width: int) -> Tape:
    """Make a buffer for gates, ``(T, B, width)``, and name its columns."""
    gates, columns = like.new_empty((*like.shape[:2], width)), CELLS[network.cell].columns
    units = width // max(stop for _, stop in columns.values())
    named = {name: gates[..., start * units : stop * units] for name, (start, stop) in columns.items()}
    return Tape(**{"inputs": gates, "gates": gates} | named)


def units_of(w: CellWeights, network: NetworkSpec) -> int:
    """Return the number of units."""
    return w["kernel"].shape[-1] // len(GATES[network.cell])


def arrange(w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Order and double the weights' columns as the steps take them; join two biases that are only added."""
    cell, units, w = CELLS[network.cell], units_of(w, network), dict(w)
    recurrent = w.pop("recurrent_bias", None)
    if "m" in cell.columns:
        w = w | {kind: w[kind].roll(units, -1) for kind in ("kernel", "bias")}
        w["bias"][units:] += recurrent[:-units]
        w["candidate_recurrent_bias"] = recurrent[-units:]
    elif recurrent is not None:
        w["bias"] = w["bias"] + recurrent
    if cell.candidate is None:
        return w
    start, stop = (place * units for place in cell.columns[cell.candidate])
    kinds = [kind for kind in ("kernel", "bias", "recurrent_kernel") if kind in w]
    if "m" in cell.columns:
        kinds.remove("recurrent_kernel")  # the step doubles r·m
    return w | {kind: double(w[kind], slice(start, stop)) for kind in kinds}


def transposed(w: CellWeights) -> CellWeights:
    """Transpose the matrices, by which a step back multiplies: once, since each product with a turned one is slower."""
    turned = {kind: w[kind].T.contiguous() for kind in w if kind.endswith(("kernel", "projection"))}
    return w | turned


def gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Compute each weight's gradient over all steps."""
    grads = {"kernel": product_gradient(s.x, d.inputs)}
    if "bias" in w:
        grads["bias"] = sum_steps(d.inputs)
    if "recurrent_bias" in w:
        grads["recurrent_bias"] = grads["bias"].clone()
    if "m" in CELLS[network.cell].columns:
        grads = {kind: value.roll(-units_of(w, network), -1) for kind, value in grads.items()}
    return grads | CELLS[network.cell].gradients(s, d, w, network)


def input_gradient(d: Tape, w: CellWeights, network: NetworkSpec) -> Tensor:
    """Compute the gradient of x, ``(T, B, I)``."""
    kernel = w["kernel"]
    if "m" in CELLS[network.cell].columns:
        kernel = kernel.roll(units_of(w, network), -1)
    return d.inputs @ kernel.T
