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
from experiments.spec import ExperimentSpec, Interface
from frameworks.tf2.cells import STEPS, Cell, States, project
from frameworks.tf2.support import STOCK
from frameworks.tf2.weights import own_variables


def stock_dropout(spec: ExperimentSpec) -> float:
    """The rate the framework itself applies: none where the masks are handed in."""
    return 0.0 if spec.conventions.imposed else spec.network.dropout


class CellLoop:
    """The stock cell, its states kept by hand (our own cell where Keras has none)."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        self.stock = self.drops = spec.network.cell in STOCK
        if self.stock:
            kind = getattr(keras.layers, f"{STOCK[spec.network.cell]}Cell")
            self.cell = kind(spec.network.units[index], dropout=stock_dropout(spec), dtype=spec.training.dtype)
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
        self.layer = getattr(keras.layers, STOCK[spec.network.cell])(
            spec.network.units[index],
            dropout=stock_dropout(spec),
            return_sequences=True,
            return_state=True,
            unroll=self.unroll,
            dtype=spec.training.dtype,
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
        self.step = STEPS[spec.network.cell]
        self.native = own_variables(spec, index, inputs)

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """A loop over the projected steps."""
        outputs = []
        for projected in tf.unstack(project(x, self.native), axis=1):
            states = self.step(projected, states, self.native)
            outputs.append(states[0])
        return tf.stack(outputs, axis=1), states

    def native_call(self, x: tf.Tensor, states: States):
        """``scratch(x, states) -> sequence, states``."""
        return self(x, states, training=False)


FORMS = {"cell_loop": CellLoop, "layer": Layer, "unrolled": Unrolled, "wrapped": Wrapped, "scratch": Scratch}


class Stack:
    """Recurrent layers one on the other, with dropout where the conventions put it."""

    def __init__(self, spec: ExperimentSpec, interface: Interface):
        form = FORMS[spec.network.form]
        self.layers = [form(spec, index, inputs) for index, inputs in enumerate(layer_inputs(spec, interface))]
        # Keras drops on every layer's input, one mask for all steps: on (B, T, I) that is SpatialDropout1D.
        rate = stock_dropout(spec)
        self.dropout = [
            None if layer.drops or not rate else keras.layers.SpatialDropout1D(rate, dtype=spec.training.dtype)
            for layer in self.layers
        ]

    def natives(self) -> list[tuple[dict[str, keras.Variable], bool]]:
        """Each layer's variables by the framework's names, and whether a stock object holds them."""
        return [(layer.native, layer.stock) for layer in self.layers]

    def native_calls(self, x: tf.Tensor, states: tuple[States, ...]) -> Iterator[tuple[str, tf.Tensor, Any]]:
        """Each of the framework's own calls in turn: which layer it covers, its input, what it returned."""
        for index, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            yield f"layer {index}", x, layer.native_call(x, state)
            x, _ = layer(x, state, training=False)

    def __call__(
        self, x: tf.Tensor, states: tuple[States, ...], masks: tuple, training: bool
    ) -> tuple[tf.Tensor, tuple[States, ...]]:
        """``x (B, T, I)`` -> the top layer's sequence ``(B, T, H)`` and every layer's last states."""
        last = []
        for layer, dropout, state, mask in zip(self.layers, self.dropout, states, masks, strict=True):
            x = x if mask is None else x * mask
            x = x if dropout is None else dropout(x, training=training)
            x, state = layer(x, state, training)
            last.append(state)
        return x, tuple(last)
