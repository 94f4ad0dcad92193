"""The ways to run a cell over a sequence, and the stack of layers.

Every form is called with ``x (B, T, I)`` and states ``(B, H)`` and returns the sequence ``(B, T, H)`` and the last
states. ``native`` holds its parameters by the framework's names; ``native_call`` is the framework's own call, whose
returned shapes the reports show. PyTorch's dropout stands between layers, so no form holds any: the stack does.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from experiments.canonical import layer_inputs
from experiments.spec import ExperimentSpec, NetworkSpec
from experiments.tasks import Interface
from frameworks.pytorch.cells import STEPS, Cell, States, at_hand, project
from frameworks.pytorch.support import fused, stock
from frameworks.pytorch.weights import own_variables


def stock_dropout(spec: ExperimentSpec) -> float:
    """The rate the framework itself applies: none where the masks are handed in."""
    return 0.0 if spec.conventions.imposed else spec.network.dropout


def _options(network: NetworkSpec) -> dict[str, int]:
    """What nn.LSTM takes besides its sizes."""
    return {"proj_size": network.projection_size} if network.projection_size else {}


class CellLoop(nn.Module):
    """The stock cell, its states kept by hand (our own cell where PyTorch has none)."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        name = stock(spec.network, "cell_loop")
        self.stock = name is not None
        if self.stock:
            self.cell = getattr(nn, f"{name}Cell")(inputs, spec.network.units[index])
            self.native = dict(self.cell.named_parameters())
        else:
            self.cell = Cell(spec, index, inputs)
            self.native = dict(self.cell.w.items())

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """One cell call a step."""
        outputs = []
        for x_t in x.unbind(1):
            states = self._step(x_t, states)
            outputs.append(states[0])
        return torch.stack(outputs, dim=1), states

    def _step(self, x_t: Tensor, states: States) -> States:
        if not self.stock:
            return self.cell(x_t, states)[1]
        # A cell of one state takes and returns it bare; LSTMCell a pair.
        return self.cell(x_t, states) if len(states) > 1 else (self.cell(x_t, states[0]),)

    def native_call(self, x: Tensor, states: States):
        """``cell(x_t, states) -> states``, of which the first is the output."""
        return self._step(x[:, 0], states)


class Layer(nn.Module):
    """The stock layer."""

    stock = batch_first = True

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        network = spec.network
        kind = getattr(nn, stock(network, "layer"))
        self.layer = kind(inputs, network.units[index], batch_first=self.batch_first, **_options(network))
        self.native = dict(self.layer.named_parameters())

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """One call for the whole sequence."""
        sequence, last = self.native_call(x, states)
        return sequence, tuple(state[0] for state in (last if len(states) > 1 else (last,)))

    def native_call(self, x: Tensor, states: States):
        """``layer(x, states) -> sequence, states``; its states are (layers, B, H), never batch-first."""
        given = tuple(state[None] for state in states)
        return self.layer(x, given if len(states) > 1 else given[0])


class Unrolled(Layer):
    """The stock layer's weights, its loop over time unrolled: nn layers have no such option."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__(spec, index, inputs)
        self.step = {"simple_rnn": torch.rnn_tanh_cell, "lstm": torch.lstm_cell, "gru": torch.gru_cell}[
            spec.network.cell
        ]

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """One functional step after the other, on the layer's own parameters."""
        weights, outputs = self.layer.all_weights[0], []
        for x_t in x.unbind(1):
            # lstm_cell takes and returns a pair, the others the bare state.
            stepped = self.step(x_t, states if len(states) > 1 else states[0], *weights)
            states = stepped if len(states) > 1 else (stepped,)
            outputs.append(states[0])
        return torch.stack(outputs, dim=1), states

    def native_call(self, x: Tensor, states: States):
        """``unrolled(x, states) -> sequence, states``."""
        return self(x, states)


