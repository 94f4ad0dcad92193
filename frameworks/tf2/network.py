"""embedding → recurrent stack → head."""

import itertools
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from experiments.canonical import MLP_DROPOUT, Weights, draw, head_sizes, zero_states
from experiments.layout import describe
from experiments.protocol import Batch, Forward, NativeShapes, NativeWeight, States, Step, name_shapes
from experiments.spec import ExperimentSpec, Interface
from frameworks.tf2 import runtime, training
from frameworks.tf2.forms import Stack
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
        if network.encoder:
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

    def train_step(self, batch: Batch) -> Step:
        """One update of the weights."""
        with tf.device(self.device):
            loss, outputs = self._step(*self._tensors(batch))
        return Step(float(loss), outputs.numpy())

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``(B, T[, F]) -> (B, outputs)``, dropout off."""
        with tf.device(self.device):
            return self._predict(tf.convert_to_tensor(x)).numpy()

    def forward(self, x: np.ndarray, states: States | None = None) -> Forward:
        """Outputs, the top layer's sequence and the last states, dropout off."""
        with tf.device(self.device):
            given = None if states is None else tf.nest.map_structure(tf.convert_to_tensor, states)
            found = self._run(self._encode(tf.convert_to_tensor(x)), given, (), training=False)
            return Forward(*tf.nest.map_structure(lambda tensor: tensor.numpy(), found))

    def gradients(self, batch: Batch) -> Weights:
        """The loss's gradient by every canonical weight, and by the recurrent stack's ``input``."""
        with tf.device(self.device):
            _, _, gradients, by_input = self._backward(*self._tensors(batch))
        pairs = zip(self._trained(), gradients, strict=True)
        found = {k: v for binding, g in pairs for k, v in binding.gradient(tf.convert_to_tensor(g).numpy()).items()}
        return found | {"input": by_input.numpy()}

    def weights(self) -> Weights:
        """The canonical weights as they stand."""
        return {name: value for binding in self.bindings for name, value in binding.read().items()}

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
        _, last = self.stack(x, states, (None,) * len(self.spec.network.units), training=False)
        calls.append(("output", tuple(self._head(self._last(last), (), training=False).shape)))
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

    def _tensors(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
        masks = tuple(tf.convert_to_tensor(mask) for mask in batch.masks or () if mask is not None)
        return tf.convert_to_tensor(batch.x), tf.convert_to_tensor(batch.y), masks

    def _zeros(self, x: tf.Tensor) -> tuple:
        dtype = self.spec.training.dtype
        return zero_states(self.spec.network, lambda size: tf.zeros((tf.shape(x)[0], size), dtype))

    def _last(self, states: tuple) -> tf.Tensor:
        """The top layer's last output: each direction's at the end of its own sweep."""
        return tf.concat([state[0] for state in states[-len(self.spec.network.directions) :]], axis=-1)

    def _encode(self, x: tf.Tensor) -> tf.Tensor:
        match self.spec.network.encoder:
            case None:
                return x
            case "one_hot":
                table = self.embedding.embeddings
                return tf.tensordot(tf.one_hot(x, self.interface.features, dtype=table.dtype), table, axes=1)
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
        return self._head(self._last(last), of_head, training), sequence, last

    def _predict(self, x: tf.Tensor) -> tf.Tensor:
        return self._run(self._encode(x), None, (), training=False)[0]

    def _backward(self, x: tf.Tensor, y: tf.Tensor, masks: tuple) -> tuple:
        with tf.GradientTape() as tape:
            given = self._encode(x)
            tape.watch(given)
            outputs = self._run(given, None, masks, training=True)[0]
            loss = training.loss(self.interface.loss, outputs, y)
        *gradients, by_input = tape.gradient(loss, [*(binding.variable.value for binding in self._trained()), given])
        return loss, outputs, gradients, by_input

    def _step(self, x: tf.Tensor, y: tf.Tensor, masks: tuple) -> tuple[tf.Tensor, tf.Tensor]:
        loss, outputs, gradients, _ = self._backward(x, y, masks)
        self.optimiser.step(gradients)
        return loss, outputs


def build(spec: ExperimentSpec, interface: Interface, weights: Weights | None = None, seed: int = 0) -> Network:
    """A network on the given canonical weights; without them on ``seed``'s draws, Keras's own under ``stock``."""
    if weights is None and spec.conventions.imposed:
        weights = draw(spec, interface, seed)
    return Network(spec, interface, weights, seed)
