"""Keras models made outside this project: those that convert, and those that are refused, with the line."""

import warnings
from collections.abc import Callable

import keras
from keras import layers as L

WORDS, WIDTH = 12, 4


def tokens(*parts: keras.Layer, mask: bool = False, time: int | None = None) -> keras.Model:
    """An embedding, then the layers one after the other."""
    start = [keras.Input((time,), dtype="int32"), L.Embedding(WORDS, WIDTH, mask_zero=mask)]
    return keras.Sequential([*start, *parts])


def values(*parts: keras.Layer, time: int | None = None) -> keras.Model:
    """The layers one after the other, on three features."""
    return keras.Sequential([keras.Input((time, 3)), *parts])


def graph(run: Callable, words: bool = True, time: int | None = None) -> keras.Model:
    """A functional model: ``run`` maps the embedded input to the output."""
    inputs = keras.Input((time,), dtype="int32") if words else keras.Input((time, 3))
    return keras.Model(inputs, run(L.Embedding(WORDS, WIDTH)(inputs) if words else inputs))


def masked_graph() -> keras.Model:
    inputs = keras.Input((None,), dtype="int32")
    x = L.Embedding(WORDS, WIDTH, mask_zero=True)(inputs)
    x = L.GRU(5, return_sequences=True)(L.Dropout(0.3)(x))
    return keras.Model(inputs, L.Dense(2)(L.LSTM(3)(x)))


def masked_by_hand() -> keras.Model:
    inputs = keras.Input((None,), dtype="int32")
    x = L.Embedding(WORDS, WIDTH)(inputs)
    return keras.Model(inputs, L.LSTM(3)(x, mask=keras.ops.not_equal(inputs, 3)))


def from_a_dict() -> keras.Model:
    inputs = keras.Input((None,), dtype="int32", name="review")
    return keras.Model({"review": inputs}, {"score": L.Dense(1)(L.GRU(3)(L.Embedding(WORDS, WIDTH)(inputs)))})


def in_float64() -> keras.Model:
    kind = {"dtype": "float64"}
    x = keras.Input((None, 3), **kind)
    return keras.Sequential([x, L.LSTM(4, **kind), L.Dense(2, **kind)])


def fixed_batch() -> keras.Model:
    return keras.Sequential([keras.Input((5, 3), batch_size=3), L.GRU(4), L.Dense(2)])


def stacked_cells(**options) -> keras.Layer:
    return L.RNN([L.LSTMCell(4), L.LSTMCell(3)], **options)


