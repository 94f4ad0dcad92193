"""Shuffling through a buffer leaves sorted data nearly sorted."""

import keras
import numpy as np
import tensorflow as tf


def naive(labels: np.ndarray, batch_size: int, buffer: int) -> np.ndarray:
    """Shuffle through a buffer, as TensorFlow's tutorials do."""
    keras.utils.set_random_seed(0)
    batches = tf.data.Dataset.from_tensor_slices(labels).shuffle(buffer).batch(batch_size)
    return np.std([batch.numpy().mean() for batch in batches])


def right(labels: np.ndarray, batch_size: int, buffer: int) -> np.ndarray:
    """Have a buffer that holds all."""
    keras.utils.set_random_seed(0)
    batches = tf.data.Dataset.from_tensor_slices(labels).shuffle(len(labels)).batch(batch_size)
    return np.std([batch.numpy().mean() for batch in batches])


original = naive