class Wrapped(nn.Module):
    """Our own cell inside our own sequence wrapper: PyTorch has none."""

    stock = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        self.cell = Cell(spec, index, inputs)
        self.native = dict(self.cell.w.items())

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """The wrapper: it steps any cell that returns an output and states."""
        outputs = []
        for x_t in x.unbind(1):
            output, states = self.cell(x_t, states)
            outputs.append(output)
        return torch.stack(outputs, dim=1), states

    def native_call(self, x: Tensor, states: States):
        """``wrapper(x, states) -> sequence, states``."""
        return self(x, states)


class Scratch(nn.Module):
    """Bare parameters and matrix products: every step's input projected in one product, then the recurrence."""

    stock = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        self.network, self.step = spec.network, STEPS[spec.network.cell]
        self.w = own_variables(spec, index, inputs)
        self.native = dict(self.w.items())

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """A loop over the projected steps."""
        outputs, w = [], at_hand(self.w, self.network)
        for projected in project(x, w).unbind(1):
            states = self.step(projected, states, w, self.network)
            outputs.append(states[0])
        return torch.stack(outputs, dim=1), states

    def native_call(self, x: Tensor, states: States):
        """``scratch(x, states) -> sequence, states``."""
        return self(x, states)


class Tuned(Scratch):
    """Time first inside, so that each step reads and writes one block of memory."""

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """A loop over the projected steps, each contiguous."""
        outputs, w = [], at_hand(self.w, self.network)
        for projected in project(x.transpose(0, 1).contiguous(), w).unbind(0):
            states = self.step(projected, states, w, self.network)
            outputs.append(states[0])
        return torch.stack(outputs).transpose(0, 1), states


class Fused(Layer):
    """The stock LSTM time first, as oneDNN's kernel takes it; nothing else of PyTorch is fused on a CPU."""

    batch_first = False

    def native_call(self, x: Tensor, states: States):
        """``layer(x, states) -> sequence, states``, all time first."""
        return super().native_call(x.transpose(0, 1), states)

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """One call for the whole sequence."""
        sequence, last = super().forward(x, states)
        return sequence.transpose(0, 1), last


class QuickDropout(nn.Module):
    """nn.Dropout from one uniform draw a number: its own Bernoulli draws take five times as long on a CPU."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Zero with probability ``rate``, else 1/(1−rate) of it, while training."""
        if not self.training or not self.rate:
            return x
        return x * ((torch.rand_like(x) >= self.rate) / (1 - self.rate))


class StackedLayer(nn.Module):
    """The stock layer as PyTorch's tutorials stack it: ``num_layers`` in one call, its own dropout between them.

    Only nn layers stack themselves and run both ways by themselves, and only where all layers are of one size and no
    mask is handed in.
    """

    stock = True

    def __init__(self, spec: ExperimentSpec, inputs: int):
        super().__init__()
        units, *more = spec.network.units
        kind = getattr(nn, stock(spec.network, "layer"))
        self.layer = kind(
            inputs,
            units,
            num_layers=1 + len(more),
            dropout=stock_dropout(spec) if more else 0.0,
            bidirectional=spec.network.bidirectional,
            batch_first=True,
            **_options(spec.network),
        )
        named = dict(self.layer.named_parameters())
        self.natives = [
            (index, direction, {name: p for name, p in named.items() if name.endswith(f"_l{index}{end}")})
            for index in range(1 + len(more))
            for direction, end in zip(spec.network.directions, ("", "_reverse"), strict=False)
        ]

    @staticmethod
    def fits(spec: ExperimentSpec) -> bool:
        """Whether a tutorial would write the spec's stack as one layer."""
        network = spec.network
        several = len(network.units) > 1 or network.bidirectional
        return network.form == "layer" and not spec.conventions.imposed and several and len(set(network.units)) == 1

    def forward(self, x: Tensor, states: tuple[States, ...]) -> tuple[Tensor, tuple[States, ...]]:
        """One call for all layers and the whole sequence."""
        sequence, last = self.native_call(x, states)
        kinds = last if len(states[0]) > 1 else (last,)
        return sequence, tuple(zip(*kinds, strict=True))

    def native_call(self, x: Tensor, states: tuple[States, ...]):
        """``layer(x, states) -> sequence, states``; its states are (layers·directions, B, H)."""
        given = tuple(torch.stack(kind) for kind in zip(*states, strict=True))
        return self.layer(x, given if len(given) > 1 else given[0])


