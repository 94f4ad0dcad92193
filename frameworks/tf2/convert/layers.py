"""Keras's layers with weights ⇄ canonical weights, for models made anywhere.

A model is an optional ``Embedding``; then ``SimpleRNN``, ``LSTM``, ``GRU`` (either reset) or ``RNN`` over their cells,
each optionally in a ``Bidirectional``; then ``Dense``.

Keras's SimpleRNN and LSTM have one bias where PyTorch has two. Two biases from PyTorch are added up: predictions stay
equal, but the two are lost, and PyTorch, which trains both, has twice the effective learning rate for the bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from experiments.canonical import Weights
from experiments.cells import CELLS
from experiments.errors import UserError
from experiments.spec import ExperimentSpec
from frameworks.tf2.convert.outline import cells as stacked_cells
from frameworks.tf2.convert.outline import unsupported
from frameworks.tf2.support import HOME
from frameworks.tf2.weights import Binding, bind_layer, plain

#: The native names of each part's variables, in the order in which Keras makes them.
KINDS = {
    "embedding": ("embeddings",),
    "head": ("kernel", "bias"),
    "rnn": ("kernel", "recurrent_kernel", "bias"),
}


@dataclass(frozen=True)
class SavedLayer:
    """A layer with weights: its part of the model (embedding, rnn, head), each direction's variables by native name."""

    name: str
    part: str
    variables: tuple[dict[str, keras.Variable], ...]
    cell: str = ""


def saved_layers(layers: list[keras.Layer], kinds: list[str]) -> list[SavedLayer]:
    """Return the layers that have weights; ``kinds`` are the recurrent layers' cells in order.

    Raises:
        UserError: a layer has other variables than Keras gives it.
    """
    cells = iter(kinds)
    return [saved for layer in layers for saved in _saved(layer, cells)]


def _saved(layer: keras.Layer, kinds: Iterator[str]) -> Iterator[SavedLayer]:
    if isinstance(layer, keras.layers.Bidirectional):
        halves = stacked_cells(layer.forward_layer) + stacked_cells(layer.backward_layer)
        yield SavedLayer(layer.name, "rnn", tuple(_variables(cell, "rnn", layer) for cell in halves), next(kinds))
    elif isinstance(layer, keras.layers.RNN):
        for cell in stacked_cells(layer):
            yield SavedLayer(layer.name, "rnn", (_variables(cell, "rnn", layer),), next(kinds))
    elif isinstance(layer, keras.layers.Embedding | keras.layers.Dense):
        part = "embedding" if isinstance(layer, keras.layers.Embedding) else "head"
        yield SavedLayer(layer.name, part, (_variables(layer, part, layer),))


def fold_biases(weights: Weights, cells: list[str]) -> Weights:
    """Add PyTorch's second bias to the first where Keras has only one."""
    folded = dict(weights)
    for name in weights:
        if name.endswith("/recurrent_bias") and CELLS[cells[int(name.split("/")[1])]].biases("keras") == ("bias",):
            bias = name.replace("recurrent_bias", "bias")
            folded[bias] = folded.get(bias, 0) + folded.pop(name)
    return folded


def bind(layers: list[SavedLayer]) -> tuple[list[str], list[Binding]]:
    """Bind every variable to its canonical weights; return each recurrent layer's cell, and the bindings.

    Raises:
        UserError: there is more than one embedding.
    """
    embeddings, recurrent, heads = ([x for x in layers if x.part == part] for part in ("embedding", "rnn", "head"))
    if len(embeddings) > 1:
        raise UserError(f"{embeddings[1].name}: a second embedding; allowed: one")
    bindings = [plain(layer.name, layer.variables[0]["embeddings"], "embedding/table") for layer in embeddings]
    for index, layer in enumerate(recurrent):
        for direction, variables in zip(("forward", "backward"), layer.variables, strict=False):
            bindings += _bind_direction(layer, variables, f"rnn/{index}/{direction}/")
    for index, layer in enumerate(heads):
        for kind, variable in layer.variables[0].items():
            # Dense stores (inputs, outputs), as canonical weights do.
            bindings.append(plain(layer.name, variable, f"head/{index}/{kind}"))
    return [layer.cell for layer in recurrent], bindings


def _bind_direction(layer: SavedLayer, variables: dict[str, keras.Variable], prefix: str) -> list[Binding]:
    """Bind one direction as ``bind_layer`` does, which needs a GRU's biases: a layer without them gets placeholders."""
    units = variables["recurrent_kernel"].shape[0]
    placeholders = {"bias": keras.Variable(np.zeros((2, 3 * units), "float32"))} if layer.cell == "gru" else {}
    network = {"cell": layer.cell, "form": "layer", "units": [units]}
    spec = ExperimentSpec.model_validate({"task": "sine", "network": network, "training": {}, "conventions": HOME})
    return [
        replace(binding, canonical=tuple(prefix + name.rpartition("/")[2] for name in binding.canonical))
        for binding in bind_layer(spec, 0, "forward", placeholders | variables, stock=True)
        if binding.name in variables
    ]


def _variables(owner: Any, part: str, layer: keras.Layer) -> dict[str, keras.Variable]:
    variables = {variable.name: variable for variable in owner.weights}
    if not variables or not variables.keys() <= set(KINDS[part]):
        raise unsupported(layer)
    return variables
