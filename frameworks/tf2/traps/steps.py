"""Steps that are timed, for the traps that cost time: in seconds of the processor, which no other process lengthens."""

from collections.abc import Iterator
from resource import RUSAGE_SELF, getrusage
from time import process_time

import keras
import numpy as np
import tensorflow as tf


def backward(rnn: keras.layers.LSTM, x: np.ndarray) -> list[float]:
    """Go back from the last output to the input; return the seconds and the denormal numbers found."""
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        last = tf.reduce_sum(rnn(inputs))
    began = process_time()
    gradient = tape.gradient(last, inputs).numpy()
    return [process_time() - began, denormals(gradient)]


def denormals(values: np.ndarray) -> int:
    """Count the float32 numbers below the normal range, by their bits: flushed arithmetic takes them for 0."""
    bits = np.ascontiguousarray(values).view(np.uint32) & 0x7FFFFFFF
    return int(((bits > 0) & (bits < 0x00800000)).sum())


def train(batch: int, steps: int, units: int) -> Iterator[list[float]]:
    """Train two layers on random numbers; yield each step's seconds and page faults."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    keras.utils.set_random_seed(0)
    rnn = [keras.layers.LSTM(units, return_sequences=True) for _ in range(2)]
    model, x = keras.Sequential([keras.Input((steps, units)), *rnn]), tf.random.normal((batch, steps, units))
    optimiser, variables = keras.optimizers.SGD(0.01), model.trainable_variables

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True)))
        optimiser.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    while True:
        began, faults = process_time(), getrusage(RUSAGE_SELF).ru_minflt
        step()
        yield [process_time() - began, getrusage(RUSAGE_SELF).ru_minflt - faults]
