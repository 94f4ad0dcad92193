"""The ways to run a cell over a sequence.

Every form is called with ``x (B, T, I)``, states ``(B, H)`` and whether it trains, and returns the sequence
``(B, T, H)`` and the last states. ``native`` holds its variables by the framework's names; ``native_call`` is the
framework's own call, whose returned shapes the reports show; ``drops`` says whether the framework's dropout is inside.
"""

import keras
import tensorflow as tf

from experiments.spec import ExperimentSpec
from frameworks.tf2.cells import STEPS, Cell, States, input_product, unpacked
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
    """Bare variables and matrix products: every step's input from_input in one product, then the recurrence."""

    stock = drops = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        self.network, self.step = spec.network, STEPS[spec.network.cell]
        self.native = own_variables(spec, index, inputs)

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """A loop over the from_input steps."""
        outputs, w = [], unpacked(self.native, self.network)
        for from_input in tf.unstack(input_product(x, w), axis=1):
            states = self.step(from_input, states, w, self.network)
            outputs.append(states[0])
        return tf.stack(outputs, axis=1), states

    def native_call(self, x: tf.Tensor, states: States):
        """``scratch(x, states) -> sequence, states``."""
        return self(x, states, training=False)


class Tuned(Scratch):
    """The fastest way measured: time first inside, so that each step reads and writes one block of memory."""

    def __call__(self, x: tf.Tensor, states: States, training: bool) -> tuple[tf.Tensor, States]:
        """A loop over the from_input steps, each contiguous."""
        outputs, w = [], unpacked(self.native, self.network)
        for from_input in tf.unstack(input_product(tf.transpose(x, (1, 0, 2)), w)):
            states = self.step(from_input, states, w, self.network)
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
