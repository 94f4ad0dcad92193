"""Canonical ⇄ native weights: the only module that knows Keras's names, layouts and gate orders.

Keras stores kernels as (inputs, gates·hidden) with gates i, f, c, o (LSTM) and z, r, h (GRU): canonical order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from experiments.canonical import GATES, Weights, layer_shapes
from experiments.cells import AXES, CELLS
from experiments.spec import ExperimentSpec
from frameworks.tf2.support import HOME


@dataclass
class Binding:
    """One native variable and the canonical weights it holds."""

    name: str
    variable: keras.Variable
    canonical: tuple[str, ...]
    encode: Callable[..., np.ndarray]  # canonical arrays -> native array
    decode: Callable[[np.ndarray], tuple[np.ndarray, ...]]  # native array -> canonical arrays; linear
    copies: int = 1  # the number of equally trained canonical weights that the variable is the sum of
    trained: bool = True
    note: str = ""

    def load(self, weights: Weights) -> None:
        """Set the variable from canonical weights."""
        self.variable.assign(self.encode(*(weights[name] for name in self.canonical)))

    def read(self) -> Weights:
        """Return the current canonical weights."""
        return dict(zip(self.canonical, self.decode(self.variable.numpy().copy()), strict=True))

    def canonical_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each canonical weight."""
        return {name: value.shape for name, value in self.read().items()}

    def gradient(self, native: np.ndarray) -> Weights:
        """Convert the variable's gradient to that of each canonical weight."""
        return dict(zip(self.canonical, self.decode(native), strict=True))


class SummedBias(Binding):
    """Keras's one bias in place of PyTorch's two, which have equal gradients: their sum, at twice the learning rate.

    Both parts move equally, so ``read`` recovers them from their initial values.
    """

    def load(self, weights: Weights) -> None:
        """Set the sum and keep its parts."""
        super().load(weights)
        self.parts = [np.array(weights[name]) for name in self.canonical]
        self.start = self.variable.numpy().copy()

    def read(self) -> Weights:
        """Return each part: its initial value plus half of the sum's change; bit-identical before any step."""
        moved = self.decode((self.variable.numpy().copy() - self.start) / 2)
        return {name: part + move for name, part, move in zip(self.canonical, self.parts, moved, strict=True)}


def plain(name: str, variable: keras.Variable, canonical: str) -> Binding:
    """Bind a variable whose native layout is the canonical one."""
    return Binding(name, variable, (canonical,), np.asarray, lambda native: (native,))


def bind_layer(
    spec: ExperimentSpec, index: int, direction: str, native: dict[str, keras.Variable], stock: bool
) -> list[Binding]:
    """Bind one direction of a recurrent layer; ``stock`` tells that Keras made the variables."""
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

    if not stock or biases == ("bias",):
        return [flattened(kind) for kind in native]
    kernels = [flattened("kernel"), flattened("recurrent_kernel")]
    bind_bias = _stacked_bias if len(CELLS[cell].biases(HOME)) == 2 else _summed_bias
    return [*kernels, bind_bias(native["bias"], tuple(prefix + name for name in biases), gates, units)]


def _stacked_bias(variable: keras.Variable, canonical: tuple[str, ...], gates: int, units: int) -> Binding:
    return Binding(
        "bias",
        variable,
        canonical,
        lambda bias, recurrent: np.stack([bias.reshape(-1), recurrent.reshape(-1)]),
        lambda array: tuple(array.reshape(2, gates, units)),
        note="input and recurrent bias are the rows of one variable",
    )


def _summed_bias(variable: keras.Variable, canonical: tuple[str, ...], gates: int, units: int) -> Binding:
    return SummedBias(
        "bias",
        variable,
        canonical,
        lambda bias, recurrent: (bias + recurrent).reshape(-1),
        lambda array: (array.reshape(gates, units),) * 2,
        copies=2,
        note="one bias trained at twice the learning rate equals two biases with equal gradients",
    )


def make_variables(spec: ExperimentSpec, index: int, inputs: int) -> dict[str, keras.Variable]:
    """Make the variables of our cell, gates side by side ``(…, G·H)``, initialised as Keras initialises its cells'."""
    initialisers = {"recurrent_kernel": keras.initializers.Orthogonal()}
    initialisers |= dict.fromkeys(("bias", "recurrent_bias"), keras.initializers.Zeros())
    variables = {}
    for kind, shape in layer_shapes(spec.network, index, inputs, spec.conventions.owner("bias", HOME)).items():
        flat = shape if "G" not in AXES[kind] else (*shape[:-2], shape[-2] * shape[-1])
        initialise = initialisers.get(kind) or keras.initializers.GlorotUniform()
        variables[kind] = keras.Variable(initialise(flat, spec.training.dtype), name=kind)
    if "f" in GATES[spec.network.cell] and "bias" in variables:  # unit_forget_bias
        start = np.zeros((len(GATES[spec.network.cell]), spec.network.units[index]), spec.training.dtype)
        start[GATES[spec.network.cell].index("f")] = 1
        variables["bias"].assign(start.reshape(-1))
    return variables
