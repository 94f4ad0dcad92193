"""A mean of the batches' means weighs a small last batch as much as a whole one."""

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor


def naive(outputs: np.ndarray, targets: np.ndarray, batch_size: int) -> KerasTensor:
    """Average the batches' losses in a loop of one's own."""
    batches = tf.data.Dataset.from_tensor_slices((outputs, targets)).batch(batch_size)
    loss = keras.losses.MeanSquaredError()
    return keras.ops.mean([loss(target, output) for output, target in batches])


def right(outputs: np.ndarray, targets: np.ndarray, batch_size: int) -> KerasTensor:
    """Have a metric keep the sum and the count, as ``evaluate`` does."""
    batches = tf.data.Dataset.from_tensor_slices((outputs, targets)).batch(batch_size)
    mean = keras.metrics.MeanSquaredError()
    for output, target in batches:
        mean.update_state(target, output)
    return mean.result()


original = right
