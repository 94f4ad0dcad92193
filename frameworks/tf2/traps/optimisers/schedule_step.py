"""A learning-rate schedule is counted in batches by Keras, and in calls of ``step()`` by PyTorch."""

import keras
import numpy as np


def original(epochs: int, batches: int) -> np.ndarray:
    """Halve the rate in the course of each epoch, as ``ExponentialDecay`` does."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=batches, decay_rate=0.5)
    return np.array([schedule(step) for step in range(epochs * batches)])


def naive(epochs: int, batches: int) -> np.ndarray:
    """Take one step of PyTorch's scheduler for one of the optimiser's."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5)
    return np.array([schedule(step) for step in range(epochs * batches)])


def right(epochs: int, batches: int) -> np.ndarray:
    """Decay once an epoch."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=batches, decay_rate=0.5, staircase=True)
    return np.array([schedule(step) for step in range(epochs * batches)])
