"""Keras's files ⇄ canonical weights, for models made anywhere.

A model is an optional ``Embedding``; then ``SimpleRNN``, ``LSTM``, ``GRU`` (either reset) or ``RNN`` over their cells,
each optionally in a ``Bidirectional`` that concatenates; then ``Dense``.

Keras's SimpleRNN and LSTM have one bias where PyTorch has two. Two biases from PyTorch are added up: predictions stay
equal, but the two are lost, and PyTorch, which trains both, has twice the effective learning rate for the bias.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from experiments.canonical import Weights
from experiments.cells import CELLS
from experiments.errors import UserError
from experiments.spec import ExperimentSpec
from frameworks.tf2.support import HOME
from frameworks.tf2.weights import Binding, bind_layer, plain

_CELLS = {
    keras.layers.SimpleRNNCell: "simple_rnn",
    keras.layers.LSTMCell: "lstm",
    keras.layers.GRUCell: "gru",
}
_CELLS_BY_GATES = {len(CELLS[name].gates): name for name in ("simple_rnn", "gru", "lstm")}
_PARTS = {keras.layers.Embedding: "embedding", keras.layers.Dense: "head"}
_KINDS = {
    "embedding": ("embeddings",),
    "head": ("kernel", "bias"),
    "rnn": ("kernel", "recurrent_kernel", "bias"),
}
#: Group in a weights file → part of the model; a group is named by the layer's class.
_STORED = {"embedding": "embedding", "dense": "head"}
_STORED |= dict.fromkeys(("simple_rnn", "lstm", "gru", "rnn", "bidirectional"), "rnn")
_SUPPORTED = "Embedding, SimpleRNN, LSTM, GRU, RNN of their cells, Bidirectional, Dense, and layers without weights"


@dataclass(frozen=True)
class SavedLayer:
    """A layer with weights: its part of the model (embedding, rnn, head), each direction's variables by native name."""

    name: str
    part: str
    variables: tuple[dict[str, keras.Variable], ...]
    cell: str = ""


@dataclass(frozen=True)
class OpenedFile:
    """An opened file: the model, None for weights alone, and its layers with weights in order."""

    content: keras.Model | None
    layers: list[SavedLayer]


def open_file(path: Path, like: Path | None) -> OpenedFile:
    """Open a model, or its weights; code inside the file is not run.

    A ``.weights.h5`` does not store the order of layers of different classes: it is taken from ``like``, a ``.keras``
    of the same model.

    Raises:
        UserError: a layer is unsupported, or the order is unknown.
    """
    if path.suffix != ".keras" and like is None:
        return OpenedFile(None, _stored_layers(path))
    model_file = path if path.suffix == ".keras" else like
    if model_file.suffix != ".keras":
        raise UserError(f"{model_file} holds no model; allowed for --like: a .keras file")
    model = _load_model(model_file)
    if model_file is not path:
        model.load_weights(path)
    return OpenedFile(model, _in_order(list(_layers(model))))


def make(weights: Weights, cells: list[str]) -> OpenedFile:
    """Refuse: Keras's files of weights belong to a model.

    Raises:
        UserError: always.
    """
    raise UserError("Keras's weights need a model; give one with --like MODEL.keras")


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


def save(opened: OpenedFile, path: Path) -> None:
    """Write the model, or its weights, by the path's extension."""
    if opened.content is None:
        raise UserError("holds weights alone; allowed for --like: a .keras file")
    if path.suffix == ".keras":
        opened.content.save(path)
    else:
        opened.content.save_weights(path)


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


def _load_model(path: Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, ValueError) as error:
        # Keras's message continues with the whole configuration.
        if what := re.search(r"Could not locate (class|function) '[^']*'|`Lambda` layer", str(error)):
            raise UserError(f"{what[0]}: code inside a file is not run; allowed: {_SUPPORTED}") from error
        raise


