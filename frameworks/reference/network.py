"""The network: encoder → recurrent stack → head, forward and backward."""

from collections.abc import Iterator

import numpy as np

from experiments import canonical
from experiments.canonical import Weights, zero_states
from experiments.native_layout import describe
from experiments.protocol import Batch, Forward, Lengths, NativeShapes, States, Step
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.reference import training
from frameworks.reference.padding import Padding, make_padding
from frameworks.reference.stack import Stack
from frameworks.reference.support import HOME
from frameworks.reference.weights import load


class Network:
    """A model in NumPy, in float64; see ``experiments.protocol.Model``."""

    device = "cpu"

    def __init__(self, spec: ExperimentSpec, interface: Interface, weights: Weights):
        self.spec, self.interface = spec, interface
        self.native = load(weights)
        self.stack = Stack(spec.network, self.native)
        self.optimiser = training.Optimiser(spec)

    def train_step(self, batch: Batch) -> Step:
        """Update the weights once."""
        loss, outputs, gradients, last = self._backward(batch)
        squares = self._squares(batch.x, gradients["input"])
        self.optimiser.step(self.native, {name: gradients[name] for name in self.native}, squares)
        return Step(loss, outputs, last if self.interface.stateful else ())

    def predict(self, x: np.ndarray, lengths: Lengths = None) -> np.ndarray:
        """Compute the outputs with dropout off: ``(B, T[, F]) -> (B[, T], outputs)``."""
        return self.forward(x, lengths=lengths).outputs

    def forward(self, x: np.ndarray, states: States | None = None, lengths: Lengths = None) -> Forward:
        """Compute the outputs, the top layer's sequence and the last states, with dropout off."""
        sequence, last = self._run(x, states or self._zero_states(len(x)), self._unmasked, lengths)
        return Forward(self._head(self._head_input(sequence, last)), sequence, last)

    def advance(
        self, x: np.ndarray, states: States | None = None, lengths: Lengths = None
    ) -> tuple[np.ndarray, States]:
        """Compute the outputs and the last states, with dropout off; the next call may continue from the states."""
        forward = self.forward(x, states, lengths)
        return forward.outputs, forward.states

    def gradients(self, batch: Batch) -> Weights:
        """Compute the loss's gradient with respect to every canonical weight and to the stack's ``input``."""
        return self._backward(batch)[2]

    def weights(self) -> Weights:
        """Return a copy of the canonical weights in the spec's dtype."""
        return {name: value.astype(self.spec.training.dtype) for name, value in self.native.items()}

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.optimiser.set_learning_rate(rate)

    def checkpoint(self) -> Weights:
        """Return all that training continues from, in native layout; nothing here draws random numbers."""
        return {f"native/{name}": value.copy() for name, value in self.native.items()} | self.optimiser.checkpoint()

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        for name, value in self.native.items():
            value[:] = kept[f"native/{name}"]  # in place: the layers share the arrays
        self.optimiser.restore(kept)

    def state_jacobians(self, x: np.ndarray) -> np.ndarray:
        """Compute ∂s_T/∂s_t for t = 1 … T as a product over steps: ``(T, B, S, S)``. One layer, one direction."""
        self.forward(x)
        ((layer,),) = self.stack.layers
        return layer.state_jacobians()

    def batches(self, x: np.ndarray, y: np.ndarray, lengths: Lengths = None) -> Iterator[Batch]:
        """Raise: the reference has no stock batches."""
        raise NotImplementedError("the reference runs under imposed conventions only")

    def native_shapes(self) -> NativeShapes:
        """Describe the arrays that the model takes, returns and holds, for a batch of 2."""
        time, features = self.interface.time, self.interface.features
        x = np.zeros((2, time) if self.interface.input == "tokens" else (2, time, features), np.int32)
        forward = self.forward(x)
        cell = self.spec.network.cell
        weights = tuple(describe(k, v.shape, {k: v.shape}, np.asarray, cell) for k, v in self.native.items())
        count = sum(value.size for value in self.native.values())
        calls = (("input", x.shape), ("top layer sequence", forward.sequence.shape), ("output", forward.outputs.shape))
        return NativeShapes(calls, weights, count, count)

    def synchronise(self) -> None:
        """Do nothing: NumPy computes synchronously."""

    @property
    def _unmasked(self) -> tuple:
        return (None,) * len(self.spec.network.units)

    def _zero_states(self, batch: int) -> States:
        return zero_states(self.spec.network, lambda size: np.zeros((batch, size)))

    def _encode(self, x: np.ndarray) -> np.ndarray:
        if self.spec.network.encoder is None:
            return np.asarray(x, np.float64)
        if not self.spec.network.embedding_size:
            return np.eye(self.interface.features)[x]
        rows = self.native["embedding/table"][x]  # the rows that one-hot vectors would select
        return rows.mean(axis=1, keepdims=True) if self.spec.network.encoder == "bag" else rows

    def _padding(self, lengths: Lengths, time: int) -> Padding | None:
        """Return which steps are padding, None where every step is valid."""
        if lengths is None:
            return None
        side = self.spec.task_for(HOME).padding_side
        return make_padding(lengths, time, side, self.spec.zero_masked_output(HOME))

    def _run(self, x: np.ndarray, states: States, masks: tuple, lengths: Lengths) -> tuple[np.ndarray, States]:
        return self.stack(self._encode(x), states, masks, self._padding(lengths, x.shape[1]))

    def _last_output(self, states: States) -> np.ndarray:
        """Return the top layer's last output: each direction's after its own last step, joined."""
        return np.concatenate([state[0] for state in states[-len(self.spec.network.directions) :]], axis=-1)

    def _head_input(self, sequence: np.ndarray, last: States) -> np.ndarray:
        """Select the head's input: the top layer's every step ``(B, T, H)`` or last output ``(B, H)``."""
        return sequence if self.interface.every_step else self._last_output(last)

    def _dense(self, x: np.ndarray, index: int) -> np.ndarray:
        return x @ self.native[f"head/{index}/kernel"] + self.native[f"head/{index}/bias"]

    def _head(self, last: np.ndarray, mask: np.ndarray | float = 1.0) -> np.ndarray:
        x = self._dense(last, 0)
        return self._dense(np.maximum(x * mask, 0), 1) if self.spec.network.head == "mlp" else x

    def _head_backward(self, x: np.ndarray, d: np.ndarray, mask: np.ndarray | float) -> tuple[np.ndarray, Weights]:
        """Turn the outputs' gradient into that of the head's input and those of the head's weights."""
        gradients: Weights = {}
        if self.spec.network.head == "mlp":
            hidden = self._dense(x, 0) * mask
            gradients = {"head/1/kernel": np.maximum(hidden, 0).T @ d, "head/1/bias": d.sum(axis=0)}
            d = d @ self.native["head/1/kernel"].T * (hidden > 0) * mask
        rows, d_rows = x.reshape(-1, x.shape[-1]), d.reshape(-1, d.shape[-1])  # all steps': their gradients add up
        gradients |= {"head/0/kernel": rows.T @ d_rows, "head/0/bias": d_rows.sum(axis=0)}
        return d @ self.native["head/0/kernel"].T, gradients

    def _backward(self, batch: Batch) -> tuple[float, np.ndarray, Weights, States]:
        layers = len(self.spec.network.units)
        masks, head_mask = (batch.masks or self._unmasked)[:layers], (batch.masks or ())[layers:]
        head_mask = head_mask[0] if head_mask else 1.0
        states = batch.states or self._zero_states(len(batch.x))
        sequence, last = self._run(batch.x, states, masks, batch.lengths)
        head_input = self._head_input(sequence, last)
        outputs = self._head(head_input, head_mask)
        counted = None if self.spec.counts_masked_steps(HOME) else self._padding(batch.lengths, batch.x.shape[1])
        loss, d_outputs = training.loss(self.interface.loss, outputs, batch.y, counted and counted.valid)
        d_head_input, gradients = self._head_backward(head_input, d_outputs, head_mask)
        d_sequence, d_last = np.zeros_like(sequence), np.zeros_like(sequence[:, -1])
        if self.interface.every_step:
            d_sequence = d_head_input
        else:
            d_last = d_head_input
        d_input, stack_gradients = self.stack.backward(d_sequence, d_last, masks)
        gradients |= stack_gradients | {"input": d_input}
        if self.spec.network.embedding_size:
            gradients["embedding/table"] = self._scattered(batch.x, self._occurrences(batch.x, d_input))
        return loss, outputs, gradients, last

    def _occurrences(self, x: np.ndarray, d_input: np.ndarray) -> np.ndarray:
        """Compute the gradient of the table's row at each occurrence of a word: ``(B, T, E)``."""
        factor = 1 / x.shape[1] if self.spec.network.encoder == "bag" else 1.0
        return np.broadcast_to(d_input * factor, (*x.shape, d_input.shape[-1]))

    def _scattered(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Sum the values of each word's occurrences: ``(B, T, E) -> (V, E)``."""
        table = np.zeros_like(self.native["embedding/table"])
        np.add.at(table, x, rows)
        return table

    def _squares(self, x: np.ndarray, d_input: np.ndarray) -> Weights:
        """Compute Σg² over a word's occurrences, for conventions that use it instead of (Σg)²."""
        spec = self.spec
        if not spec.squares_occurrences or spec.conventions.owner("repeated_words", HOME) != "keras":
            return {}
        return {"embedding/table": self._scattered(x, self._occurrences(x, d_input) ** 2)}


def build(spec: ExperimentSpec, interface: Interface, weights: Weights | None = None, seed: int = 0) -> Network:
    """Build a network on the given weights, or on weights drawn for ``seed``."""
    return Network(spec, interface, weights or canonical.draw(spec, interface, seed))
