"""The ways to run a cell over a sequence, and the stack of layers.

Every form is called with ``x (B, T, I)``, states ``(B, H)`` and whether it trains, and returns the sequence
``(B, T, H)`` and the last states. ``native`` holds its variables by the framework's names; ``native_call`` is the
framework's own call, whose returned shapes the reports show; ``drops`` says whether the framework's dropout is inside.
"""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from experiments.canonical import layer_inputs
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.tf2.cells import STEPS, Cell, States, at_hand, project
from frameworks.tf2.support import OPTIONS, stock
from frameworks.tf2.weights import own_variables


def stock_dropout(spec: ExperimentSpec) -> float:
    """The rate the framework itself applies: none where the masks are handed in."""
    return 0.0 if spec.conventions.imposed else spec.network.dropout


class CellLoop:
    """The stock cell, its states kept by hand (our own cell where Keras has none)."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        name = stock(spec.network, "cell_loop")
        self.stock = self.drops = name is not None
        if self.stock:
            self.cell = getattr(keras.layers, f"{name}Cell")(
                spec.network.units[index],
                dropout=stock_dropout(spec),
                dtype=spec.training.dtype,
                **OPTIONS.get(spec.network.cell, {}),
            )
            self.cell.build((None, inputs))
            self.native = {variable.name: variable for variable in self.cell.weights}
        else:
            self.cell = Cell(spec, index, inputs)
            self.native = self.cell.w

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """One cell call a step."""
        if self.stock:
            # Keras caches the dropout mask in the cell: without this, every batch would reuse the first one's.
            self.cell.reset_dropout_mask()
        outputs = []
        for x_t in tf.unstack(x, axis=1):
            output, states = self.cell(x_t, states, training=training)
            outputs.append(output)
        return tf.stack(outputs, axis=1), tuple(states)

    def native_call(self, x: tf.Tensor, states: States):
        """``cell(x_t, states) -> output, states``."""
        return self.cell(x[:, 0], states)


class Layer:
    """The stock layer."""

    stock = drops = True
    unroll = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        self.layer = getattr(keras.layers, stock(spec.network, "layer"))(
            spec.network.units[index],
            dropout=stock_dropout(spec),
            return_sequences=True,
            return_state=True,
            unroll=self.unroll,
            dtype=spec.training.dtype,
            **OPTIONS.get(spec.network.cell, {}),
        )
        self.layer.build((None, None, inputs))
        self.native = {variable.name: variable for variable in self.layer.cell.weights}

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """One call for the whole sequence."""
        sequence, *states = self.layer(x, initial_state=list(states), training=training)
        return sequence, tuple(states)

    def native_call(self, x: tf.Tensor, states: States):
        """``layer(x, initial_state) -> sequence, *states``."""
        return self.layer(x, initial_state=list(states))


class Unrolled(Layer):
    """The stock layer, its loop over time unrolled."""

    unroll = True


class Wrapped:
    """Our own cell inside the stock ``keras.layers.RNN``."""

    stock = drops = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        cell = Cell(spec, index, inputs)
        self.layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=spec.training.dtype)
        self.native = cell.w

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """One call for the whole sequence."""
        sequence, *states = self.layer(x, initial_state=list(states), training=training)
        return sequence, tuple(states)

    def native_call(self, x: tf.Tensor, states: States):
        """``layer(x, initial_state) -> sequence, *states``."""
        return self.layer(x, initial_state=list(states))


class Scratch:
    """Bare variables and matrix products: every step's input projected in one product, then the recurrence."""

    stock = drops = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        self.network, self.step = spec.network, STEPS[spec.network.cell]
        self.native = own_variables(spec, index, inputs)

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """A loop over the projected steps."""
        outputs, w = [], at_hand(self.native, self.network)
        for projected in tf.unstack(project(x, w), axis=1):
            states = self.step(projected, states, w, self.network)
            outputs.append(states[0])
        return tf.stack(outputs, axis=1), states

    def native_call(self, x: tf.Tensor, states: States):
        """``scratch(x, states) -> sequence, states``."""
        return self(x, states, training=False)


class Tuned(Scratch):
    """The fastest way measured: time first inside, so that each step reads and writes one block of memory."""

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """A loop over the projected steps, each contiguous."""
        outputs, w = [], at_hand(self.native, self.network)
        for projected in tf.unstack(project(tf.transpose(x, (1, 0, 2)), w)):
            states = self.step(projected, states, w, self.network)
            outputs.append(states[0])
        return tf.transpose(tf.stack(outputs), (1, 0, 2)), states


FORMS = {
    "cell_loop": CellLoop,
    "layer": Layer,
    "unrolled": Unrolled,
    "wrapped": Wrapped,
    "scratch": Scratch,
    "tuned": Tuned,
}

STEPS_IN_TIME = (1, -1)  # forward, backward


class Stack:
    """Recurrent layers one on the other, each in its directions, with dropout where the conventions put it."""

    def __init__(self, spec: ExperimentSpec, interface: Interface):
        form, self.network = FORMS[spec.network.form], spec.network
        self.layers = [
            [form(spec, index, inputs) for _ in spec.network.directions]
            for index, inputs in enumerate(layer_inputs(spec, interface))
        ]
        # Keras drops on every layer's input, one mask for all steps: on (B, T, I) that is SpatialDropout1D.
        rate = 0.0 if self.layers[0][0].drops else stock_dropout(spec)
        self.dropout = keras.layers.SpatialDropout1D(rate, dtype=spec.training.dtype) if rate else None

    def natives(self) -> Iterator[tuple[int, str, dict[str, keras.Variable], bool]]:
        """Layer, direction, variables by the framework's names, and whether a stock object holds them."""
        for index, directions in enumerate(self.layers):
            for direction, layer in zip(self.network.directions, directions, strict=True):
                yield index, direction, layer.native, layer.stock

    def native_calls(self, x: tf.Tensor, states: tuple[States, ...]) -> Iterator[tuple[str, tf.Tensor, Any]]:
        """Each of the framework's own calls in turn: which layer it covers, its input, what it returned."""
        given = iter(states)
        for index, directions in enumerate(self.layers):
            own = tuple(next(given) for _ in directions)
            for direction, layer, state in zip(self.network.directions, directions, own, strict=True):
                yield f"layer {index}" + f" {direction}" * self.network.bidirectional, x, layer.native_call(x, state)
            x, _ = self._run(directions, x, own, training=False)

    def __call__(
        self, x: tf.Tensor, states: tuple[States, ...], masks: tuple, training: bool
    ) -> tuple[tf.Tensor, tuple[States, ...]]:
        """``x (B, T, I)`` -> the top layer's sequence and every layer's last states, a layer's directions in turn."""
        given, last = iter(states), []
        for directions, mask in zip(self.layers, masks, strict=True):
            x = x if mask is None else x * mask
            x = x if self.dropout is None else self.dropout(x, training=training)
            x, state = self._run(directions, x, tuple(next(given) for _ in directions), training)
            last += state
        return x, tuple(last)

    def _run(self, directions: list, x: tf.Tensor, states: tuple[States, ...], training: bool) -> tuple:
        """One layer: backward takes the sequence from its end, and its outputs are put back in time's order."""
        parts, last = [], []
        for step, layer, state in zip(STEPS_IN_TIME, directions, states, strict=False):
            sequence, state = layer(x[:, ::step], state, training)
            parts.append(sequence[:, ::step])
            last.append(state)
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1), last
