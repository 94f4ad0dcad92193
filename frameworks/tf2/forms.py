"""The forms: ways to run a cell over a sequence.

A form takes ``x (B, T, I)``, states ``(B, H)``, whether it trains, and the padding, None where every step is valid; it
returns the sequence ``(B, T, H)`` and the last states. ``native`` maps the framework's names to variables; ``stock``
tells that the framework made them; ``native_call`` makes the framework's call, whose returned shapes the reports show;
``drops`` tells that Keras's own dropout is inside.
"""

import keras
import tensorflow as tf

from experiments.spec import ExperimentSpec
from frameworks.tf2.cells import STEPS, Cell, States, input_product, unpack
from frameworks.tf2.padding import Padding, hold, masked_call, masked_output, steps_of
from frameworks.tf2.support import BY_HAND, OPTIONS, stock_dropout, stock_layer
from frameworks.tf2.tuned.run import run
from frameworks.tf2.weights import make_variables


class CellLoop:
    """The stock cell in a loop, or our cell where Keras has none."""

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        name = stock_layer(spec.network, "cell_loop")
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

    def __call__(
        self, x: tf.Tensor, states: States, training: bool, padding: Padding | None = None
    ) -> tuple[tf.Tensor, States]:
        """Call the cell once per step."""
        if self.stock:
            # Keras caches the dropout mask in the cell: without a reset every batch would reuse the first mask.
            self.cell.reset_dropout_mask()
        outputs = []
        for x_t, valid in zip(tf.unstack(x, axis=1), steps_of(padding, x.shape[1]), strict=True):
            states = hold(valid, self.cell(x_t, states, training=training)[1], states)
            outputs.append(states[0])
        return masked_output(tf.stack(outputs, axis=1), padding), states

    def native_call(self, x: tf.Tensor, states: States):
        """Call ``cell(x_t, states) -> output, states``."""
        return self.cell(x[:, 0], states)


class Layer:
    """The stock layer."""

    stock = drops = True
    unroll = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        self.layer = getattr(keras.layers, stock_layer(spec.network, "layer"))(
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

    def __call__(
        self, x: tf.Tensor, states: States, training: bool, padding: Padding | None = None
    ) -> tuple[tf.Tensor, States]:
        """Call the layer once for the whole sequence."""
        sequence, *states = masked_call(self.layer, x, states, training, padding)
        return sequence, tuple(states)

    def native_call(self, x: tf.Tensor, states: States):
        """Call ``layer(x, initial_state) -> sequence, *states``."""
        return self.layer(x, initial_state=list(states))


class Unrolled(Layer):
    """The stock layer with its loop over time unrolled."""

    unroll = True


class Wrapped:
    """Our cell inside the stock ``keras.layers.RNN``."""

    stock = drops = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        cell = Cell(spec, index, inputs)
        self.layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=spec.training.dtype)
        self.native = cell.w

    def __call__(
        self, x: tf.Tensor, states: States, training: bool, padding: Padding | None = None
    ) -> tuple[tf.Tensor, States]:
        """Call the layer once for the whole sequence."""
        sequence, *states = masked_call(self.layer, x, states, training, padding)
        return sequence, tuple(states)

    def native_call(self, x: tf.Tensor, states: States):
        """Call ``layer(x, initial_state) -> sequence, *states``."""
        return self.layer(x, initial_state=list(states))


class Scratch:
    """Bare variables: one matrix product for the inputs of all steps, then a loop over the recurrent part."""

    stock = drops = False

    def __init__(self, spec: ExperimentSpec, index: int, inputs: int):
        self.network, self.step = spec.network, STEPS[spec.network.cell]
        self.native = make_variables(spec, index, inputs)

    def __call__(
        self, x: tf.Tensor, states: States, training: bool, padding: Padding | None = None
    ) -> tuple[tf.Tensor, States]:
        """Loop over the steps."""
        outputs, w = [], unpack(self.native, self.network)
        for from_input, valid in zip(
            tf.unstack(input_product(x, w), axis=1), steps_of(padding, x.shape[1]), strict=True
        ):
            states = hold(valid, self.step(from_input, states, w, self.network), states)
            outputs.append(states[0])
        return masked_output(tf.stack(outputs, axis=1), padding), states

    def native_call(self, x: tf.Tensor, states: States):
        """Call ``scratch(x, states) -> sequence, states``."""
        return self(x, states, training=False)


class Tuned(Scratch):
    """Backpropagation through time written by hand: see ``tuned/run.py``."""

    def __call__(
        self, x: tf.Tensor, states: States, training: bool, padding: Padding | None = None
    ) -> tuple[tf.Tensor, States]:
        """Run all steps as one operation."""
        w = {kind: tf.convert_to_tensor(weight) for kind, weight in self.native.items()}
        sequence, states = run(x, states, w, self.network, padding)
        return masked_output(sequence, padding), states


def tuned(spec: ExperimentSpec, index: int, inputs: int) -> Scratch:
    """Make the fastest form measured for the cell."""
    return (Tuned if spec.network.cell in BY_HAND else Scratch)(spec, index, inputs)


FORMS = {
    "cell_loop": CellLoop,
    "layer": Layer,
    "unrolled": Unrolled,
    "wrapped": Wrapped,
    "scratch": Scratch,
    "tuned": tuned,
}
