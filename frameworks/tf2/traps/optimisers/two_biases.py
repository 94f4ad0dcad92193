"""Two biases with equal gradients move their sum twice as far as one."""

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor

from experiments.traps.cases import Cell
from frameworks.tf2.traps.building import lstm


def naive(x: np.ndarray, y: np.ndarray, weights: Cell) -> KerasTensor:
    """Train the one bias."""
    rnn = lstm(weights)
    optimiser = keras.optimizers.SGD(0.1)
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((rnn(x) - y) ** 2)
        gradients = tape.gradient(loss, rnn.trainable_variables)
        optimiser.apply(gradients, rnn.trainable_variables)
    return rnn.cell.bias - weights.bias.reshape(-1)


def right(x: np.ndarray, y: np.ndarray, weights: Cell) -> KerasTensor:
    """Double the bias's gradient."""
    rnn = lstm(weights)
    optimiser = keras.optimizers.SGD(0.1)
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((rnn(x) - y) ** 2)
        kernel, recurrent, bias = tape.gradient(loss, rnn.trainable_variables)
        optimiser.apply([kernel, recurrent, 2 * bias], rnn.trainable_variables)
    return rnn.cell.bias - weights.bias.reshape(-1)


original = naive
