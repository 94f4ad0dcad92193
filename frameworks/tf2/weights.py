"""Canonical ⇄ native: the only place that knows Keras's names, layouts and gate orders.

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
    """One native variable and the canonical weights it carries."""

    name: str
    variable: keras.Variable
    canonical: tuple[str, ...]
    encode: Callable[..., np.ndarray]  # canonical arrays -> native array
    decode: Callable[[np.ndarray], tuple[np.ndarray, ...]]  # native array -> canonical arrays; linear
    copies: int = 1  # how many equally trained canonical weights the variable is the sum of
    trained: bool = True
    note: str = ""

    def load(self, weights: Weights) -> None:
        """Set the variable."""
        self.variable.assign(self.encode(*(weights[name] for name in self.canonical)))

    def read(self) -> Weights:
        """The canonical weights as they stand."""
        return dict(zip(self.canonical, self.decode(self.variable.numpy().copy()), strict=True))

    def canonical_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each canonical weight."""
        return {name: value.shape for name, value in self.read().items()}

    def gradient(self, native: np.ndarray) -> Weights:
        """The gradient by each canonical weight, from the native one."""
        return dict(zip(self.canonical, self.decode(native), strict=True))


class SummedBias(Binding):
    """Keras keeps one bias where PyTorch trains two with equal gradients: their sum, at twice the learning rate.

    The two are told apart again by where they started, since both move alike.
    """

    def load(self, weights: Weights) -> None:
        """Set the sum and remember its parts."""
        super().load(weights)
        self.parts = [np.array(weights[name]) for name in self.canonical]
        self.start = self.variable.numpy().copy()

    def read(self) -> Weights:
        """Each part: where it started plus half of what the sum moved; to the bit before any step."""
        moved = self.decode((self.variable.numpy().copy() - self.start) / 2)
        return {name: part + move for name, part, move in zip(self.canonical, self.parts, moved, strict=True)}


def plain(name: str, variable: keras.Variable, canonical: str) -> Binding:
    """A weight whose native layout is the canonical one."""
    return Binding(name, variable, (canonical,), np.asarray, lambda native: (native,))


def bind_layer(
    spec: ExperimentSpec, index: int, direction: str, native: dict[str, keras.Variable], stock: bool
) -> list[Binding]:
    """Tie one direction of a recurrent layer: its variables to its canonical weights."""
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

    if not stock or names == ("bias",):
        return [flat(kind) for kind in native]
    both = tuple(prefix + name for name in names)
    kernels = [flat("kernel"), flat("recurrent_kernel")]
    if cell == "gru":
        return [*kernels, _stacked_bias(native["bias"], both, gates, units)]
    return [*kernels, _summed_bias(native["bias"], both, gates, units)]


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
        note="one bias trained at twice the learning rate equals two with equal gradients",
    )


def own_variables(spec: ExperimentSpec, index: int, inputs: int) -> dict[str, keras.Variable]:
    """Variables of a cell of our own, gates side by side ``(…, G·H)``, drawn as Keras draws its own cells'."""
    draws = {"recurrent_kernel": keras.initializers.Orthogonal()}
    draws |= dict.fromkeys(("bias", "recurrent_bias"), keras.initializers.Zeros())
    variables = {}
    for kind, shape in layer_shapes(spec.network, index, inputs, spec.conventions.owner("bias", HOME)).items():
        flat = shape if "G" not in AXES[kind] else (*shape[:-2], shape[-2] * shape[-1])
        draw = draws.get(kind) or keras.initializers.GlorotUniform()
        variables[kind] = keras.Variable(draw(flat, spec.training.dtype), name=kind)
    if "f" in GATES[spec.network.cell] and "bias" in variables:  # unit_forget_bias
        start = np.zeros((len(GATES[spec.network.cell]), spec.network.units[index]), spec.training.dtype)
        start[GATES[spec.network.cell].index("f")] = 1
        variables["bias"].assign(start.reshape(-1))
    return variables
