"""The network: encoder → recurrent stack → head."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from experiments.canonical import MLP_DROPOUT, Weights, draw, head_sizes, zero_states
from experiments.native_layout import describe
from experiments.protocol import Batch, Forward, Lengths, NativeShapes, NativeWeight, States, Step, name_shapes
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.tf2 import runtime, training
from frameworks.tf2.padding import Padding, make_padding
from frameworks.tf2.stack import Stack
from frameworks.tf2.support import HOME, stock_dropout
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
        self._shapes: NativeShapes | None = None
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
        bindings = []
        if self.embedding:
            bindings.append(plain("embeddings", self.embedding.embeddings, "embedding/table"))
        for native in self.stack.natives():
            bindings += bind_layer(self.spec, *native)
        for index, dense in enumerate(self.head):
            bindings.append(plain("kernel", dense.kernel, f"head/{index}/kernel"))
            bindings.append(plain("bias", dense.bias, f"head/{index}/bias"))
        return bindings

    def _compile(self) -> None:
        """Trace each function once per batch size; eager execution leaves the functions untraced."""
        execution = self.spec.training.execution
        if execution == "eager":
            return
        # Nothing here branches on a tensor, so rewriting Python's control flow would only slow tracing down.
        options = {"autograph": False, "reduce_retracing": True, "jit_compile": execution == "compiled" or None}
        self._step = tf.function(self._step, **options)
        self._predict = tf.function(self._predict, **options)
        # One trace per length too: the loops over time cannot be unrolled for an unknown length.
        self._advance = tf.function(self._advance, **options | {"reduce_retracing": False})

    def train_step(self, batch: Batch) -> Step:
        """Update the weights once."""
        with tf.device(self.device):
            loss, outputs, last = self._step(*self._tensors(batch))
        return Step(float(loss), outputs.numpy(), _arrays(last))

    def predict(self, x: np.ndarray, lengths: Lengths = None) -> np.ndarray:
        """Compute the outputs with dropout off: ``(B, T[, F]) -> (B[, T], outputs)``."""
        with tf.device(self.device):
            return self._predict(tf.convert_to_tensor(x), self._lengths(lengths)).numpy()

    def forward(self, x: np.ndarray, states: States | None = None, lengths: Lengths = None) -> Forward:
        """Compute the outputs, the top layer's sequence and the last states, with dropout off."""
        with tf.device(self.device):
            initial = None if states is None else tf.nest.map_structure(tf.convert_to_tensor, states)
            encoded, lengths = self._encode(tf.convert_to_tensor(x)), self._lengths(lengths)
            return Forward(*_arrays(self._run(encoded, initial, (), lengths, training=False)))

    def advance(
        self, x: np.ndarray, states: States | None = None, lengths: Lengths = None
    ) -> tuple[np.ndarray, States]:
        """Compute the outputs and the last states, with dropout off; the next call may continue from the states."""
        with tf.device(self.device):
            initial = self._initial_states(states, len(x))
            return _arrays(self._advance(tf.convert_to_tensor(x), initial, self._lengths(lengths)))

    def gradients(self, batch: Batch) -> Weights:
        """Compute the loss's gradient with respect to every canonical weight and to the stack's ``input``."""
        with tf.device(self.device):
            _, _, _, gradients, by_input = self._backward(*self._tensors(batch))
        pairs = zip(self._trained(), gradients, strict=True)
        by_name = {k: v for binding, g in pairs for k, v in binding.gradient(tf.convert_to_tensor(g).numpy()).items()}
        return by_name | {"input": by_input.numpy()}

    def weights(self) -> Weights:
        """Return the current canonical weights."""
        return {name: value for binding in self.bindings for name, value in binding.read().items()}

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.optimiser.set_learning_rate(rate)

    def checkpoint(self) -> Weights:
        """Return all that training continues from, in native layout: variables, optimiser, batches, dropout's seeds."""
        variables = {name: variable.numpy() for name, variable in self._checkpoint_variables().items()}
        return variables | self.optimiser.checkpoint() | self.batches.checkpoint()

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        for name, variable in self._checkpoint_variables().items():
            variable.assign(kept[name])
        self.optimiser.restore(kept)
        self.batches.restore(kept)

    def _checkpoint_variables(self) -> dict[str, keras.Variable]:
        """Return every native variable and the dropout layers' seeds, which Keras keeps in variables."""
        forms = [form for directions in self.stack.layers for form in directions]
        layers = [getattr(form, "layer", None) or getattr(form, "cell", None) for form in forms]
        variables = {f"native/{place}": binding.variable for place, binding in enumerate(self.bindings)}
        for place, layer in enumerate([*layers, self.stack.dropout, self.head_dropout]):
            seeds = [v for v in getattr(layer, "variables", ()) if v.name == "seed_generator_state"]
            variables |= {f"seed/{place}/{index}": seed for index, seed in enumerate(seeds)}
        return variables

    def state_jacobians(self, x: np.ndarray) -> np.ndarray:
        """Compute ∂s_T/∂s_t for t = 1 … T by autodiff: ``(T, B, S, S)``, s the states side by side.

        One layer, one direction. Each sample runs once per component of s_T, so that one backward pass gives all rows.
        """
        with tf.device(self.device), tf.GradientTape() as tape:
            (states,) = self._zero_states(self._encode(tf.convert_to_tensor(x)))
            sizes = [state.shape[-1] for state in states]
            repeated, trajectory = self._encode(tf.repeat(x, sum(sizes), axis=0)), []
            state = tf.concat([tf.repeat(part, sum(sizes), axis=0) for part in states], axis=-1)
            for step in range(repeated.shape[1]):
                split = (tuple(tf.split(state, sizes, axis=-1)),)
                _, (states,) = self.stack(repeated[:, step : step + 1], split, (None,), training=False)
                state = tf.concat(states, axis=-1)
                tape.watch(state)
                trajectory.append(state)
            rows = tf.reduce_sum(state * tf.tile(tf.eye(sum(sizes), dtype=state.dtype), (len(x), 1)))
        jacobians = tf.stack(tape.gradient(rows, trajectory)).numpy()
        return jacobians.reshape(len(trajectory), len(x), sum(sizes), sum(sizes))

    def native_shapes(self) -> NativeShapes:
        """Describe what the framework's objects take, return and hold, for a batch of 2 of zeros."""
        # Another seed's network has the same shapes. But with dropout a layer draws a mask in every call, evaluation or
        # not, so that a call left out would change those of the training.
        if self._shapes is None or stock_dropout(self.spec):
            self._shapes = self._describe_native()
        return self._shapes

    def _describe_native(self) -> NativeShapes:
        width = () if self.interface.input == "tokens" else (self.interface.features,)
        x = tf.zeros((2, self.interface.time, *width), tf.int32 if not width else self.spec.training.dtype)
        calls = [("input", tuple(x.shape))]
        x = self._encode(x)
        cell, states = self.spec.network.cell, self._zero_states(x)
        for layer, layer_input, returned in self.stack.native_calls(x, states):
            calls.append((f"{layer} input", tuple(layer_input.shape)))
            calls += name_shapes(layer, cell, [tuple(tensor.shape) for tensor in tf.nest.flatten(returned)])
        last = self._last_output(states)
        sequence = tf.repeat(last[:, None], x.shape[1], axis=1)
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

    def _lengths(self, lengths: Lengths) -> tf.Tensor | None:
        return None if lengths is None else tf.convert_to_tensor(lengths, tf.int32)

    def _padding(self, lengths: tf.Tensor | None, time: int) -> Padding | None:
        """Return which steps are padding, None where every step is valid."""
        if lengths is None:
            return None
        side = self.spec.task_for(HOME).padding_side
        return make_padding(lengths, time, side, self.spec.zero_masked_output(HOME))

    def _tensors(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tuple, tuple | None, tf.Tensor | None]:
        masks = tuple(tf.convert_to_tensor(mask) for mask in batch.masks or () if mask is not None)
        carries_states = batch.states is not None or self.interface.stateful
        states = self._initial_states(batch.states, len(batch.x)) if carries_states else None
        x, y = tf.convert_to_tensor(batch.x), tf.convert_to_tensor(batch.y)
        return x, y, masks, states, self._lengths(batch.lengths)

    def _initial_states(self, states: States | None, batch: int) -> tuple:
        """Convert the states, or zeros for None: every call has the same signature and so the same trace."""
        dtype = self.spec.training.dtype
        initial = states or zero_states(self.spec.network, lambda size: np.zeros((batch, size), dtype))
        return tf.nest.map_structure(tf.convert_to_tensor, initial)

    def _zero_states(self, x: tf.Tensor) -> tuple:
        dtype = self.spec.training.dtype
        return zero_states(self.spec.network, lambda size: tf.zeros((tf.shape(x)[0], size), dtype))

    def _last_output(self, states: tuple) -> tf.Tensor:
        """Return the top layer's last output: each direction's after its own last step, joined."""
        return tf.concat([state[0] for state in states[-len(self.spec.network.directions) :]], axis=-1)

    def _head_input(self, sequence: tf.Tensor, last: tuple) -> tf.Tensor:
        """Select the head's input: the top layer's every step ``(B, T, H)`` or last output ``(B, H)``."""
        return sequence if self.interface.every_step else self._last_output(last)

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

    def _run(
        self, x: tf.Tensor, states: tuple | None, masks: tuple, lengths: tf.Tensor | None, training: bool
    ) -> tuple:
        """Run the stack and the head; ``masks`` are those of the last layers, which drop, then the head's."""
        layers = len(masks) - (1 if masks and self.spec.network.head == "mlp" else 0)
        layer_masks, head_masks = masks[:layers], masks[layers:]
        layer_masks = (None,) * (len(self.spec.network.units) - len(layer_masks)) + layer_masks
        states, padding = self._zero_states(x) if states is None else states, self._padding(lengths, x.shape[1])
        sequence, last = self.stack(x, states, layer_masks, training, padding)
        return self._head(self._head_input(sequence, last), head_masks, training), sequence, last

    def _predict(self, x: tf.Tensor, lengths: tf.Tensor | None) -> tf.Tensor:
        return self._run(self._encode(x), None, (), lengths, training=False)[0]

    def _advance(self, x: tf.Tensor, states: tuple, lengths: tf.Tensor | None) -> tuple[tf.Tensor, tuple]:
        outputs, _, last = self._run(self._encode(x), states, (), lengths, training=False)
        return outputs, last

    def _backward(
        self, x: tf.Tensor, y: tf.Tensor, masks: tuple, states: tuple | None, lengths: tf.Tensor | None
    ) -> tuple:
        with tf.GradientTape() as tape:
            encoded = self._encode(x)
            tape.watch(encoded)
            outputs, _, last = self._run(encoded, states, masks, lengths, training=True)
            counted = None if self.spec.counts_masked_steps(HOME) else self._padding(lengths, x.shape[1])
            loss = training.loss(self.interface.loss, outputs, y, counted and counted.valid)
        *gradients, by_input = tape.gradient(loss, [*(binding.variable.value for binding in self._trained()), encoded])
        return loss, outputs, last, gradients, by_input

    def _step(self, x: tf.Tensor, y: tf.Tensor, masks: tuple, states: tuple | None, lengths: tf.Tensor | None) -> tuple:
        loss, outputs, last, gradients, _ = self._backward(x, y, masks, states, lengths)
        self.optimiser.step(gradients)
        return loss, outputs, last if self.interface.stateful else ()


def _arrays(tensors: tf.Tensor | tuple) -> Any:
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), tensors)


def build(spec: ExperimentSpec, interface: Interface, weights: Weights | None = None, seed: int = 0) -> Network:
    """Build a network on the given canonical weights, or on weights drawn for ``seed``: by Keras under ``stock``."""
    if weights is None and spec.conventions.imposed:
        weights = draw(spec, interface, seed)
    return Network(spec, interface, weights, seed)
