"""Threads, seeds, device and versions."""

import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.utils import naming

from experiments.hardware import describe


def configure(threads: int) -> None:
    """Set the threads within and across operations; call it before TensorFlow runs anything."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_tensor_float_32_execution(False)  # float32 on a GPU is float32


def seed_all(seed: int) -> None:
    """Seed Python's and NumPy's generators, from which Keras draws weights and dropout's seeds; name layers anew.

    TensorFlow's own seed is left alone: whenever it is set, as by ``set_random_seed``, or the session cleared,
    TensorFlow discards the kernels of all compiled functions, and the next step of a network that is used again takes
    0.25 s in place of 0.005.
    """
    naming.reset_uids()
    random.seed(seed)
    np.random.seed(seed)


def device(choice: str) -> str:
    """Choose the device; ``auto`` takes a GPU if there is one."""
    return "gpu" if choice == "auto" and tf.config.list_logical_devices("GPU") else "cpu"


def synchronise(place: str) -> None:
    """Wait until the device is done; a GPU works on after the call that gave it work."""
    if place == "gpu":
        tf.test.experimental.sync_devices()


def environment() -> dict[str, Any]:
    """Return versions, threads and processor."""
    return describe() | {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
