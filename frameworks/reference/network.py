"""embedding → recurrent stack → head, forward and back."""

from collections.abc import Iterator

import numpy as np

from experiments import canonical
from experiments.canonical import STATES, Weights
from experiments.layout import describe
from experiments.protocol import Batch, Forward, NativeShapes, States, Step
from experiments.spec import ExperimentSpec, Interface
from frameworks.reference import training
from frameworks.reference.forms import FORMS
from frameworks.reference.weights import layer, load


class Network:
    """A model in NumPy float64; see ``experiments.protocol.Model``."""

    device = "cpu"

    def __init__(self, spec: ExperimentSpec, interface: Interface, weights: Weights):
        self.spec, self.interface = spec, interface
        self.native = load(weights)
        self.layers = [
            FORMS["scratch"](spec.network.cell, layer(self.native, index)) for index in range(len(spec.network.units))
        ]
        self.optimiser = training.Optimiser(spec)

    def train_step(self, batch: Batch) -> Step:
        """One update of the weights."""
        loss, outputs, gradients = self._backward(batch)
        self.optimiser.step(self.native, gradients)
        return Step(loss, outputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``(B, T[, F]) -> (B, outputs)``, dropout off."""
        return self.forward(x).outputs

    def forward(self, x: np.ndarray, states: States | None = None) -> Forward:
        """Outputs, the top layer's sequence and the last states, dropout off."""
        sequence, last = self._run(x, states or self._zeros(len(x)), (None,) * len(self.layers))
        return Forward(self._head(sequence), sequence, last)

    def gradients(self, batch: Batch) -> Weights:
        """The loss's gradient by every canonical weight."""
        return self._backward(batch)[2]

    def weights(self) -> Weights:
        """A copy of the canonical weights, in the spec's dtype."""
        return {name: value.astype(self.spec.training.dtype) for name, value in self.native.items()}

    def batches(self, x: np.ndarray, y: np.ndarray) -> Iterator[Batch]:
        """The reference has no batches of its own."""
        raise NotImplementedError("the reference follows imposed conventions only")

    def native_shapes(self) -> NativeShapes:
        """What it holds and returns."""
        time, features = self.interface.time, self.interface.features
        x = np.zeros((2, time) if self.interface.input == "tokens" else (2, time, features), np.int32)
        found = self.forward(x)
        cell = self.spec.network.cell
        weights = tuple(describe(k, v.shape, {k: v.shape}, np.asarray, cell) for k, v in self.native.items())
        count = sum(value.size for value in self.native.values())
        calls = (("input", x.shape), ("top layer sequence", found.sequence.shape), ("output", found.outputs.shape))
        return NativeShapes(calls, weights, count, count)

    def synchronise(self) -> None:
        """NumPy is always done."""

    def _zeros(self, batch: int) -> States:
        names = STATES[self.spec.network.cell]
        return tuple(tuple(np.zeros((batch, units)) for _ in names) for units in self.spec.network.units)

    def _run(self, x: np.ndarray, states: States, masks: tuple) -> tuple[np.ndarray, States]:
        sequence = self.native["embedding/table"][x] if "embedding/table" in self.native else np.asarray(x, np.float64)
        last = []
        for run, state, mask in zip(self.layers, states, masks, strict=True):
            sequence, state = run(sequence if mask is None else sequence * mask, state)
            last.append(state)
        return sequence, tuple(last)

    def _head(self, sequence: np.ndarray) -> np.ndarray:
        return sequence[:, -1] @ self.native["head/0/kernel"] + self.native["head/0/bias"]

    def _backward(self, batch: Batch) -> tuple[float, np.ndarray, Weights]:
        masks = batch.masks or (None,) * len(self.layers)
        sequence, _ = self._run(batch.x, self._zeros(len(batch.x)), masks)
        outputs = self._head(sequence)
        loss, d_outputs = training.loss(self.interface.loss, outputs, np.asarray(batch.y, np.float64))
        gradients = {"head/0/kernel": sequence[:, -1].T @ d_outputs, "head/0/bias": d_outputs.sum(axis=0)}
        d_sequence = np.zeros_like(sequence)
        d_sequence[:, -1] = d_outputs @ self.native["head/0/kernel"].T
        for index in reversed(range(len(self.layers))):
            d_sequence, found = self.layers[index].backward(d_sequence)
            gradients |= {f"rnn/{index}/forward/{name}": value for name, value in found.items()}
            if masks[index] is not None:
                d_sequence = d_sequence * masks[index]
        if "embedding/table" in self.native:
            gradients["embedding/table"] = table = np.zeros_like(self.native["embedding/table"])
            np.add.at(table, batch.x, d_sequence)
        return loss, outputs, gradients


def build(spec: ExperimentSpec, interface: Interface, weights: Weights | None = None, seed: int = 0) -> Network:
    """A network on the given weights, or on those drawn for ``seed``."""
    return Network(spec, interface, weights or canonical.draw(spec, interface, seed))
