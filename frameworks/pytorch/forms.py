"""The ways to run a cell over a sequence.

Every form is called with ``x (B, T, I)`` and states ``(B, H)`` and returns the sequence ``(B, T, H)`` and the last
states. ``native`` holds its parameters by the framework's names; ``native_call`` is the framework's own call, whose
returned shapes the reports show. PyTorch's dropout is applied between layers, so no form has any: the stack does.
"""

import torch
from torch import Tensor, nn

from experiments.spec import ExperimentSpec, NetworkSpec
from frameworks.pytorch.cells import STEPS, Cell, States, input_product, unpacked
from frameworks.pytorch.support import fused, stock
from frameworks.pytorch.weights import own_variables


def layer_options(network: NetworkSpec) -> dict[str, int]:
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
        self.layer = kind(inputs, network.units[index], batch_first=self.batch_first, **layer_options(network))
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
    """Bare parameters and matrix products: every step's input from_input in one product, then the recurrence."""

    stock = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        self.network, self.step = spec.network, STEPS[spec.network.cell]
        self.w = own_variables(spec, index, inputs)
        self.native = dict(self.w.items())

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """A loop over the from_input steps."""
        outputs, w = [], unpacked(self.w, self.network)
        for from_input in input_product(x, w).unbind(1):
            states = self.step(from_input, states, w, self.network)
            outputs.append(states[0])
        return torch.stack(outputs, dim=1), states

    def native_call(self, x: Tensor, states: States):
        """``scratch(x, states) -> sequence, states``."""
        return self(x, states)


class Tuned(Scratch):
    """Time first inside, so that each step reads and writes one block of memory."""

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """A loop over the from_input steps, each contiguous."""
        outputs, w = [], unpacked(self.w, self.network)
        for from_input in input_product(x.transpose(0, 1).contiguous(), w).unbind(0):
            states = self.step(from_input, states, w, self.network)
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