CONVERT: dict[str, Callable[[], keras.Model]] = {
    # Masked: padded rows must predict the same.
    "masked lstm": lambda: tokens(L.LSTM(5), L.Dense(1, activation="sigmoid"), mask=True),
    "masked graph": masked_graph,
    "masked both ways": lambda: tokens(
        L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Bidirectional(L.LSTM(4)), L.Dense(2), mask=True
    ),
    "masked every step": lambda: tokens(L.LSTM(4, return_sequences=True), L.TimeDistributed(L.Dense(2)), mask=True),
    "masked every step both ways": lambda: tokens(
        L.Bidirectional(L.GRU(4, return_sequences=True)), L.Dense(2), mask=True
    ),
    "masked every step zeros": lambda: tokens(L.LSTM(4, return_sequences=True, zero_output_for_mask=True), mask=True),
    "masked relu": lambda: tokens(L.SimpleRNN(4, activation="relu"), L.Dense(2), mask=True),
    "masked backwards": lambda: tokens(
        L.GRU(4, return_sequences=True), L.GRU(3, go_backwards=True), L.Dense(2), mask=True
    ),
    "masked cells": lambda: tokens(stacked_cells(), L.Dense(2), mask=True),
    "masked sum": lambda: tokens(L.Bidirectional(L.GRU(4), merge_mode="sum"), L.Dense(2), mask=True),
    "masked nested": lambda: keras.Sequential(
        [tokens(L.SpatialDropout1D(0.2), L.LSTM(4, return_sequences=True), L.LSTM(4), mask=True), L.Dense(2)]
    ),
    "masking -1": lambda: values(L.Masking(-1.0), L.GRU(4, return_sequences=True), L.GRU(4), L.Dense(2)),
    "masking both ways": lambda: values(L.Masking(), L.Bidirectional(L.SimpleRNN(4)), L.Dense(2)),
    # Not masked.
    "nested": lambda: graph(lambda x: keras.Sequential([L.LSTM(4), L.Dense(3, activation="relu")])(x)),
    "nested graph": lambda: values(graph(L.LSTM(4, return_sequences=True), words=False), L.GRU(3), L.Dense(2)),
    "relu both ways": lambda: tokens(L.Bidirectional(L.SimpleRNN(4, activation="relu")), L.Dense(2)),
    "ave": lambda: values(L.Bidirectional(L.GRU(4), merge_mode="ave"), L.Dense(2)),
    "mul": lambda: values(L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode="mul"), L.Dense(2)),
    "backwards": lambda: values(L.LSTM(4, go_backwards=True), L.Dense(2)),
    "backwards every step": lambda: values(L.GRU(4, go_backwards=True, return_sequences=True), L.GRU(3)),
    "every step": lambda: tokens(L.LSTM(4, return_sequences=True), L.Dense(3, activation="softmax")),
    "time distributed": lambda: values(L.GRU(4, return_sequences=True), L.TimeDistributed(L.Dense(2))),
    "cells": lambda: values(stacked_cells(return_sequences=True), L.GRU(2)),
    "one cell": lambda: values(L.RNN(L.GRUCell(4)), L.Dense(2)),
    "no bias": lambda: tokens(L.LSTM(4, use_bias=False), L.Dense(2, use_bias=False)),
    "no bias gru": lambda: values(L.Bidirectional(L.GRU(4, use_bias=False)), L.Dense(2)),
    "float64": in_float64,
    "many activations": lambda: values(
        L.GRU(4),
        *(L.Dense(4, activation=name) for name in ("elu", "selu", "gelu", "silu", "softplus", "tanh")),
        L.ReLU(),
        L.Activation("tanh"),
        L.Softmax(),
    ),
    "dropouts": lambda: tokens(
        L.SpatialDropout1D(0.1),
        L.LSTM(4, dropout=0.2, recurrent_dropout=0.3, return_sequences=True),
        L.GaussianNoise(0.1),
        L.Bidirectional(L.LSTM(4, dropout=0.2)),
        L.Dropout(0.5),
        L.Dense(2),
    ),
    "dropout between": lambda: tokens(
        L.LSTM(4, return_sequences=True), L.Dropout(0.3), L.LSTM(4, return_sequences=True), L.Dropout(0.3), L.LSTM(4)
    ),
    "state unused": lambda: graph(lambda x: L.Dense(2)(L.LSTM(4, return_state=True)(x)[0])),
    "fixed": fixed_batch,
    "unrolled": lambda: values(L.LSTM(4, unroll=True), L.Dense(2), time=5),
    "a dict": from_a_dict,
    "no head": lambda: tokens(L.GRU(4, return_sequences=True), L.Identity(), L.LSTM(3)),
    "mixed": lambda: tokens(L.SimpleRNN(6, return_sequences=True), L.LSTM(5, return_sequences=True), L.GRU(3)),
}


def residual(x):
    return L.Dense(1)(L.LSTM(WIDTH)(L.Add()([x, L.LSTM(WIDTH, return_sequences=True)(x)])))


def called_twice(x):
    layer = L.LSTM(WIDTH, return_sequences=True, name="shared")
    return layer(layer(x))


def shared_model(x):
    inner = keras.Sequential([keras.Input((None, WIDTH)), L.GRU(WIDTH, return_sequences=True, name="inner")])
    return inner(inner(x))


def cell_state(x):
    _, _, c = L.LSTM(4, return_state=True, name="states")(x)
    return L.Dense(1)(c)


