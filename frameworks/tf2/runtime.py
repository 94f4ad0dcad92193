"""Seed, threads, device, versions."""

from typing import Any

import keras
import tensorflow as tf

from experiments.hardware import describe


def configure(threads: int) -> None:
    """Fix the threads of one operation and across operations; before TensorFlow runs anything."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def seed_all(seed: int) -> None:
    """Python's, NumPy's and TensorFlow's generators, and a clean Keras session."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)


def device(choice: str) -> str:
    """``auto`` takes a GPU where there is one."""
    return "gpu" if choice == "auto" and tf.config.list_logical_devices("GPU") else "cpu"


def environment() -> dict[str, Any]:
    """Versions, threads and processor."""
    return describe() | {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
