"""Predict with a written file, through its own model or the code that was written beside it."""

from pathlib import Path

import keras
import numpy as np
from keras import tree

from experiments.canonical import Weights
from frameworks.convert.outline import Outline
from frameworks.tf2.convert.files import load_model
from frameworks.tf2.convert.module import build, source


def predict(
    path: Path,
    like: Path | None,
    weights: Weights,
    described: Outline,
    inputs: list[np.ndarray],
    module: str | None,
) -> list[np.ndarray]:
    """Load the file and run it over batches: ``(B, T)`` tokens or ``(B, T, F)`` values -> the model's outputs.

    A ``.weights.h5`` goes into ``like``, into the model of ``module``'s code, or into that of ``described``.
    """
    if module or (path.suffix != ".keras" and like is None):
        model = build(module or source(weights, described))
        model.load_weights(path)
    else:
        model = load_model(path, like)
    predictions = []
    for batch in inputs:
        # A functional model may take its one input as a dict or a list.
        taken = batch if isinstance(model, keras.Sequential) else tree.pack_sequence_as(model.input, [batch])
        outputs = model(taken, training=False)
        predictions.append(np.asarray(tree.flatten(outputs)[0]))
    return predictions
