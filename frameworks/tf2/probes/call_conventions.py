"""The lines that show what calls take and return (``experiments/probes/calls``), run by this framework."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from experiments.probes import snippets
from frameworks.tf2 import runtime

SEED = 0
TENSORS = (tf.Tensor, keras.Variable, np.ndarray)  # Keras takes and gives NumPy's arrays too


def answers() -> dict[str, Any]:
    """Run every line: snippet → lines and results, or what refused them."""
    runtime.seed_all(SEED)
    tf.random.set_seed(SEED)
    return snippets.results("tf2", TENSORS)
