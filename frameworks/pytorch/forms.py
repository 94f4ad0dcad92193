"""The forms: ways to run a cell over a sequence.

A form takes ``x (B, T, I)``, states ``(B, H)`` and the padding, None where every step is valid; it returns the sequence
``(B, T, H)`` and the last states.
``native`` maps the framework's names to parameters; ``stock`` tells that the framework made them; ``native_call`` makes
the framework's call, whose returned shapes the reports show. Dropout is the stack's: PyTorch drops between layers.
"""

import torch
from torch import Tensor, nn

from experiments.spec import ExperimentSpec, NetworkSpec
from frameworks.pytorch.cells import STEPS, Cell, States, input_product, unpack
from frameworks.pytorch.padding import Padding, hold, masked_output, run_packed, steps_of
from frameworks.pytorch.runtime import device
from frameworks.pytorch.support import BY_HAND, has_fused_layer, stock_layer
from frameworks.pytorch.tuned.run import run
from frameworks.pytorch.weights import make_variables


def layer_options(network: NetworkSpec) -> dict[str, int]:
    """Return the arguments of the stock layer besides its sizes."""
    return {"proj_size": network.projection_size} if network.projection_size else {}


class CellLoop(nn.Module):
    """The stock cell in a loop, or our cell where PyTorch has none."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        name = stock_layer(spec.network, "cell_loop")
        self.stock = name is not None
        if self.stock:
            self.cell = getattr(nn, f"{name}Cell")(inputs, spec.network.units[index])
            self.native = dict(self.cell.named_parameters())
        else:
            self.cell = Cell(spec, index, inputs)
            self.native = dict(self.cell.w.items())

    def forward(self, x: Tensor, states: States, padding: Padding | None = None) -> tuple[Tensor, States]:
        """Call the cell once per step."""
        outputs = []
        for x_t, valid in zip(x.unbind(1), steps_of(padding, x.shape[1]), strict=True):
            states = hold(valid, self._step(x_t, states), states)
            outputs.append(states[0])
        return masked_output(torch.stack(outputs, dim=1), padding), states

    def _step(self, x_t: Tensor, states: States) -> States:
        if not self.stock:
            return self.cell(x_t, states)[1]
        # LSTMCell takes and returns a pair of states, the other cells one tensor.
        return self.cell(x_t, states) if len(states) > 1 else (self.cell(x_t, states[0]),)

    def native_call(self, x: Tensor, states: States):
        """Call ``cell(x_t, states) -> states``, the output first."""
        return self._step(x[:, 0], states)


class Layer(nn.Module):
    """The stock layer."""

    stock = batch_first = True

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        network = spec.network
        kind = getattr(nn, stock_layer(network, "layer"))
        self.layer = kind(inputs, network.units[index], batch_first=self.batch_first, **layer_options(network))
        self.native = dict(self.layer.named_parameters())

    def forward(self, x: Tensor, states: States, padding: Padding | None = None) -> tuple[Tensor, States]:
        """Call the layer once for the whole sequence, packed where some of it is padding."""
        if padding is not None:
            initial = tuple(state[None] for state in states)
            sequence, last = run_packed(self._call, x, initial, padding)
        else:
            sequence, last = self.native_call(x, states)
        return sequence, tuple(state[0] for state in (last if isinstance(last, tuple) else (last,)))

    def native_call(self, x: Tensor, states: States):
        """Call ``layer(x, states) -> sequence, states``; its states are (layers, B, H), never batch first."""
        return self._call(x, tuple(state[None] for state in states))

    def _call(self, x, initial: States):
        return self.layer(x, initial if len(initial) > 1 else initial[0])


class Unrolled(Layer):
    """The stock layer's weights in a loop of functional steps: nn layers have no option to unroll."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__(spec, index, inputs)
        self.step = {"simple_rnn": torch.rnn_tanh_cell, "lstm": torch.lstm_cell, "gru": torch.gru_cell}[
            spec.network.cell
        ]

    def forward(self, x: Tensor, states: States, padding: Padding | None = None) -> tuple[Tensor, States]:
        """Loop over functional steps on the layer's parameters."""
        weights, outputs = self.layer.all_weights[0], []
        for x_t, valid in zip(x.unbind(1), steps_of(padding, x.shape[1]), strict=True):
            # lstm_cell takes and returns a pair of states, the others one tensor.
            new = self.step(x_t, states if len(states) > 1 else states[0], *weights)
            states = hold(valid, new if len(states) > 1 else (new,), states)
            outputs.append(states[0])
        return masked_output(torch.stack(outputs, dim=1), padding), states

    def native_call(self, x: Tensor, states: States):
        """Call ``unrolled(x, states) -> sequence, states``."""
        return self(x, states)


