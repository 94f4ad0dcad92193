"""The network: encoder → recurrent stack → head."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.canonical import MLP_DROPOUT, Weights, draw, head_sizes, zero_states
from experiments.native_layout import describe
from experiments.protocol import Batch, Forward, Lengths, NativeShapes, NativeWeight, States, Step, name_shapes
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.pytorch import runtime, training
from frameworks.pytorch.padding import Padding, make_padding
from frameworks.pytorch.stack import Stack
from frameworks.pytorch.support import HOME
from frameworks.pytorch.weights import Binding, bind_layer, plain, transposed


class Network:
    """A model in PyTorch; see ``experiments.protocol.Model``."""

    def __init__(self, spec: ExperimentSpec, interface: Interface, weights: Weights | None, seed: int):
        runtime.seed_all(seed)
        self.spec, self.interface = spec, interface
        self.dtype = getattr(torch, spec.training.dtype)
        self.device = runtime.device(spec.training.device)
        self._make_layers()
        self.bindings = self._bind()
        if weights is not None:
            for binding in self.bindings:
                binding.load(weights)
        self.optimiser = training.make_optimiser(spec, list(self._trained()))
        self.batches = training.StockBatches(spec, seed)
        self._compile()

    def _make_layers(self) -> None:
        network, interface, place = self.spec.network, self.interface, {"device": self.device, "dtype": self.dtype}
        self.embedding = None
        if network.embedding_size:
            # A sparse gradient keeps each occurrence of a word separate, as Keras's does.
            sparse = training.squares_each_occurrence(self.spec)
            self.embedding = nn.Embedding(interface.features, network.embedding_size, sparse=sparse).to(**place)
        self.stack = Stack(self.spec, interface).to(**place)
        self.head = [
            nn.Linear(inputs, outputs).to(**place)
            for inputs, outputs in itertools.pairwise(head_sizes(network, interface))
        ]
        self.head_dropout = nn.Dropout(MLP_DROPOUT)

    def _bind(self) -> list[Binding]:
        bindings = []
        if self.embedding:
            bindings.append(plain("weight", self.embedding.weight, "embedding/table"))
        for native in self.stack.natives():
            bindings += bind_layer(self.spec, *native)
        for index, linear in enumerate(self.head):
            bindings.append(transposed("weight", linear.weight, f"head/{index}/kernel"))
            bindings.append(plain("bias", linear.bias, f"head/{index}/bias"))
        return bindings

    def _compile(self) -> None:
        """Compile by TorchInductor where the spec asks for it; this needs a C++ compiler. Else PyTorch runs eagerly."""
        if self.spec.training.execution == "compiled":
            self._run = torch.compile(self._run)

    def train_step(self, batch: Batch) -> Step:
        """Update the weights once."""
        loss, outputs, last = self._step(*self._tensors(batch))
        return Step(loss.item(), outputs.detach().cpu().numpy(), _arrays(last))

    def predict(self, x: np.ndarray, lengths: Lengths = None) -> np.ndarray:
        """Compute the outputs with dropout off: ``(B, T[, F]) -> (B[, T], outputs)``."""
        return self._predict(self._tensor(x), self._lengths(lengths)).cpu().numpy()

    def forward(self, x: np.ndarray, states: States | None = None, lengths: Lengths = None) -> Forward:
        """Compute the outputs, the top layer's sequence and the last states, with dropout off."""
        initial = None if states is None else self._initial_states(states, len(x))
        with torch.no_grad():
            encoded, lengths = self._encode(self._tensor(x)), self._lengths(lengths)
            return Forward(*_arrays(self._run(encoded, initial, (), lengths, training=False)))

    def advance(
        self, x: np.ndarray, states: States | None = None, lengths: Lengths = None
    ) -> tuple[np.ndarray, States]:
        """Compute the outputs and the last states, with dropout off; the next call may continue from the states."""
        return _arrays(self._advance(self._tensor(x), self._initial_states(states, len(x)), self._lengths(lengths)))

    def gradients(self, batch: Batch) -> Weights:
        """Compute the loss's gradient with respect to every canonical weight and to the stack's ``input``."""
        _, _, _, gradients, by_input = self._backward(*self._tensors(batch), with_input=True)
        pairs = zip(self._trained(), gradients, strict=True)
        by_name = {k: v for binding, g in pairs for k, v in binding.gradient(g.to_dense().cpu().numpy()).items()}
        return by_name | {"input": by_input.cpu().numpy()}

    def weights(self) -> Weights:
        """Return the current canonical weights."""
        return {name: value for binding in self.bindings for name, value in binding.read().items()}

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.optimiser.set_learning_rate(rate)

    def checkpoint(self) -> Weights:
        """Return all that training continues from, in native layout: variables, optimiser, batches, dropout's seeds."""
        variables = {k: variable.detach().cpu().numpy().copy() for k, variable in self._checkpoint_variables().items()}
        variables["random/cpu"] = torch.get_rng_state().numpy()  # the state that nn's dropout draws from
        if self.device == "cuda":
            variables["random/cuda"] = (state := torch.cuda.get_rng_state()).numpy()
            torch.cuda.set_rng_state(state)  # cuDNN does not tell its dropout's state: a new one, as after ``restore``
        return variables | self.optimiser.checkpoint() | self.batches.checkpoint()

    @torch.no_grad()
    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        for name, variable in self._checkpoint_variables().items():
            variable.copy_(torch.from_numpy(kept[name]))
        torch.set_rng_state(torch.from_numpy(kept["random/cpu"]))
        if self.device == "cuda":
            torch.cuda.set_rng_state(torch.from_numpy(kept["random/cuda"]))
        self.optimiser.restore(kept)
        self.batches.restore(kept)

    def _checkpoint_variables(self) -> dict[str, nn.Parameter]:
        """Return every native variable."""
        return {f"native/{place}": binding.variable for place, binding in enumerate(self.bindings)}

    def state_jacobians(self, x: np.ndarray) -> np.ndarray:
        """Compute ∂s_T/∂s_t for t = 1 … T by autodiff: ``(T, B, S, S)``, s the states side by side.

        One layer, one direction. Each sample runs once per component of s_T, so that one backward pass gives all rows.
        """
        self.stack.train(self.device != "cpu")  # cuDNN goes back in training mode alone; one layer drops nothing
        (states,) = self._zero_states(self._encode(self._tensor(x)))
        sizes = [state.shape[-1] for state in states]
        repeated, trajectory = self._encode(self._tensor(x).repeat_interleave(sum(sizes), dim=0)), []
        state = torch.cat([part.repeat_interleave(sum(sizes), dim=0) for part in states], dim=-1)
        for step in range(repeated.shape[1]):
            split = tuple(part.contiguous() for part in torch.split(state, sizes, dim=-1))  # cuDNN takes no other
            _, (states,) = self.stack(repeated[:, step : step + 1], (split,), (None,))
            state = torch.cat(states, dim=-1)
            trajectory.append(state)
        rows = (state * torch.eye(sum(sizes), dtype=state.dtype, device=state.device).repeat(len(x), 1)).sum()
        jacobians = torch.stack(torch.autograd.grad(rows, trajectory)).cpu().numpy()
        return jacobians.reshape(len(trajectory), len(x), sum(sizes), sum(sizes))

    @torch.no_grad()
    def native_shapes(self) -> NativeShapes:
        """Describe what the framework's objects take, return and hold, for a batch of 2 of zeros."""
        width = () if self.interface.input == "tokens" else (self.interface.features,)
        x = torch.zeros((2, self.interface.time, *width), dtype=self.dtype if width else torch.int32).to(self.device)
        self.stack.eval()
        calls = [("input", tuple(x.shape))]
        x = self._encode(x)
        cell, states = self.spec.network.cell, self._zero_states(x)
        for layer, layer_input, returned in self.stack.native_calls(x, states):
            calls.append((f"{layer} input", tuple(layer_input.shape)))
            calls += name_shapes(layer, cell, [tuple(tensor.shape) for tensor in _flatten(returned)])
        last = self._last_output(states)
        sequence = last[:, None].expand(-1, x.shape[1], -1)
        calls.append(("output", tuple(self._head(self._head_input(sequence, states), (), training=False).shape)))
        return NativeShapes(tuple(calls), *self._native_weights())

    def synchronise(self) -> None:
        """Wait until the device is done."""
        runtime.synchronise(self.device)

    def _native_weights(self) -> tuple[tuple[NativeWeight, ...], int, int]:
        cell = self.spec.network.cell
        rows = tuple(
            describe(b.name, tuple(b.variable.shape), b.canonical_shapes(), b.encode, cell, b.trained, b.note)
            for b in self.bindings
        )
        sizes = [int(np.prod(row.shape)) for row in rows]
        return rows, sum(sizes), sum(size for size, row in zip(sizes, rows, strict=True) if row.trained)

    def _trained(self) -> Iterator[Binding]:
        return (binding for binding in self.bindings if binding.trained)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def _lengths(self, lengths: Lengths) -> Tensor | None:
        return None if lengths is None else self._tensor(lengths)

    def _padding(self, lengths: Tensor | None, time: int) -> Padding | None:
        """Return which steps are padding, None where every step is valid."""
        if lengths is None:
            return None
        side = self.spec.task_for(HOME).padding_side
        return make_padding(lengths, time, side, self.spec.zero_masked_output(HOME))

    def _tensors(self, batch: Batch) -> tuple[Tensor, Tensor, tuple[Tensor, ...], tuple | None, Tensor | None]:
        masks = tuple(self._tensor(mask) for mask in batch.masks or () if mask is not None)
        carries_states = batch.states is not None or self.interface.stateful
        states = self._initial_states(batch.states, len(batch.x)) if carries_states else None
        return self._tensor(batch.x), self._tensor(batch.y), masks, states, self._lengths(batch.lengths)

    def _initial_states(self, states: States | None, batch: int) -> tuple:
        """Convert the states, or zeros for None."""
        place = {"device": self.device, "dtype": self.dtype}
        if states is None:
            return zero_states(self.spec.network, lambda size: torch.zeros((batch, size), **place))
        return tuple(tuple(map(self._tensor, layer)) for layer in states)

    def _zero_states(self, x: Tensor) -> tuple:
        return zero_states(self.spec.network, lambda size: x.new_zeros(len(x), size))

    def _last_output(self, states: tuple) -> Tensor:
        """Return the top layer's last output: each direction's after its own last step, joined."""
        return torch.cat([state[0] for state in states[-len(self.spec.network.directions) :]], dim=-1)

    def _head_input(self, sequence: Tensor, last: tuple) -> Tensor:
        """Select the head's input: the top layer's every step ``(B, T, H)`` or last output ``(B, H)``."""
        return sequence if self.interface.every_step else self._last_output(last)

    def _encode(self, x: Tensor) -> Tensor:
        match self.spec.network.encoder:
            case None:
                return x
            case "one_hot":
                vectors = nn.functional.one_hot(x.long(), self.interface.features).to(self.dtype)
                return vectors @ self.embedding.weight if self.embedding else vectors
            case "bag":
                return self.embedding(x).mean(dim=1, keepdim=True)
        return self.embedding(x)

    def _head(self, last: Tensor, masks: tuple, training: bool) -> Tensor:
        x = self.head[0](last)
        if self.spec.network.head == "linear":
            return x
        imposed = self.spec.conventions.imposed
        dropped = x * masks[0] if masks else x if imposed else self.head_dropout.train(training)(x)
        return self.head[1](torch.relu(dropped))

    def _run(self, x: Tensor, states: tuple | None, masks: tuple, lengths: Tensor | None, training: bool) -> tuple:
        """Run the stack and the head; ``masks`` are those of the last layers, which drop, then the head's."""
        layers = len(masks) - (1 if masks and self.spec.network.head == "mlp" else 0)
        layer_masks, head_masks = masks[:layers], masks[layers:]
        layer_masks = (None,) * (len(self.spec.network.units) - len(layer_masks)) + layer_masks
        states, padding = self._zero_states(x) if states is None else states, self._padding(lengths, x.shape[1])
        sequence, last = self.stack.train(training)(x, states, layer_masks, padding)
        return self._head(self._head_input(sequence, last), head_masks, training), sequence, last

    @torch.no_grad()
    def _predict(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        return self._run(self._encode(x), None, (), lengths, training=False)[0]

    @torch.no_grad()
    def _advance(self, x: Tensor, states: tuple, lengths: Tensor | None) -> tuple[Tensor, tuple]:
        outputs, _, last = self._run(self._encode(x), states, (), lengths, training=False)
        return outputs, last

    def _backward(
        self,
        x: Tensor,
        y: Tensor,
        masks: tuple,
        states: tuple | None,
        lengths: Tensor | None,
        with_input: bool = False,
    ) -> tuple:
        encoded = self._encode(x)
        if with_input and not encoded.requires_grad:
            encoded = encoded.requires_grad_()
        outputs, _, last = self._run(encoded, states, masks, lengths, training=True)
        counted = None if self.spec.counts_masked_steps(HOME) else self._padding(lengths, x.shape[1])
        loss = training.loss(self.interface.loss, outputs, y, counted and counted.valid)
        # Only when asked for: without an embedding nn.LSTM need not compute the input's gradient.
        variables = [*(binding.variable for binding in self._trained()), *([encoded] if with_input else [])]
        gradients = torch.autograd.grad(loss, variables)
        gradients, by_input = (gradients[:-1], gradients[-1]) if with_input else (gradients, None)
        return loss, outputs, last, gradients, by_input

    def _step(self, x: Tensor, y: Tensor, masks: tuple, states: tuple | None, lengths: Tensor | None) -> tuple:
        loss, outputs, last, gradients, _ = self._backward(x, y, masks, states, lengths)
        self.optimiser.step(gradients)
        return loss, outputs, last if self.interface.stateful else ()


def _arrays(tensors: Tensor | tuple) -> Any:
    if isinstance(tensors, Tensor):
        return tensors.detach().cpu().numpy()
    return tuple(map(_arrays, tensors))


def _flatten(returned: Tensor | tuple) -> list[Tensor]:
    if isinstance(returned, Tensor):
        return [returned]
    return [tensor for part in returned for tensor in _flatten(part)]


def build(spec: ExperimentSpec, interface: Interface, weights: Weights | None = None, seed: int = 0) -> Network:
    """Build a network on the given canonical weights, or on weights drawn for ``seed``: by PyTorch under ``stock``."""
    if weights is None and spec.conventions.imposed:
        weights = draw(spec, interface, seed)
    return Network(spec, interface, weights, seed)
