"""Keras's files, opened without running the code that they may carry, and written."""

import re
from dataclasses import dataclass
from pathlib import Path

import keras

from experiments.canonical import Weights
from experiments.errors import UserError
from frameworks.convert.outline import Outline
from frameworks.tf2.convert.layers import SavedLayer, saved_layers
from frameworks.tf2.convert.module import build, source
from frameworks.tf2.convert.outline import SUPPORTED, outline
from frameworks.tf2.convert.stored import read_layers


@dataclass(frozen=True)
class OpenedFile:
    """An opened file: the model, None for weights alone; its layers with weights in order; what the model computes."""

    content: keras.Model | None
    layers: list[SavedLayer]
    outline: Outline | None


def open_file(path: Path, like: Path | None) -> OpenedFile:
    """Open a model, or its weights; code inside the file is not run.

    A ``.weights.h5`` does not store the order of layers of different classes: it is taken from ``like``, a ``.keras``
    of the same model.

    Raises:
        UserError: the model is no chain, a layer is unsupported, or the order is unknown.
    """
    if path.suffix != ".keras" and like is None:
        return OpenedFile(None, read_layers(path), None)
    return _opened(load_model(path, like))


def load_model(path: Path, like: Path | None) -> keras.Model:
    """Load a ``.keras``, or ``like`` with the weights of a ``.weights.h5``."""
    model_file = path if path.suffix == ".keras" else like
    if model_file is None or model_file.suffix != ".keras":
        raise UserError(f"{model_file} holds no model; allowed for --like: a .keras file")
    model = _load(model_file)
    if model_file is not path:
        model.load_weights(path)
    return model


def make(weights: Weights, cells: list[str], described: Outline | None, module: str | None) -> OpenedFile:
    """Make the model of ``module``'s code, or of the code for an outline.

    Raises:
        UserError: nothing says what the model computes.
    """
    if described is None:
        raise UserError("Keras's weights need a model; give one with --like MODEL.keras")
    return _opened(build(module or source(weights, described)))


def save(opened: OpenedFile, path: Path) -> None:
    """Write the model, or its weights, by the path's extension."""
    if opened.content is None:
        raise UserError("holds weights alone; allowed for --like: a .keras file")
    if path.suffix == ".keras":
        opened.content.save(path)
    else:
        opened.content.save_weights(path)


def _opened(model: keras.Model) -> OpenedFile:
    described, layers = outline(model)
    return OpenedFile(model, saved_layers(layers, [step.cell for step in described.recurrent]), described)


def _load(path: Path) -> keras.Model:
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, ValueError) as error:
        # Keras's message continues with the whole configuration.
        if what := re.search(r"Could not locate (class|function) '[^']*'|`Lambda` layer", str(error)):
            raise UserError(f"{what[0]}: code inside a file is not run; allowed: {SUPPORTED}") from error
        raise
    if not model.built:
        raise UserError("the model has no weights yet: it was never given an input; allowed: a built model")
    return model