def _layers(model: keras.Model) -> Iterator[SavedLayer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif isinstance(layer, keras.layers.Bidirectional):
            yield _both_directions(layer)
        elif isinstance(layer, keras.layers.RNN):
            for cell in _one_direction(layer):
                yield SavedLayer(layer.name, "rnn", (_variables(cell, "rnn", layer),), _kind(cell, layer))
        elif type(layer) in _PARTS:
            part = _PARTS[type(layer)]
            yield SavedLayer(layer.name, part, (_variables(layer, part, layer),))
        elif layer.weights:
            raise _unsupported(layer)


def _in_order(layers: list[SavedLayer]) -> list[SavedLayer]:
    order = sorted((layer.part for layer in layers), key=("embedding", "rnn", "head").index)
    if wrong := next((layer for layer, part in zip(layers, order, strict=True) if layer.part != part), None):
        raise UserError(f"layer {wrong.name} is out of place; allowed: embedding, then recurrent layers, then dense")
    return layers


def _both_directions(layer: keras.layers.Bidirectional) -> SavedLayer:
    if layer.merge_mode != "concat":
        raise UserError(f"layer {layer.name}: merge_mode {layer.merge_mode!r}; allowed: 'concat'")
    if not all(isinstance(half, keras.layers.RNN) for half in (layer.forward_layer, layer.backward_layer)):
        raise _unsupported(layer)
    cells = [*_one_direction(layer.forward_layer), *_one_direction(layer.backward_layer, backwards=True)]
    kinds = {_kind(cell, layer) for cell in cells}
    if len(cells) != 2 or len(kinds) != 1:
        raise UserError(
            f"layer {layer.name}: {', '.join(sorted(kinds))} in two directions; allowed: one cell, the same in both"
        )
    return SavedLayer(layer.name, "rnn", tuple(_variables(cell, "rnn", layer) for cell in cells), *kinds)


def _one_direction(layer: keras.layers.RNN, backwards: bool = False) -> list[Any]:
    """Return the cells that a layer stacks."""
    if layer.go_backwards is not backwards:
        raise UserError(f"layer {layer.name}: go_backwards={layer.go_backwards}; allowed: only inside a Bidirectional")
    return layer.cell.cells if isinstance(layer.cell, keras.layers.StackedRNNCells) else [layer.cell]


def _kind(cell: Any, layer: keras.Layer) -> str:
    """Return a stock cell's name in this project; other activations than its defaults are refused."""
    if type(cell) not in _CELLS:
        raise _unsupported(layer)
    wanted = {"activation": keras.activations.tanh, "recurrent_activation": keras.activations.sigmoid}
    for option, allowed in wanted.items():
        if (activation := getattr(cell, option, allowed)) is not allowed:
            name = getattr(activation, "__name__", type(activation).__name__)
            raise UserError(f"layer {layer.name}: {option} {name}; allowed: {allowed.__name__}")
    return _CELLS[type(cell)] if getattr(cell, "reset_after", True) else "gru_reset_before"


def _variables(owner: Any, part: str, layer: keras.Layer) -> dict[str, keras.Variable]:
    variables = {variable.name: variable for variable in owner.weights}
    if not variables or not variables.keys() <= set(_KINDS[part]):
        raise _unsupported(layer)
    return variables


def _unsupported(layer: keras.Layer) -> UserError:
    names = ", ".join(variable.name for variable in layer.weights) or "none"
    return UserError(
        f"layer {layer.name} ({type(layer).__name__}, weights: {names}) is unsupported; allowed: {_SUPPORTED}"
    )


def _stored_layers(path: Path) -> list[SavedLayer]:
    """Read a weights file's layers, which are numbered within a class; the order of classes is not stored."""
    with h5py.File(path) as file:
        groups = _member(file, "layers") if "layers" in file else {}
        names = sorted((_class_and_number(name), name) for name in groups)
        stored = [_stored_layer(_member(groups, name), name, kind) for (kind, _), name in names]
    layers = [layer for layer in stored if layer]
    classes = {_class_and_number(layer.name)[0] for layer in layers if layer.part == "rnn"}
    if len(classes) > 1 or not classes:
        raise UserError(
            f"{'the order of ' + ', '.join(sorted(classes)) if classes else 'recurrent layers'} cannot be told from "
            "weights alone; give their model with --like MODEL.keras"
        )
    return layers


def _class_and_number(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if stem and number.isdecimal() else (name, 0)


def _stored_layer(group: h5py.Group, name: str, kind: str) -> SavedLayer | None:
    part = _STORED.get(kind)
    if part is None:
        arrays: list[str] = []
        group.visit(lambda inner: arrays.append(inner) if re.search(r"(?<!generator/)vars/\d", inner) else None)
        if arrays:
            raise UserError(f"layer {name} is unsupported in weights alone; give its model with --like MODEL.keras")
        return None
    halves = [_member(group, half) for half in ("forward_layer", "backward_layer") if half in group] or [group]
    owners = [_member(half, "cell") if part == "rnn" else half for half in halves]
    variables = tuple(_stored_variables(owner, name, part) for owner in owners)
    return SavedLayer(name, part, variables, _stored_kind(variables[0], name) if part == "rnn" else "")


def _stored_variables(group: h5py.Group, name: str, part: str) -> dict[str, keras.Variable]:
    """Read a layer's variables, which are numbered in the order of their creation."""
    numbered = _member(group, "vars")
    arrays = [_array(numbered, number) for number in sorted(numbered, key=int)]
    if not arrays or len(arrays) > len(_KINDS[part]):
        raise UserError(
            f"layer {name} holds {len(arrays)} arrays; allowed: {', '.join(_KINDS[part])}, or its model by --like"
        )
    kinds = zip(_KINDS[part], arrays, strict=False)
    return {kind: keras.Variable(array, dtype=array.dtype.name) for kind, array in kinds}


def _stored_kind(variables: dict[str, keras.Variable], name: str) -> str:
    """Tell the cell by its number of gates, and a GRU's reset by its bias, which has two rows if the reset is after."""
    units, columns = variables["recurrent_kernel"].shape
    kind = _CELLS_BY_GATES.get(columns // units)
    if kind is None or columns % units or (kind == "gru" and "bias" not in variables):
        raise UserError(
            f"layer {name}: the cell cannot be told from weights alone; give its model with --like MODEL.keras"
        )
    return "gru_reset_before" if kind == "gru" and len(variables["bias"].shape) == 1 else kind


def _member(group: h5py.Group, name: str) -> Any:
    """Return a member that is stored in the file itself: a link could name another file on the reader's machine."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise UserError(f"{group.name}/{name} is missing or lies outside the file; allowed: weights inside it")
    return group[name]


def _array(group: h5py.Group, name: str) -> np.ndarray:
    dataset = _member(group, name)
    if dataset.external or dataset.is_virtual:
        raise UserError(f"{dataset.name} lies outside the file; allowed: weights inside it")
    return dataset[()]
