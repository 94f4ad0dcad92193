"""Recurrent layers on top of each other, in one direction or both, with dropout."""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from experiments.canonical import layer_inputs
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.tf2.cells import States
from frameworks.tf2.forms import FORMS
from frameworks.tf2.padding import Padding
from frameworks.tf2.support import stock_dropout

STEPS_IN_TIME = (1, -1)  # forward, backward


class Stack:
    """Recurrent layers on top of each other, in one direction or both, with dropout where the conventions place it."""

    def __init__(self, spec: ExperimentSpec, interface: Interface):
        form, self.network = FORMS[spec.network.form], spec.network
        self.layers = [
            [form(spec, index, inputs) for _ in spec.network.directions]
            for index, inputs in enumerate(layer_inputs(spec, interface))
        ]
        # Keras drops every layer's input with one mask for all steps, which is SpatialDropout1D on (B, T, I).
        rate = 0.0 if self.layers[0][0].drops else stock_dropout(spec)
        self.dropout = keras.layers.SpatialDropout1D(rate, dtype=spec.training.dtype) if rate else None

    def natives(self) -> Iterator[tuple[int, str, dict[str, keras.Variable], bool]]:
        """Yield each layer's index, direction and variables by native name, and whether the framework made them."""
        for index, directions in enumerate(self.layers):
            for direction, layer in zip(self.network.directions, directions, strict=True):
                yield index, direction, layer.native, layer.stock

    def native_calls(self, x: tf.Tensor, states: tuple[States, ...]) -> Iterator[tuple[str, tf.Tensor, Any]]:
        """Make the framework's calls in order; yield the layer's name, the call's input and what it returned.

        The layers after the first are called on zeros.
        """
        initial = iter(states)
        for index, directions in enumerate(self.layers):
            layer_states = tuple(next(initial) for _ in directions)
            for direction, layer, state in zip(self.network.directions, directions, layer_states, strict=True):
                yield f"layer {index}" + f" {direction}" * self.network.bidirectional, x, layer.native_call(x, state)
            x = tf.zeros((*x.shape[:2], sum(state[0].shape[-1] for state in layer_states)), x.dtype)

    def __call__(
        self,
        x: tf.Tensor,
        states: tuple[States, ...],
        masks: tuple,
        training: bool,
        padding: Padding | None = None,
    ) -> tuple[tf.Tensor, tuple[States, ...]]:
        """Run all layers: ``x (B, T, I)`` -> the top layer's sequence, the last states by layer and direction."""
        initial, last = iter(states), []
        for directions, mask in zip(self.layers, masks, strict=True):
            x = x if mask is None else x * mask
            x = x if self.dropout is None else self.dropout(x, training=training)
            x, state = self._run(directions, x, tuple(next(initial) for _ in directions), training, padding)
            last += state
        return x, tuple(last)

    def _run(
        self,
        directions: list,
        x: tf.Tensor,
        states: tuple[States, ...],
        training: bool,
        padding: Padding | None = None,
    ) -> tuple:
        """Run one layer; the backward direction reads the sequence from its end, and its outputs are reversed again."""
        parts, last = [], []
        for step, layer, state in zip(STEPS_IN_TIME, directions, states, strict=False):
            read = padding if step > 0 or padding is None else padding.reversed()
            # Not x[:, ::step]: a slice of everything is copied on the way back.
            sequence, state = layer(x if step > 0 else x[:, ::-1], state, training, read)
            parts.append(sequence if step > 0 else sequence[:, ::-1])
            last.append(state)
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1), last
