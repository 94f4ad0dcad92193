"""embedding → recurrent stack → head, forward and back."""

from collections.abc import Iterator

import numpy as np

from experiments import canonical
from experiments.canonical import Weights, zero_states
from experiments.layout import describe
from experiments.protocol import Batch, Forward, NativeShapes, States, Step
from experiments.spec import ExperimentSpec, Interface
from frameworks.reference import training
from frameworks.reference.forms import Stack
from frameworks.reference.weights import load


class Network:
    """A model in NumPy float64; see ``experiments.protocol.Model``."""

    device = "cpu"

    def __init__(self, spec: ExperimentSpec, interface: Interface, weights: Weights):
        self.spec, self.interface = spec, interface
        self.native = load(weights)
        self.stack = Stack(spec.network, self.native)
        self.optimiser = training.Optimiser(spec)

    def train_step(self, batch: Batch) -> Step:
        """One update of the weights."""
        loss, outputs, gradients = self._backward(batch)
        self.optimiser.step(self.native, {name: gradients[name] for name in self.native})
        return Step(loss, outputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``(B, T[, F]) -> (B, outputs)``, dropout off."""
        return self.forward(x).outputs

    def forward(self, x: np.ndarray, states: States | None = None) -> Forward:
        """Outputs, the top layer's sequence and the last states, dropout off."""
        sequence, last = self._run(x, states or self._zeros(len(x)), self._unmasked)
        return Forward(self._head(self._last(last)), sequence, last)

    def gradients(self, batch: Batch) -> Weights:
        """The loss's gradient by every canonical weight, and by the recurrent stack's ``input``."""
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

    @property
    def _unmasked(self) -> tuple:
        return (None,) * len(self.spec.network.units)

    def _zeros(self, batch: int) -> States:
        return zero_states(self.spec.network, lambda size: np.zeros((batch, size)))

    def _run(self, x: np.ndarray, states: States, masks: tuple) -> tuple[np.ndarray, States]:
        x = self.native["embedding/table"][x] if "embedding/table" in self.native else np.asarray(x, np.float64)
        return self.stack(x, states, masks)

    def _last(self, states: States) -> np.ndarray:
        """The top layer's last output: each direction's at the end of its own sweep."""
        return np.concatenate([state[0] for state in states[-len(self.spec.network.directions) :]], axis=-1)

    def _head(self, last: np.ndarray) -> np.ndarray:
        return last @ self.native["head/0/kernel"] + self.native["head/0/bias"]

    def _backward(self, batch: Batch) -> tuple[float, np.ndarray, Weights]:
        masks = batch.masks or self._unmasked
        sequence, states = self._run(batch.x, self._zeros(len(batch.x)), masks)
        last = self._last(states)
        outputs = self._head(last)
        loss, d_outputs = training.loss(self.interface.loss, outputs, np.asarray(batch.y, np.float64))
        gradients = {"head/0/kernel": last.T @ d_outputs, "head/0/bias": d_outputs.sum(axis=0)}
        d_last = d_outputs @ self.native["head/0/kernel"].T
        d_sequence, found = self.stack.backward(self._spread(d_last, sequence), masks)
        gradients |= found | {"input": d_sequence}
        if "embedding/table" in self.native:
            gradients["embedding/table"] = table = np.zeros_like(self.native["embedding/table"])
            np.add.at(table, batch.x, d_sequence)
        return loss, outputs, gradients

    def _spread(self, d_last: np.ndarray, sequence: np.ndarray) -> np.ndarray:
        """The last output's gradient where it stands in the sequence: backward's last step is the first in time."""
        d_sequence = np.zeros_like(sequence)
        half = sequence.shape[-1] // len(self.spec.network.directions)
        d_sequence[:, -1, :half] = d_last[:, :half]
        if self.spec.network.bidirectional:
            d_sequence[:, 0, half:] = d_last[:, half:]
        return d_sequence


def build(spec: ExperimentSpec, interface: Interface, weights: Weights | None = None, seed: int = 0) -> Network:
    """A network on the given weights, or on those drawn for ``seed``."""
    return Network(spec, interface, weights or canonical.draw(spec, interface, seed))