def encoder_decoder(x):
    _, *states = L.LSTM(4, return_state=True)(x)
    return L.LSTM(4, name="decoder")(x, initial_state=states)


def unlike_halves() -> keras.Layer:
    return L.Bidirectional(L.LSTM(4), backward_layer=L.LSTM(4, use_bias=False, go_backwards=True), name="halves")


def mixed_precision() -> keras.Model:
    return values(L.LSTM(4, dtype="mixed_float16", name="half"), L.Dense(1))


def two_outputs() -> keras.Model:
    inputs = keras.Input((None, 3))
    x = L.LSTM(4)(inputs)
    return keras.Model(inputs, [L.Dense(1)(x), L.Dense(2)(x)], name="two")


def mask_destroyed() -> keras.Model:
    """A nested model destroys its input's mask, which Keras says once, as the model is made, in a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tokens(keras.Sequential([L.LSTM(4)]), L.Dense(2), mask=True)


#: With each of these, the list of layers and the weights look as if it could be converted.
REFUSE: dict[str, Callable[[], keras.Model]] = {
    "two in parallel": lambda: graph(lambda x: L.Add(name="sum")([L.LSTM(4)(x), L.LSTM(4)(x)])),
    "residual": lambda: graph(residual),
    "pooling": lambda: tokens(L.LSTM(4, return_sequences=True), L.GlobalAveragePooling1D(name="mean"), L.Dense(1)),
    "called twice": lambda: graph(called_twice),
    "flipped": lambda: graph(lambda x: L.LSTM(4)(keras.ops.flip(x, 1))),
    "shared model": lambda: graph(shared_model),
    "cell state": lambda: graph(cell_state),
    "encoder, decoder": lambda: graph(encoder_decoder),
    "training": lambda: graph(lambda x: L.LSTM(4, dropout=0.5, name="noisy")(x, training=True)),
    "own mask": masked_by_hand,
    "sliced": lambda: graph(lambda x: L.Bidirectional(L.LSTM(4, return_sequences=True))(x)[:, -1]),
    "two outputs": two_outputs,
    "stateful": lambda: keras.Sequential([keras.Input((5, 3), batch_size=2), L.GRU(4, stateful=True, name="kept")]),
    "last output zeroed": lambda: tokens(L.LSTM(4, zero_output_for_mask=True, name="zeroed"), mask=True),
    "relu6": lambda: tokens(L.LSTM(4), L.ReLU(6.0, name="capped"), L.Dense(1)),
    "leaky": lambda: tokens(L.LSTM(4), L.Dense(2, activation="leaky_relu", name="leaky")),
    "softmax over time": lambda: tokens(L.LSTM(4, return_sequences=True), L.Softmax(axis=1, name="attend")),
    "half precision": mixed_precision,
    "reversed mask": lambda: tokens(
        L.GRU(4, go_backwards=True, return_sequences=True, name="back"), L.GRU(4), mask=True
    ),
    "unlike halves": lambda: tokens(unlike_halves()),
    "time-distributed lstm": lambda: keras.Sequential(
        [keras.Input((2, 5, 3)), L.TimeDistributed(L.LSTM(4), name="each"), L.GRU(2)]
    ),
    "masked between": lambda: values(L.LSTM(4, return_sequences=True, name="early"), L.Masking(name="late"), L.LSTM(4)),
    "mask destroyed": mask_destroyed,
    "two masks": lambda: tokens(L.Masking(), L.LSTM(4), mask=True),
    "relu lstm": lambda: tokens(L.LSTM(4, activation="relu", name="unbounded")),
    "hard gates": lambda: tokens(L.GRU(4, recurrent_activation="hard_sigmoid", name="hard")),
    "not merged": lambda: graph(lambda x: L.Add()(L.Bidirectional(L.LSTM(4), merge_mode=None)(x))),
    "one answer": lambda: tokens(L.LSTM(4), L.Dense(1, activation="softmax")),
}
