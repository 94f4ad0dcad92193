"""The default learning rate: RMSprop's is 1e-3 in Keras and 1e-2 in PyTorch."""

import keras

from experiments.tasks import Task
from frameworks.tf2.traps.training import accuracy, classifier


def naive(data: Task, epochs: int, seed: int) -> float:
    """Take the default rate."""
    keras.utils.set_random_seed(seed)
    model = classifier(data)
    optimiser = keras.optimizers.RMSprop()
    return accuracy(model, optimiser, data, epochs)


def right(data: Task, epochs: int, seed: int) -> float:
    """Take PyTorch's rate."""
    keras.utils.set_random_seed(seed)
    model = classifier(data)
    optimiser = keras.optimizers.RMSprop(1e-2)
    return accuracy(model, optimiser, data, epochs)


original = naive
