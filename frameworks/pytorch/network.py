"""embedding → recurrent stack → head."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.canonical import MLP_DROPOUT, Weights, draw, head_sizes, zero_states
from experiments.native_layout import describe
from experiments.protocol import Batch, Forward, NativeShapes, NativeWeight, States, Step, name_shapes
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.pytorch import runtime, training
from frameworks.pytorch.stack import Stack
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
            # A sparse gradient keeps each occurrence of a word apart, as Keras's is.
            sparse = training.squares_each_occurrence(self.spec)
            self.embedding = nn.Embedding(interface.features, network.embedding_size, sparse=sparse).to(**place)
        self.stack = Stack(self.spec, interface).to(**place)
        self.head = [
            nn.Linear(inputs, outputs).to(**place)
            for inputs, outputs in itertools.pairwise(head_sizes(network, interface))
        ]
        self.head_dropout = nn.Dropout(MLP_DROPOUT)

    def _bind(self) -> list[Binding]:
        found = []
        if self.embedding:
            found.append(plain("weight", self.embedding.weight, "embedding/table"))
        for native in self.stack.natives():
            found += bind_layer(self.spec, *native)
        for index, linear in enumerate(self.head):
            found.append(transposed("weight", linear.weight, f"head/{index}/kernel"))
            found.append(plain("bias", linear.bias, f"head/{index}/bias"))
        return found

    def _compile(self) -> None:
        """PyTorch runs eagerly unless told; compiled by TorchInductor, which needs a C++ compiler."""
        if self.spec.training.execution == "compiled":
            self._run = torch.compile(self._run)

    def train_step(self, batch: Batch) -> Step:
        """One update of the weights."""
        loss, outputs, last = self._step(*self._tensors(batch))
        return Step(loss.item(), outputs.detach().cpu().numpy(), _arrays(last))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``(B, T[, F]) -> (B[, T], outputs)``, dropout off."""
        return self._predict(self._tensor(x)).cpu().numpy()

    def forward(self, x: np.ndarray, states: States | None = None) -> Forward:
        """Outputs, the top layer's sequence and the last states, dropout off."""
        given = None if states is None else self._given(states, len(x))
        with torch.no_grad():
            return Forward(*_arrays(self._run(self._encode(self._tensor(x)), given, (), training=False)))

    def advance(self, x: np.ndarray, states: States | None = None) -> tuple[np.ndarray, States]:
        """Outputs and the last states, dropout off; for many calls that go on where the last one stopped."""
        return _arrays(self._advance(self._tensor(x), self._given(states, len(x))))

    def gradients(self, batch: Batch) -> Weights:
        """The loss's gradient by every canonical weight, and by the recurrent stack's ``input``."""
        _, _, _, gradients, by_input = self._backward(*self._tensors(batch), with_input=True)
        pairs = zip(self._trained(), gradients, strict=True)
        found = {k: v for binding, g in pairs for k, v in binding.gradient(g.to_dense().cpu().numpy()).items()}
        return found | {"input": by_input.cpu().numpy()}

    def weights(self) -> Weights:
        """The canonical weights as they stand."""
        return {name: value for binding in self.bindings for name, value in binding.read().items()}

    def set_learning_rate(self, rate: float) -> None:
        """Of the steps to come."""
        self.optimiser.set_learning_rate(rate)

    def checkpoint(self) -> Weights:
        """All that training goes on from, as held: variables, the optimiser's, the batches' and dropout's draws."""
        held = {name: variable.detach().cpu().numpy().copy() for name, variable in self._held().items()}
        held["random/cpu"] = torch.get_rng_state().numpy()  # what nn's dropout draws from
        if self.device == "cuda":
            held["random/cuda"] = torch.cuda.get_rng_state().numpy()
        return held | self.optimiser.checkpoint() | self.batches.checkpoint()

    @torch.no_grad()
    def restore(self, kept: Weights) -> None:
        """Go on from a checkpoint."""
        for name, variable in self._held().items():
            variable.copy_(torch.from_numpy(kept[name]))
        torch.set_rng_state(torch.from_numpy(kept["random/cpu"]))
        if self.device == "cuda":
            torch.cuda.set_rng_state(torch.from_numpy(kept["random/cuda"]))
        self.optimiser.restore(kept)
        self.batches.restore(kept)

    def _held(self) -> dict[str, nn.Parameter]:
        return {f"native/{place}": binding.variable for place, binding in enumerate(self.bindings)}

    def state_jacobians(self, x: np.ndarray) -> np.ndarray:
        """∂s_T/∂s_t for t = 1 … T, by autodiff: ``(T, B, S, S)``, s the states side by side. One layer, one direction.

        Each sample is run once for each component of s_T, so that one backward pass gives all rows.
        """
        self.stack.eval()
        (states,) = self._zeros(self._encode(self._tensor(x)))
        sizes = [state.shape[-1] for state in states]
        given, kept = self._encode(self._tensor(x).repeat_interleave(sum(sizes), dim=0)), []
        state = torch.cat([part.repeat_interleave(sum(sizes), dim=0) for part in states], dim=-1)
        for step in range(given.shape[1]):
            here = (tuple(torch.split(state, sizes, dim=-1)),)
            _, (states,) = self.stack(given[:, step : step + 1], here, (None,))
            state = torch.cat(states, dim=-1)
            kept.append(state)
        rows = (state * torch.eye(sum(sizes), dtype=state.dtype, device=state.device).repeat(len(x), 1)).sum()
        found = torch.stack(torch.autograd.grad(rows, kept))
        return found.cpu().numpy().reshape(len(kept), len(x), sum(sizes), sum(sizes))

    @torch.no_grad()
    def native_shapes(self) -> NativeShapes:
        """What the live objects take, return and hold, for a batch of 2."""
        width = () if self.interface.input == "tokens" else (self.interface.features,)
        x = torch.zeros((2, self.interface.time, *width), dtype=self.dtype if width else torch.int32).to(self.device)
        self.stack.eval()
        calls = [("input", tuple(x.shape))]
        x = self._encode(x)
        cell, states = self.spec.network.cell, self._zeros(x)
        for where, given, returned in self.stack.native_calls(x, states):
            calls.append((f"{where} input", tuple(given.shape)))
            calls += name_shapes(where, cell, [tuple(tensor.shape) for tensor in _flatten(returned)])
        sequence, last = self.stack(x, states, (None,) * len(self.spec.network.units))
        calls.append(("output", tuple(self._head(self._read(sequence, last), (), training=False).shape)))
        return NativeShapes(tuple(calls), *self._native_weights())

    def synchronise(self) -> None:
        """Wait for the device."""
        if self.device == "cuda":
            torch.cuda.synchronize()

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

    def _tensors(self, batch: Batch) -> tuple[Tensor, Tensor, tuple[Tensor, ...], tuple | None]:
        masks = tuple(self._tensor(mask) for mask in batch.masks or () if mask is not None)
        carried = batch.states is not None or self.interface.stateful
        states = self._given(batch.states, len(batch.x)) if carried else None
        return self._tensor(batch.x), self._tensor(batch.y), masks, states

    def _given(self, states: States | None, batch: int) -> tuple:
        """States that are handed in, zeros for none."""
        place = {"device": self.device, "dtype": self.dtype}
        if states is None:
            return zero_states(self.spec.network, lambda size: torch.zeros((batch, size), **place))
        return tuple(tuple(map(self._tensor, layer)) for layer in states)

    def _zeros(self, x: Tensor) -> tuple:
        return zero_states(self.spec.network, lambda size: x.new_zeros(len(x), size))

    def _last(self, states: tuple) -> Tensor:
        """The top layer's last output: each direction's at the end of its own sweep."""
        return torch.cat([state[0] for state in states[-len(self.spec.network.directions) :]], dim=-1)

    def _read(self, sequence: Tensor, last: tuple) -> Tensor:
        """What the head is given: every step of the top layer ``(B, T, H)``, or its last output ``(B, H)``."""
        return sequence if self.interface.every_step else self._last(last)

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

    def _run(self, x: Tensor, states: tuple | None, masks: tuple, training: bool) -> tuple:
        """``masks``: those of the layers that drop, which are the last ones, then the head's."""
        of_head = 1 if masks and self.spec.network.head == "mlp" else 0
        of_layers, of_head = masks[: len(masks) - of_head], masks[len(masks) - of_head :]
        of_layers = (None,) * (len(self.spec.network.units) - len(of_layers)) + of_layers
        sequence, last = self.stack.train(training)(x, self._zeros(x) if states is None else states, of_layers)
        return self._head(self._read(sequence, last), of_head, training), sequence, last

    @torch.no_grad()
    def _predict(self, x: Tensor) -> Tensor:
        return self._run(self._encode(x), None, (), training=False)[0]

    @torch.no_grad()
    def _advance(self, x: Tensor, states: tuple) -> tuple[Tensor, tuple]:
        outputs, _, last = self._run(self._encode(x), states, (), training=False)
        return outputs, last

    def _backward(self, x: Tensor, y: Tensor, masks: tuple, states: tuple | None, with_input: bool = False) -> tuple:
        given = self._encode(x)
        if with_input and not given.requires_grad:
            given = given.requires_grad_()
        outputs, _, last = self._run(given, states, masks, training=True)
        loss = training.loss(self.interface.loss, outputs, y)
        # Asked for always, the input's gradient would keep nn.LSTM from leaving it out where nothing is embedded.
        wanted = [*(binding.variable for binding in self._trained()), *([given] if with_input else [])]
        gradients = torch.autograd.grad(loss, wanted)
        gradients, by_input = (gradients[:-1], gradients[-1]) if with_input else (gradients, None)
        return loss, outputs, last, gradients, by_input

    def _step(self, x: Tensor, y: Tensor, masks: tuple, states: tuple | None) -> tuple:
        loss, outputs, last, gradients, _ = self._backward(x, y, masks, states)
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
    """A network on the given canonical weights; without them on ``seed``'s draws, PyTorch's own under ``stock``."""
    if weights is None and spec.conventions.imposed:
        weights = draw(spec, interface, seed)
    return Network(spec, interface, weights, seed)