def tuned(spec: ExperimentSpec, index: int, inputs: int) -> nn.Module:
    """The fastest way measured for the cell."""
    return (Fused if fused(spec.network) else Tuned)(spec, index, inputs)


FORMS = {
    "cell_loop": CellLoop,
    "layer": Layer,
    "unrolled": Unrolled,
    "wrapped": Wrapped,
    "scratch": Scratch,
    "tuned": tuned,
}

STEPS_IN_TIME = (1, -1)  # forward, backward


class Stack(nn.Module):
    """Recurrent layers one on the other, each in its directions, with dropout where the conventions put it."""

    def __init__(self, spec: ExperimentSpec, interface: Interface):
        super().__init__()
        form, self.network = FORMS[spec.network.form], spec.network
        sizes = layer_inputs(spec, interface)
        self.whole = StackedLayer(spec, sizes[0]) if StackedLayer.fits(spec) else None
        self.layers = nn.ModuleList(
            nn.ModuleList(form(spec, index, inputs) for _ in spec.network.directions)
            for index, inputs in enumerate(() if self.whole else sizes)
        )
        # PyTorch drops between layers, each step afresh: as nn.LSTM(dropout=) does between the layers it stacks.
        rate = stock_dropout(spec)
        kind = QuickDropout if spec.network.form == "tuned" else nn.Dropout
        self.dropout = nn.ModuleList(kind(rate if index else 0.0) for index in range(len(self.layers)))

    def natives(self) -> Iterator[tuple[int, str, dict[str, nn.Parameter], bool]]:
        """Layer, direction, parameters by the framework's names, and whether a stock object holds them."""
        if self.whole:
            yield from ((*native, True) for native in self.whole.natives)
        for index, directions in enumerate(self.layers):
            for direction, layer in zip(self.network.directions, directions, strict=True):
                yield index, direction, layer.native, layer.stock

    def native_calls(self, x: Tensor, states: tuple[States, ...]) -> Iterator[tuple[str, Tensor, Any]]:
        """Each of the framework's own calls in turn: which layers it covers, its input, what it returned."""
        if self.whole:
            last = len(self.network.units) - 1
            yield f"layers 0–{last}" if last else "layer 0", x, self.whole.native_call(x, states)
        given = iter(states)
        for index, directions in enumerate(self.layers):
            own = tuple(next(given) for _ in directions)
            for direction, layer, state in zip(self.network.directions, directions, own, strict=True):
                yield f"layer {index}" + f" {direction}" * self.network.bidirectional, x, layer.native_call(x, state)
            x, _ = self._run(directions, x, own)

    def forward(self, x: Tensor, states: tuple[States, ...], masks: tuple) -> tuple[Tensor, tuple[States, ...]]:
        """``x (B, T, I)`` -> the top layer's sequence and every layer's last states, a layer's directions in turn."""
        if self.whole:
            return self.whole(x, states)
        given, last = iter(states), []
        for directions, dropout, mask in zip(self.layers, self.dropout, masks, strict=True):
            x = x if mask is None else x * mask
            x, state = self._run(directions, dropout(x), tuple(next(given) for _ in directions))
            last += state
        return x, tuple(last)

    def _run(self, directions: nn.ModuleList, x: Tensor, states: tuple[States, ...]) -> tuple:
        """One layer: backward takes the sequence from its end, and its outputs are put back in time's order."""
        parts, last = [], []
        for step, layer, state in zip(STEPS_IN_TIME, directions, states, strict=False):
            sequence, state = layer(x if step > 0 else x.flip(1), state)
            parts.append(sequence if step > 0 else sequence.flip(1))
            last.append(state)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1), last
