"""Masked padding: states that keep their value at padded steps; Keras's layers take the mask as it is."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from experiments.padding import Side
from frameworks.tf2.cells import States


class Padding(NamedTuple):
    """Which steps of a batch are valid, in the order in which a direction reads them."""

    valid: tf.Tensor  # (B, T) bool
    side: Side
    zeros: bool  # whether a padded step outputs 0, not the last output

    def reversed(self) -> "Padding":
        """Return the same as read from the end."""
        return self._replace(valid=self.valid[:, ::-1], side="right" if self.side == "left" else "left")


def make_padding(lengths: tf.Tensor, time: int, side: Side, zeros: bool) -> Padding:
    """Make the padding of a batch of ``lengths (B,)`` in a window of ``time`` steps."""
    steps = tf.range(time)
    valid = steps >= time - lengths[:, None] if side == "left" else steps < lengths[:, None]
    return Padding(valid, side, zeros)


def steps_of(padding: Padding | None, time: int) -> Iterator[tf.Tensor | None]:
    """Yield for each step which rows are valid ``(B, 1)``, or None where all are."""
    yield from (None,) * time if padding is None else tf.unstack(padding.valid[..., None], time, axis=1)


def hold(valid: tf.Tensor | None, new: States, old: States) -> States:
    """Return the new states where a row's step is valid, else the old ones."""
    if valid is None:
        return tuple(new)
    return tuple(tf.where(valid, after, before) for after, before in zip(new, old, strict=True))


def masked_output(sequence: tf.Tensor, padding: Padding | None) -> tf.Tensor:
    """Set what padded steps output, in a sequence ``(B, T, H)`` of held states, which repeat the last output.

    Before the first valid step there is no last output: it is 0, as Keras has it.
    """
    if padding is None:
        return sequence
    shown = padding.valid if padding.zeros else tf.cumsum(tf.cast(padding.valid, tf.int32), axis=1) > 0
    return tf.where(shown[..., None], sequence, tf.zeros((), sequence.dtype))


def masked_call(layer: Any, x: tf.Tensor, states: States, training: bool, padding: Padding | None) -> tuple:
    """Call a Keras layer that returns its sequence and states; it masks by itself."""
    if padding is None:
        return layer(x, initial_state=list(states), training=training)
    layer.zero_output_for_mask = padding.zeros  # as Bidirectional sets it; by default the last output is repeated
    return layer(x, mask=padding.valid, initial_state=list(states), training=training)
