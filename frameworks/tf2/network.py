"""embedding → recurrent stack → head."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from experiments.canonical import MLP_DROPOUT, Weights, draw, head_sizes, zero_states
from experiments.native_layout import describe
from experiments.protocol import Batch, Forward, NativeShapes, NativeWeight, States, Step, name_shapes
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.tf2 import runtime, training
from frameworks.tf2.stack import Stack
from frameworks.tf2.weights import Binding, bind_layer, plain


class Network:
    """A model in TensorFlow; see ``experiments.protocol.Model``."""

    def __init__(self, spec: ExperimentSpec, interface: Interface, weights: Weights | None, seed: int):
        runtime.seed_all(seed)
        self.spec, self.interface = spec, interface
        self.device = runtime.device(spec.training.device)
        with tf.device(self.device):
            self._make_layers()
            self.bindings = self._bind()
            if weights is not None:
                for binding in self.bindings:
                    binding.load(weights)
            self.optimiser = training.make_optimiser(spec, [b for b in self.bindings if b.trained])
        self.batches = training.StockBatches(spec, seed)
        self._compile()

    def _make_layers(self) -> None:
        network, interface, dtype = self.spec.network, self.interface, self.spec.training.dtype
        self.embedding = None
        if network.embedding_size:
            self.embedding = keras.layers.Embedding(interface.features, network.embedding_size, dtype=dtype)
            self.embedding.build()
        self.stack = Stack(self.spec, interface)
        self.head = []
        for inputs, outputs in itertools.pairwise(head_sizes(network, interface)):
            self.head.append(keras.layers.Dense(outputs, dtype=dtype))
            self.head[-1].build((None, inputs))
        self.head_dropout = keras.layers.Dropout(MLP_DROPOUT, dtype=dtype)

    def _bind(self) -> list[Binding]:
        found = []
        if self.embedding:
            found.append(plain("embeddings", self.embedding.embeddings, "embedding/table"))
        for native in self.stack.natives():
            found += bind_layer(self.spec, *native)
        for index, dense in enumerate(self.head):
            found.append(plain("kernel", dense.kernel, f"head/{index}/kernel"))
            found.append(plain("bias", dense.bias, f"head/{index}/bias"))
        return found

    def _compile(self) -> None:
        """Trace each step once for every batch size; eager execution leaves the functions as they are."""
        execution = self.spec.training.execution
        if execution == "eager":
            return
        # Nothing here branches on a tensor: to rewrite Python's control flow would only lengthen the trace.
        options = {"autograph": False, "reduce_retracing": True, "jit_compile": execution == "compiled" or None}
        self._step = tf.function(self._step, **options)
        self._predict = tf.function(self._predict, **options)
        # One trace for each length too: where it were left open, the loops over time could not be laid out.
        self._advance = tf.function(self._advance, **options | {"reduce_retracing": False})

    def train_step(self, batch: Batch) -> Step:
        """One update of the weights."""
        with tf.device(self.device):
            loss, outputs, last = self._step(*self._tensors(batch))
        return Step(float(loss), outputs.numpy(), _arrays(last))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``(B, T[, F]) -> (B[, T], outputs)``, dropout off."""
        with tf.device(self.device):
            return self._predict(tf.convert_to_tensor(x)).numpy()

    def forward(self, x: np.ndarray, states: States | None = None) -> Forward:
        """Outputs, the top layer's sequence and the last states, dropout off."""
        with tf.device(self.device):
            given = None if states is None else tf.nest.map_structure(tf.convert_to_tensor, states)
            return Forward(*_arrays(self._run(self._encode(tf.convert_to_tensor(x)), given, (), training=False)))

    def advance(self, x: np.ndarray, states: States | None = None) -> tuple[np.ndarray, States]:
        """Outputs and the last states, dropout off; compiled, for many calls that go on where the last one stopped."""
        with tf.device(self.device):
            return _arrays(self._advance(tf.convert_to_tensor(x), self._given(states, len(x))))

    def gradients(self, batch: Batch) -> Weights:
        """The loss's gradient by every canonical weight, and by the recurrent stack's ``input``."""
        with tf.device(self.device):
            _, _, _, gradients, by_input = self._backward(*self._tensors(batch))
        pairs = zip(self._trained(), gradients, strict=True)
        found = {k: v for binding, g in pairs for k, v in binding.gradient(tf.convert_to_tensor(g).numpy()).items()}
        return found | {"input": by_input.numpy()}

    def weights(self) -> Weights:
        """The canonical weights as they stand."""
        return {name: value for binding in self.bindings for name, value in binding.read().items()}

    def set_learning_rate(self, rate: float) -> None:
        """Of the steps to come."""
        self.optimiser.set_learning_rate(rate)

    def checkpoint(self) -> Weights:
        """All that training goes on from, as held: variables, the optimiser's, the batches' and dropout's draws."""
        held = {name: variable.numpy() for name, variable in self._held().items()}
        return held | self.optimiser.checkpoint() | self.batches.checkpoint()

    def restore(self, kept: Weights) -> None:
        """Go on from a checkpoint."""
        for name, variable in self._held().items():
            variable.assign(kept[name])
        self.optimiser.restore(kept)
        self.batches.restore(kept)

    def _held(self) -> dict[str, keras.Variable]:
        """Every native variable, and the seeds of the layers that drop: Keras draws from variables of theirs."""
        parts = [form for directions in self.stack.layers for form in directions]
        layers = [getattr(form, "layer", None) or getattr(form, "cell", None) for form in parts]
        found = {f"native/{place}": binding.variable for place, binding in enumerate(self.bindings)}
        for place, layer in enumerate([*layers, self.stack.dropout, self.head_dropout]):
            seeds = [each for each in getattr(layer, "variables", ()) if each.name == "seed_generator_state"]
            found |= {f"seed/{place}/{index}": seed for index, seed in enumerate(seeds)}
        return found

    def state_jacobians(self, x: np.ndarray) -> np.ndarray:
        """∂s_T/∂s_t for t = 1 … T, by autodiff: ``(T, B, S, S)``, s the states side by side. One layer, one direction.

        Each sample is run once for each component of s_T, so that one backward pass gives all rows.
        """
        with tf.device(self.device), tf.GradientTape() as tape:
            (states,) = self._zeros(self._encode(tf.convert_to_tensor(x)))
            sizes = [state.shape[-1] for state in states]
            given, kept = self._encode(tf.repeat(x, sum(sizes), axis=0)), []
            state = tf.concat([tf.repeat(part, sum(sizes), axis=0) for part in states], axis=-1)
            for step in range(given.shape[1]):
                here = (tuple(tf.split(state, sizes, axis=-1)),)
                _, (states,) = self.stack(given[:, step : step + 1], here, (None,), training=False)
                state = tf.concat(states, axis=-1)
                tape.watch(state)
                kept.append(state)
            rows = tf.reduce_sum(state * tf.tile(tf.eye(sum(sizes), dtype=state.dtype), (len(x), 1)))
        return tf.stack(tape.gradient(rows, kept)).numpy().reshape(len(kept), len(x), sum(sizes), sum(sizes))

    def native_shapes(self) -> NativeShapes:
        """What the live objects take, return and hold, for a batch of 2."""
        width = () if self.interface.input == "tokens" else (self.interface.features,)
        x = tf.zeros((2, self.interface.time, *width), tf.int32 if not width else self.spec.training.dtype)
        calls = [("input", tuple(x.shape))]
        x = self._encode(x)
        cell, states = self.spec.network.cell, self._zeros(x)
        for where, given, returned in self.stack.native_calls(x, states):
            calls.append((f"{where} input", tuple(given.shape)))
            calls += name_shapes(where, cell, [tuple(tensor.shape) for tensor in tf.nest.flatten(returned)])
        sequence, last = self.stack(x, states, (None,) * len(self.spec.network.units), training=False)
        calls.append(("output", tuple(self._head(self._read(sequence, last), (), training=False).shape)))
        return NativeShapes(tuple(calls), *self._native_weights())

    def synchronise(self) -> None:
        """Wait for the device."""
        if self.device == "gpu":
            tf.test.experimental.sync_devices()

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

    def _tensors(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...], tuple | None]:
        masks = tuple(tf.convert_to_tensor(mask) for mask in batch.masks or () if mask is not None)
        carried = batch.states is not None or self.interface.stateful
        states = self._given(batch.states, len(batch.x)) if carried else None
        return tf.convert_to_tensor(batch.x), tf.convert_to_tensor(batch.y), masks, states

    def _given(self, states: States | None, batch: int) -> tuple:
        """States that are handed in, zeros for none: a call has the same signature, and so the same trace."""
        dtype = self.spec.training.dtype
        zeros = states or zero_states(self.spec.network, lambda size: np.zeros((batch, size), dtype))
        return tf.nest.map_structure(tf.convert_to_tensor, zeros)

    def _zeros(self, x: tf.Tensor) -> tuple:
        dtype = self.spec.training.dtype
        return zero_states(self.spec.network, lambda size: tf.zeros((tf.shape(x)[0], size), dtype))

    def _last(self, states: tuple) -> tf.Tensor:
        """The top layer's last output: each direction's at the end of its own sweep."""
        return tf.concat([state[0] for state in states[-len(self.spec.network.directions) :]], axis=-1)

    def _read(self, sequence: tf.Tensor, last: tuple) -> tf.Tensor:
        """What the head is given: every step of the top layer ``(B, T, H)``, or its last output ``(B, H)``."""
        return sequence if self.interface.every_step else self._last(last)

    def _encode(self, x: tf.Tensor) -> tf.Tensor:
        match self.spec.network.encoder:
            case None:
                return x
            case "one_hot":
                vectors = tf.one_hot(x, self.interface.features, dtype=self.spec.training.dtype)
                return tf.tensordot(vectors, self.embedding.embeddings, axes=1) if self.embedding else vectors
            case "bag":
                return tf.reduce_mean(self.embedding(x), axis=1, keepdims=True)
        return self.embedding(x)

    def _head(self, last: tf.Tensor, masks: tuple, training: bool) -> tf.Tensor:
        x = self.head[0](last)
        if self.spec.network.head == "linear":
            return x
        imposed = self.spec.conventions.imposed
        dropped = x * masks[0] if masks else x if imposed else self.head_dropout(x, training=training)
        return self.head[1](tf.nn.relu(dropped))

    def _run(self, x: tf.Tensor, states: tuple | None, masks: tuple, training: bool) -> tuple:
        """``masks``: those of the layers that drop, which are the last ones, then the head's."""
        of_head = 1 if masks and self.spec.network.head == "mlp" else 0
        of_layers, of_head = masks[: len(masks) - of_head], masks[len(masks) - of_head :]
        of_layers = (None,) * (len(self.spec.network.units) - len(of_layers)) + of_layers
        sequence, last = self.stack(x, self._zeros(x) if states is None else states, of_layers, training)
        return self._head(self._read(sequence, last), of_head, training), sequence, last

    def _predict(self, x: tf.Tensor) -> tf.Tensor:
        return self._run(self._encode(x), None, (), training=False)[0]

    def _advance(self, x: tf.Tensor, states: tuple) -> tuple[tf.Tensor, tuple]:
        outputs, _, last = self._run(self._encode(x), states, (), training=False)
        return outputs, last

    def _backward(self, x: tf.Tensor, y: tf.Tensor, masks: tuple, states: tuple | None) -> tuple:
        with tf.GradientTape() as tape:
            given = self._encode(x)
            tape.watch(given)
            outputs, _, last = self._run(given, states, masks, training=True)
            loss = training.loss(self.interface.loss, outputs, y)
        *gradients, by_input = tape.gradient(loss, [*(binding.variable.value for binding in self._trained()), given])
        return loss, outputs, last, gradients, by_input

    def _step(self, x: tf.Tensor, y: tf.Tensor, masks: tuple, states: tuple | None) -> tuple:
        loss, outputs, last, gradients, _ = self._backward(x, y, masks, states)
        self.optimiser.step(gradients)
        return loss, outputs, last if self.interface.stateful else ()


def _arrays(tensors: tf.Tensor | tuple) -> Any:
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), tensors)


def build(spec: ExperimentSpec, interface: Interface, weights: Weights | None = None, seed: int = 0) -> Network:
    """A network on the given canonical weights; without them on ``seed``'s draws, Keras's own under ``stock``."""
    if weights is None and spec.conventions.imposed:
        weights = draw(spec, interface, seed)
    return Network(spec, interface, weights, seed)
