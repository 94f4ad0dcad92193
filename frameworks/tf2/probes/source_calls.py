"""The calls that the sources' texts show: id → the call's results as JSON data, shapes as lists.

The results that the sources print are in ``experiments/probes/published.py`` under the same ids.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit

from experiments import tasks
from experiments.tasks.sine import SineSpec
from frameworks.tf2 import runtime

SEED = 0
STEPS = 4  # of training, so that no weight keeps its initial value
BATCH = 64
_CLOSE = 1e-6  # float32's rounding under another order of summation


def answers() -> dict[str, Any]:
    """Make every call."""
    runtime.seed_all(SEED)
    tf.random.set_seed(SEED)
    return {name: call() for name, call in CALLS.items()}


def embedding() -> dict[str, Any]:
    """Embed ten ids in four numbers each."""
    return {"output": _shape(keras.layers.Embedding(10, 4)(tf.range(10)))}


def _simple_rnn_cell_weights() -> dict[str, Any]:
    cell = keras.layers.SimpleRNNCell(3)
    cell.build((None, 4))
    return {variable.name: _shape(variable) for variable in cell.trainable_variables}


def _simple_rnn_cell() -> dict[str, Any]:
    step, states = keras.layers.SimpleRNNCell(64)(tf.random.normal((4, 80, 100))[:, 0], [tf.zeros((4, 64))])
    return {"step": _shape(step), "state": _shape(states[0])}


def _simple_rnn_cells_stacked() -> dict[str, Any]:
    return {"output": _shape(_loop([keras.layers.SimpleRNNCell(64) for _ in range(2)], tf.random.normal((4, 80, 100))))}


def _simple_rnn() -> dict[str, Any]:
    return _every_way(keras.layers.SimpleRNN, tf.random.normal((4, 80, 100)))


def _lstm_cell() -> dict[str, Any]:
    output, states = keras.layers.LSTMCell(64)(tf.random.normal((2, 100)), [tf.zeros((2, 64)), tf.zeros((2, 64))])
    return {"output is the first state": output is states[0], "output is the cell state": output is states[1]}


def _lstm() -> dict[str, Any]:
    return _every_way(keras.layers.LSTM, tf.random.normal((2, 80, 100)))


def _gru_cell_loop() -> dict[str, Any]:
    return {"output": _shape(_loop([keras.layers.GRUCell(64)], tf.random.normal((2, 80, 100))))}


def _lstm_numpy() -> dict[str, Any]:
    model, x = _trained(16)
    lstm = model.layers[0]
    kernel, bias = _as_basic_lstm_cell(*(variable.numpy() for variable in lstm.trainable_variables))
    gap = np.abs(_basic_lstm(x, kernel, bias) - lstm(x).numpy()).max()
    return {"equal": bool(gap < _CLOSE), "largest difference": float(gap)}


def lstm_saved() -> dict[str, Any]:
    """Save the sine's LSTM and load it again: a ``.keras`` file holds the model and its weights."""
    model, x = _trained(128)
    before = model(x).numpy()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lstm.keras"
        model.save(path)
        after = keras.saving.load_model(path, safe_mode=True)(x).numpy()
    return {"equal": bool(np.array_equal(before, after)), "largest difference": float(np.abs(before - after).max())}


CALLS = {
    "embedding": embedding,
    "simple_rnn_cell_weights": _simple_rnn_cell_weights,
    "simple_rnn_cell": _simple_rnn_cell,
    "simple_rnn_cells_stacked": _simple_rnn_cells_stacked,
    "simple_rnn": _simple_rnn,
    "lstm_cell": _lstm_cell,
    "lstm": _lstm,
    "gru_cell_loop": _gru_cell_loop,
    "lstm_numpy": _lstm_numpy,
    "lstm_saved": lstm_saved,
}


def _shape(tensor: tf.Tensor | keras.Variable) -> list[int]:
    return list(tensor.shape)


def _loop(cells: list[keras.layers.Layer], x: tf.Tensor) -> tf.Tensor:
    """Run stacked cells step by step: ``x (B, T, I)`` -> the last output ``(B, H)``."""
    states = [cell.get_initial_state(batch_size=len(x)) for cell in cells]
    for step in tf.unstack(x, axis=1):
        for place, cell in enumerate(cells):
            step, states[place] = cell(step, states[place])
    return step


def _every_way(layer: type[keras.layers.Layer], x: tf.Tensor) -> dict[str, Any]:
    """Return the shapes of the last output, of all outputs, and of the last output of two layers."""
    sequence = layer(64, return_sequences=True)(x)
    return {"output": _shape(layer(64)(x)), "every step": _shape(sequence), "stacked": _shape(layer(64)(sequence))}


def _trained(units: int) -> tuple[keras.Model, np.ndarray]:
    """Train a forecaster of the sine for a few steps; return it and windows ``(B, T, 1)`` to predict from."""
    spec = SineSpec()
    x, y, _ = tasks.load(spec, tasks.locate(spec), "float32").train
    model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.LSTM(units), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    for _ in range(STEPS):
        model.train_on_batch(x[:BATCH], y[:BATCH])
    return model, x[:8]


def _as_basic_lstm_cell(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert Keras's weights to TensorFlow 1's: one kernel ``(I + H, 4·H)``, gates i, j, f, o.

    Keras's gates are i, f, c, o, and its bias includes the forget gate's 1, which BasicLSTMCell adds at each step.
    """

    def arranged(array: np.ndarray, forget_bias: float = 0.0) -> np.ndarray:
        i, f, j, o = np.split(array, 4, axis=-1)
        return np.concatenate([i, j, f - forget_bias, o], axis=-1)

    return arranged(np.concatenate([kernel, recurrent])), arranged(bias, forget_bias=1.0)


def _basic_lstm(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, forget_bias: float = 1.0) -> np.ndarray:
    """Run BasicLSTMCell (Zaremba et al. 2014): ``x (B, T, I)`` -> the last output ``(B, H)``.

    c′ = σ(f + 1)·c + σ(i)·tanh(j); h′ = σ(o)·tanh(c′). As in its source it has one kernel, unlike the reference.
    """
    h = c = np.zeros((len(x), kernel.shape[1] // 4), x.dtype)
    for step in np.moveaxis(x, 1, 0):
        i, j, f, o = np.split(np.concatenate([step, h], axis=1) @ kernel + bias, 4, axis=1)
        c = expit(f + forget_bias) * c + expit(i) * np.tanh(j)
        h = expit(o) * np.tanh(c)
    return h