class Wrapped(nn.Module):
    """Our cell inside our sequence wrapper: PyTorch has none."""

    stock = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        self.cell = Cell(spec, index, inputs)
        self.native = dict(self.cell.w.items())

    def forward(self, x: Tensor, states: States, padding: Padding | None = None) -> tuple[Tensor, States]:
        """Step the cell, which returns an output and states as ``keras.layers.RNN`` expects them."""
        outputs = []
        for x_t, valid in zip(x.unbind(1), steps_of(padding, x.shape[1]), strict=True):
            states = hold(valid, self.cell(x_t, states)[1], states)
            outputs.append(states[0])
        return masked_output(torch.stack(outputs, dim=1), padding), states

    def native_call(self, x: Tensor, states: States):
        """Call ``wrapper(x, states) -> sequence, states``."""
        return self(x, states)


class Scratch(nn.Module):
    """Bare parameters: one matrix product for the inputs of all steps, then a loop over the recurrent part."""

    stock = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        super().__init__()
        self.network, self.step = spec.network, STEPS[spec.network.cell]
        self.w = make_variables(spec, index, inputs)
        self.native = dict(self.w.items())

    def forward(self, x: Tensor, states: States, padding: Padding | None = None) -> tuple[Tensor, States]:
        """Loop over the steps."""
        outputs, w = [], unpack(self.w, self.network)
        for from_input, valid in zip(input_product(x, w).unbind(1), steps_of(padding, x.shape[1]), strict=True):
            states = hold(valid, self.step(from_input, states, w, self.network), states)
            outputs.append(states[0])
        return masked_output(torch.stack(outputs, dim=1), padding), states

    def native_call(self, x: Tensor, states: States):
        """Call ``scratch(x, states) -> sequence, states``."""
        return self(x, states)


class Tuned(Scratch):
    """Backpropagation through time written by hand: see ``tuned/run.py``."""

    def forward(self, x: Tensor, states: States, padding: Padding | None = None) -> tuple[Tensor, States]:
        """Run all steps as one operation."""
        sequence, states = run(x, states, dict(self.w.items()), self.network, padding)
        return masked_output(sequence, padding), states


class Fused(Layer):
    """The stock layer with time first, as oneDNN's kernel of the LSTM and cuDNN's of every layer take it.

    Packed it is not fused: where padding is masked, ``Tuned`` runs in its place.
    """

    batch_first = False

    def native_call(self, x: Tensor, states: States):
        """Call ``layer(x, states) -> sequence, states``, time first."""
        return super().native_call(x.transpose(0, 1), states)

    def forward(self, x: Tensor, states: States, padding: Padding | None = None) -> tuple[Tensor, States]:
        """Call the layer once for the whole sequence."""
        sequence, last = super().forward(x, states, padding)
        return sequence if padding is not None else sequence.transpose(0, 1), last  # what was packed is batch first


def tuned(spec: ExperimentSpec, index: int, inputs: int) -> nn.Module:
    """Make the fastest form measured for the cell."""
    if has_fused_layer(spec, device(spec.training.device)):
        return Fused(spec, index, inputs)
    return (Tuned if spec.network.cell in BY_HAND else Scratch)(spec, index, inputs)


FORMS = {
    "cell_loop": CellLoop,
    "layer": Layer,
    "unrolled": Unrolled,
    "wrapped": Wrapped,
    "scratch": Scratch,
    "tuned": tuned,
}
