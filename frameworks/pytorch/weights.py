"""Canonical ⇄ native: the only place that knows PyTorch's names, layouts and gate orders.

PyTorch stores kernels as (gates·hidden, inputs) with gates i, f, g, o (LSTM) and r, z, n (GRU), and always two biases.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from experiments.canonical import GATES, Weights, layer_shapes
from experiments.cells import AXES, CELLS
from experiments.spec import ExperimentSpec
from frameworks.pytorch.support import HOME

#: The gates in native order.
NATIVE_GATES = GATES | {"gru": ("r", "z", "n")}

NATIVE_NAMES = {
    "kernel": "weight_ih",
    "recurrent_kernel": "weight_hh",
    "bias": "bias_ih",
    "recurrent_bias": "bias_hh",
}


@dataclass
class Binding:
    """One native variable and the canonical weights it carries."""

    name: str
    variable: nn.Parameter
    canonical: tuple[str, ...]
    encode: Callable[..., np.ndarray]  # canonical arrays -> native array
    decode: Callable[[np.ndarray], tuple[np.ndarray, ...]]  # native array -> canonical arrays; linear
    trained: bool = True
    note: str = ""

    def load(self, weights: Weights) -> None:
        """Set the variable."""
        native = self.encode(*(weights[name] for name in self.canonical))
        with torch.no_grad():
            self.variable.copy_(torch.tensor(native))

    def read(self) -> Weights:
        """The canonical weights as they stand."""
        native = self.variable.detach().cpu().numpy().copy()
        return dict(zip(self.canonical, map(np.ascontiguousarray, self.decode(native)), strict=True))

    def canonical_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each canonical weight."""
        return {name: value.shape for name, value in self.read().items()}

    def gradient(self, native: np.ndarray) -> Weights:
        """The gradient by each canonical weight, from the native one."""
        return dict(zip(self.canonical, self.decode(native), strict=True))


def plain(name: str, variable: nn.Parameter, canonical: str) -> Binding:
    """A weight whose native layout is the canonical one."""
    return Binding(name, variable, (canonical,), np.asarray, lambda native: (native,))


def transposed(name: str, variable: nn.Parameter, canonical: str) -> Binding:
    """nn.Linear keeps (outputs, inputs)."""
    return Binding(name, variable, (canonical,), np.transpose, lambda native: (native.T,))


def bind_layer(
    spec: ExperimentSpec, index: int, direction: str, native: dict[str, nn.Parameter], stock: bool
) -> list[Binding]:
    """Tie one direction of a recurrent layer: its parameters to its canonical weights."""
    cell, units = spec.network.cell, spec.network.units[index]
    gates, prefix = len(GATES[cell]), f"rnn/{index}/{direction}/"
    names = CELLS[cell].biases(spec.conventions.owner("bias", HOME))

    def flat(kind: str) -> Binding:
        if "G" not in AXES[kind]:  # nothing to flatten
            return plain(kind, native[kind], prefix + kind)
        rows = native[kind].shape[:-1]
        return Binding(
            kind,
            native[kind],
            (prefix + kind,),
            lambda array: array.reshape(*rows, gates * units),
            lambda array: (array.reshape(*rows, gates, units),),
        )

    if not stock:
        return [flat(kind) for kind in native]
    end = next(name for name in native if name.startswith("weight_ih")).removeprefix("weight_ih")  # _l0, _l1_reverse, …
    found = [
        _gated(NATIVE_NAMES[kind] + end, kind, cell, native, prefix) for kind in ("kernel", "recurrent_kernel", *names)
    ]
    if f"weight_hr{end}" in native:
        found.append(transposed(f"weight_hr{end}", native[f"weight_hr{end}"], f"{prefix}projection"))
    if names == ("bias",):
        found.append(_idle_bias(f"bias_hh{end}", native))
    return found


def _gated(name: str, kind: str, cell: str, native: dict[str, nn.Parameter], prefix: str) -> Binding:
    to_native = [GATES[cell].index(gate) for gate in NATIVE_GATES[cell]]
    to_canonical = np.argsort(to_native)
    gates, is_bias = len(to_native), native[name].ndim == 1

    def encode(array: np.ndarray) -> np.ndarray:
        ordered = array[..., to_native, :]
        return ordered.reshape(-1) if is_bias else ordered.reshape(len(array), -1).T

    def decode(array: np.ndarray) -> tuple[np.ndarray]:
        split = array.T.reshape(*array.shape[1:], gates, -1)
        return (split[..., to_canonical, :],)

    return Binding(name, native[name], (prefix + kind,), encode, decode)


def _idle_bias(name: str, native: dict[str, nn.Parameter]) -> Binding:
    """Keras has one bias: PyTorch's second stays at zero."""
    parameter = native[name].requires_grad_(False)
    return Binding(
        name,
        parameter,
        (),
        lambda: np.zeros(parameter.shape),
        lambda array: (),
        trained=False,
        note="held at zero: the conventions have one bias",
    )


def own_variables(spec: ExperimentSpec, index: int, inputs: int) -> nn.ParameterDict:
    """Parameters of a cell of our own, gates side by side ``(…, G·H)``, drawn as PyTorch draws its own cells'."""
    limit = spec.network.units[index] ** -0.5
    parameters = nn.ParameterDict()
    for kind, shape in layer_shapes(spec.network, index, inputs, spec.conventions.owner("bias", HOME)).items():
        flat = shape if "G" not in AXES[kind] else (*shape[:-2], shape[-2] * shape[-1])
        parameters[kind] = nn.Parameter(torch.empty(flat).uniform_(-limit, limit))
    return parameters
