"""Canonical ⇄ native weights: the only module that knows PyTorch's names, layouts and gate orders.

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

#: Each cell's gates in native order.
NATIVE_GATES = GATES | {"gru": ("r", "z", "n")}

NATIVE_NAMES = {
    "kernel": "weight_ih",
    "recurrent_kernel": "weight_hh",
    "bias": "bias_ih",
    "recurrent_bias": "bias_hh",
    "projection": "weight_hr",
}


@dataclass
class Binding:
    """One native variable and the canonical weights it holds."""

    name: str
    variable: nn.Parameter
    canonical: tuple[str, ...]
    encode: Callable[..., np.ndarray]  # canonical arrays -> native array
    decode: Callable[[np.ndarray], tuple[np.ndarray, ...]]  # native array -> canonical arrays; linear
    trained: bool = True
    note: str = ""

    def load(self, weights: Weights) -> None:
        """Set the variable from canonical weights."""
        native = self.encode(*(weights[name] for name in self.canonical))
        with torch.no_grad():
            self.variable.copy_(torch.tensor(native))

    def read(self) -> Weights:
        """Return the current canonical weights."""
        native = self.variable.detach().cpu().numpy().copy()
        return dict(zip(self.canonical, map(np.ascontiguousarray, self.decode(native)), strict=True))

    def canonical_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each canonical weight."""
        return {name: value.shape for name, value in self.read().items()}

    def gradient(self, native: np.ndarray) -> Weights:
        """Convert the variable's gradient to that of each canonical weight."""
        return dict(zip(self.canonical, self.decode(native), strict=True))


def plain(name: str, variable: nn.Parameter, canonical: str) -> Binding:
    """Bind a variable whose native layout is the canonical one."""
    return Binding(name, variable, (canonical,), np.asarray, lambda native: (native,))


def transposed(name: str, variable: nn.Parameter, canonical: str) -> Binding:
    """Bind a variable stored as (outputs, inputs), as nn.Linear's and a projection's are."""
    return Binding(name, variable, (canonical,), np.transpose, lambda native: (native.T,))


def bind_layer(
    spec: ExperimentSpec, index: int, direction: str, native: dict[str, nn.Parameter], stock: bool
) -> list[Binding]:
    """Bind one direction of a recurrent layer; ``stock`` tells that PyTorch made the parameters."""
    cell, units = spec.network.cell, spec.network.units[index]
    gates, prefix = len(GATES[cell]), f"rnn/{index}/{direction}/"
    biases = CELLS[cell].biases(spec.conventions.owner("bias", HOME))

    def flattened(kind: str) -> Binding:
        if "G" not in AXES[kind]:
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
        return [flattened(kind) for kind in native]
    suffix = next(name for name in native if name.startswith("weight_ih")).removeprefix("weight_ih")  # _l1_reverse, …
    bindings = [
        _reordered(NATIVE_NAMES[kind] + suffix, kind, cell, native, prefix)
        for kind in ("kernel", "recurrent_kernel", *biases)
    ]
    if (projection := f"weight_hr{suffix}") in native:
        bindings.append(transposed(projection, native[projection], f"{prefix}projection"))
    if biases == ("bias",):
        bindings.append(_zero_bias(f"bias_hh{suffix}", native))
    return bindings


def _reordered(name: str, kind: str, cell: str, native: dict[str, nn.Parameter], prefix: str) -> Binding:
    """Bind a variable whose gates are in native order."""
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


def _zero_bias(name: str, native: dict[str, nn.Parameter]) -> Binding:
    """Keep PyTorch's second bias at zero where the conventions have one bias, as Keras's do."""
    parameter = native[name].requires_grad_(False)
    return Binding(
        name,
        parameter,
        (),
        lambda: np.zeros(parameter.shape),
        lambda array: (),
        trained=False,
        note="fixed at zero: the conventions have one bias",
    )


def make_variables(spec: ExperimentSpec, index: int, inputs: int) -> nn.ParameterDict:
    """Make the parameters of our cell, gates side by side ``(…, G·H)``, drawn as PyTorch draws its cells'."""
    limit = spec.network.units[index] ** -0.5
    parameters = nn.ParameterDict()
    for kind, shape in layer_shapes(spec.network, index, inputs, spec.conventions.owner("bias", HOME)).items():
        flat = shape if "G" not in AXES[kind] else (*shape[:-2], shape[-2] * shape[-1])
        parameters[kind] = nn.Parameter(torch.empty(flat).uniform_(-limit, limit))
    return parameters
