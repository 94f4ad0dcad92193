"""embedding → recurrent stack → head, forward and back."""

from collections.abc import Iterator

import numpy as np

from experiments import canonical
from experiments.canonical import Weights, zero_states
from experiments.native_layout import describe
from experiments.protocol import Batch, Forward, NativeShapes, States, Step
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.reference import training
from frameworks.reference.stack import Stack
from frameworks.reference.support import HOME
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
        loss, outputs, gradients, last = self._backward(batch)
        squares = self._squares(batch.x, gradients["input"])
        self.optimiser.step(self.native, {name: gradients[name] for name in self.native}, squares)
        return Step(loss, outputs, last if self.interface.stateful else ())

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``(B, T[, F]) -> (B[, T], outputs)``, dropout off."""
        return self.forward(x).outputs

    def forward(self, x: np.ndarray, states: States | None = None) -> Forward:
        """Outputs, the top layer's sequence and the last states, dropout off."""
        sequence, last = self._run(x, states or self._zeros(len(x)), self._unmasked)
        return Forward(self._head(self._read(sequence, last)), sequence, last)

    def advance(self, x: np.ndarray, states: States | None = None) -> tuple[np.ndarray, States]:
        """Outputs and the last states, dropout off; for many calls that go on where the last one stopped."""
        found = self.forward(x, states)
        return found.outputs, found.states

    def gradients(self, batch: Batch) -> Weights:
        """The loss's gradient by every canonical weight, and by the recurrent stack's ``input``."""
        return self._backward(batch)[2]

    def weights(self) -> Weights:
        """A copy of the canonical weights, in the spec's dtype."""
        return {name: value.astype(self.spec.training.dtype) for name, value in self.native.items()}

    def set_learning_rate(self, rate: float) -> None:
        """Of the steps to come."""
        self.optimiser.set_learning_rate(rate)

    def checkpoint(self) -> Weights:
        """All that training goes on from, as held; nothing here is drawn at random."""
        return {f"native/{name}": value.copy() for name, value in self.native.items()} | self.optimiser.checkpoint()

    def restore(self, kept: Weights) -> None:
        """Go on from a checkpoint."""
        for name, value in self.native.items():
            value[:] = kept[f"native/{name}"]  # in place: the layers share the arrays
        self.optimiser.restore(kept)

    def state_jacobians(self, x: np.ndarray) -> np.ndarray:
        """∂s_T/∂s_t for t = 1 … T, as the product of the steps': ``(T, B, S, S)``. One layer, one direction."""
        self.forward(x)
        ((layer,),) = self.stack.layers
        return layer.state_jacobians()

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

    def _encode(self, x: np.ndarray) -> np.ndarray:
        if self.spec.network.encoder is None:
            return np.asarray(x, np.float64)
        if not self.spec.network.embedding_size:
            return np.eye(self.interface.features)[x]
        rows = self.native["embedding/table"][x]  # which a one-hot vector picks as well
        return rows.mean(axis=1, keepdims=True) if self.spec.network.encoder == "bag" else rows

    def _run(self, x: np.ndarray, states: States, masks: tuple) -> tuple[np.ndarray, States]:
        return self.stack(self._encode(x), states, masks)

    def _last(self, states: States) -> np.ndarray:
        """The top layer's last output: each direction's at the end of its own sweep."""
        return np.concatenate([state[0] for state in states[-len(self.spec.network.directions) :]], axis=-1)

    def _read(self, sequence: np.ndarray, last: States) -> np.ndarray:
        """What the head is given: every step of the top layer ``(B, T, H)``, or its last output ``(B, H)``."""
        return sequence if self.interface.every_step else self._last(last)

    def _dense(self, x: np.ndarray, index: int) -> np.ndarray:
        return x @ self.native[f"head/{index}/kernel"] + self.native[f"head/{index}/bias"]

    def _head(self, last: np.ndarray, mask: np.ndarray | float = 1.0) -> np.ndarray:
        x = self._dense(last, 0)
        return self._dense(np.maximum(x * mask, 0), 1) if self.spec.network.head == "mlp" else x

    def _head_backward(self, read: np.ndarray, d: np.ndarray, mask: np.ndarray | float) -> tuple[np.ndarray, Weights]:
        """From the outputs' gradient to that of what the head has read and of the head's weights."""
        found: Weights = {}
        if self.spec.network.head == "mlp":
            hidden = self._dense(read, 0) * mask
            found = {"head/1/kernel": np.maximum(hidden, 0).T @ d, "head/1/bias": d.sum(axis=0)}
            d = d @ self.native["head/1/kernel"].T * (hidden > 0) * mask
        steps = (read.reshape(-1, read.shape[-1]), d.reshape(-1, d.shape[-1]))  # one or all: their gradients add up
        found |= {"head/0/kernel": steps[0].T @ steps[1], "head/0/bias": steps[1].sum(axis=0)}
        return d @ self.native["head/0/kernel"].T, found

    def _backward(self, batch: Batch) -> tuple[float, np.ndarray, Weights, States]:
        layers = len(self.spec.network.units)
        masks, head_mask = (batch.masks or self._unmasked)[:layers], (batch.masks or ())[layers:]
        head_mask = head_mask[0] if head_mask else 1.0
        sequence, last = self._run(batch.x, batch.states or self._zeros(len(batch.x)), masks)
        read = self._read(sequence, last)
        outputs = self._head(read, head_mask)
        loss, d_outputs = training.loss(self.interface.loss, outputs, batch.y)
        d_read, gradients = self._head_backward(read, d_outputs, head_mask)
        d_sequence = d_read if self.interface.every_step else self._spread(d_read, sequence)
        d_input, found = self.stack.backward(d_sequence, masks)
        gradients |= found | {"input": d_input}
        if self.spec.network.embedding_size:
            gradients["embedding/table"] = self._scattered(batch.x, self._occurrences(batch.x, d_input))
        return loss, outputs, gradients, last

    def _occurrences(self, x: np.ndarray, d_input: np.ndarray) -> np.ndarray:
        """The gradient of the table's row at each place where a word stands: ``(B, T, E)``."""
        share = 1 / x.shape[1] if self.spec.network.encoder == "bag" else 1.0
        return np.broadcast_to(d_input * share, (*x.shape, d_input.shape[-1]))

    def _scattered(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Values of each occurrence summed for each word: ``(B, T, E) -> (V, E)``."""
        table = np.zeros_like(self.native["embedding/table"])
        np.add.at(table, x, rows)
        return table

    def _squares(self, x: np.ndarray, d_input: np.ndarray) -> Weights:
        """Σg² over a word's occurrences where the conventions ask for it, in place of (Σg)²."""
        spec = self.spec
        if not spec.squares_occurrences or spec.conventions.owner("repeated_words", HOME) != "keras":
            return {}
        return {"embedding/table": self._scattered(x, self._occurrences(x, d_input) ** 2)}

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
