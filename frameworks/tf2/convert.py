"""Keras's files ⇄ canonical weights, for models made anywhere: layers, found by walking the model.

``SimpleRNN``, ``LSTM``, ``GRU`` (either reset) and ``RNN`` over their cells, one after the other, each perhaps in a
``Bidirectional`` that concatenates; an ``Embedding`` before and ``Dense`` after; in the model's order.

Keras's SimpleRNN and LSTM have one bias where PyTorch has two. Coming from PyTorch they are summed: predictions are
equal, but how the sum was split is lost, and PyTorch, which trains both, has twice the effective bias learning rate.
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
_GATES = {4: "lstm", 3: "gru", 1: "simple_rnn"}
_ROOMS = {keras.layers.Embedding: "embedding", keras.layers.Dense: "head"}
_KINDS = {
    "embedding": ("embeddings",),
    "head": ("kernel", "bias"),
    "rnn": ("kernel", "recurrent_kernel", "bias"),
}
#: Groups of a weights file → room: layers go by their class there, not by their name.
_STORED = {"embedding": "embedding", "dense": "head"}
_STORED |= dict.fromkeys(("simple_rnn", "lstm", "gru", "rnn", "bidirectional"), "rnn")
_SUPPORTED = "Embedding, SimpleRNN, LSTM, GRU, RNN of their cells, Bidirectional, Dense, and layers without weights"


@dataclass(frozen=True)
class Part:
    """A layer that holds weights: its room (embedding, rnn, head), and each direction's variables by native name."""

    name: str
    room: str
    variables: tuple[dict[str, keras.Variable], ...]
    cell: str = ""


@dataclass(frozen=True)
class Native:
    """An opened file: what Keras made of it, None where it holds no model, and the parts in their order."""

    held: keras.Model | None
    parts: list[Part]


def open_file(path: Path, like: Path | None) -> Native:
    """Open a model, or its weights; no code that the file carries is run.

    A ``.weights.h5`` does not say which of several kinds of layer comes first: ``like``, a ``.keras`` of the same
    model, tells.

    Raises:
        UserError: unsupported layers, or an order that cannot be told.
    """
    if path.suffix != ".keras" and like is None:
        return Native(None, _stored_parts(path))
    model_file = path if path.suffix == ".keras" else like
    if model_file.suffix != ".keras":
        raise UserError(f"{model_file} holds no model; allowed for --like: a .keras file")
    model = _load_model(model_file)
    if model_file is not path:
        model.load_weights(path)
    return Native(model, _in_rooms(list(_parts(model))))


def make(weights: Weights, cells: list[str]) -> Native:
    """Keras's weights cannot be without a model.

    Raises:
        UserError: always.
    """
    raise UserError("Keras's weights need a model to go into; give one with --like MODEL.keras")


def fold_biases(weights: Weights, cells: list[str]) -> Weights:
    """Add PyTorch's second bias to the first where Keras has one alone."""
    folded = dict(weights)
    for name in weights:
        if name.endswith("/recurrent_bias") and CELLS[cells[int(name.split("/")[1])]].biases("keras") == ("bias",):
            first = name.replace("recurrent_bias", "bias")
            folded[first] = folded.get(first, 0) + folded.pop(name)
    return folded


def bind(parts: list[Part]) -> tuple[list[str], list[Binding]]:
    """Tie every variable to its canonical weights; the cell of each layer.

    Raises:
        UserError: there is more than one embedding.
    """
    rooms = {room: [part for part in parts if part.room == room] for room in ("embedding", "rnn", "head")}
    if len(rooms["embedding"]) > 1:
        raise UserError(f"{rooms['embedding'][1].name}: a second embedding; allowed: one")
    found = [plain(part.name, part.variables[0]["embeddings"], "embedding/table") for part in rooms["embedding"]]
    for index, part in enumerate(rooms["rnn"]):
        for direction, variables in zip(("forward", "backward"), part.variables, strict=False):
            found += _bind_direction(part, variables, f"rnn/{index}/{direction}/")
    for index, part in enumerate(rooms["head"]):
        # Dense keeps (inputs, outputs), as canonical weights do.
        found += [plain(part.name, variable, f"head/{index}/{kind}") for kind, variable in part.variables[0].items()]
    return [part.cell for part in rooms["rnn"]], found


def save(native: Native, path: Path) -> None:
    """Write a model, or its weights, as its extension says."""
    if native.held is None:
        raise UserError("weights alone are no model to go into; allowed for --like: a .keras file")
    if path.suffix == ".keras":
        native.held.save(path)
    else:
        native.held.save_weights(path)


def _bind_direction(part: Part, variables: dict[str, keras.Variable], prefix: str) -> list[Binding]:
    """As a layer of the project's own is tied; its GRU always has biases, so a layer without lends it some."""
    units = variables["recurrent_kernel"].shape[0]
    lent = {} if "bias" in variables else {"bias": keras.Variable(np.zeros((2, 3 * units), "float32"))}
    network = {"cell": part.cell, "form": "layer", "units": [units]}
    spec = ExperimentSpec.model_validate({"task": "sine", "network": network, "training": {}, "conventions": HOME})
    return [
        replace(tie, canonical=tuple(prefix + name.rpartition("/")[2] for name in tie.canonical))
        for tie in bind_layer(spec, 0, "forward", variables | (lent if part.cell == "gru" else {}), stock=True)
        if tie.name in variables
    ]


def _load_model(path: Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, ValueError) as error:
        # Keras's own words go on with the whole configuration.
        if what := re.search(r"Could not locate (class|function) '[^']*'|`Lambda` layer", str(error)):
            raise UserError(f"{what[0]}: code of a file's own is not run; allowed: {_SUPPORTED}") from error
        raise


def _parts(model: keras.Model) -> Iterator[Part]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _parts(layer)
        elif isinstance(layer, keras.layers.Bidirectional):
            yield _both_directions(layer)
        elif isinstance(layer, keras.layers.RNN):
            for cell in _one_way(layer):
                yield Part(layer.name, "rnn", (_variables(cell, "rnn", layer),), _kind(cell, layer))
        elif type(layer) in _ROOMS:
            room = _ROOMS[type(layer)]
            yield Part(layer.name, room, (_variables(layer, room, layer),))
        elif layer.weights:
            raise _unsupported(layer)


def _in_rooms(parts: list[Part]) -> list[Part]:
    rooms = [part.room for part in parts]
    order = sorted(rooms, key=("embedding", "rnn", "head").index)
    if wrong := next((part for part, room in zip(parts, order, strict=True) if part.room != room), None):
        raise UserError(f"layer {wrong.name} is out of place; allowed: embedding, then recurrent layers, then dense")
    return parts


def _both_directions(layer: keras.layers.Bidirectional) -> Part:
    if layer.merge_mode != "concat":
        raise UserError(f"layer {layer.name}: merge_mode {layer.merge_mode!r}; allowed: 'concat'")
    if not all(isinstance(half, keras.layers.RNN) for half in (layer.forward_layer, layer.backward_layer)):
        raise _unsupported(layer)
    cells = [*_one_way(layer.forward_layer), *_one_way(layer.backward_layer, backwards=True)]
    kinds = {_kind(cell, layer) for cell in cells}
    if len(cells) != 2 or len(kinds) != 1:
        raise UserError(
            f"layer {layer.name}: {', '.join(sorted(kinds))} in two directions; allowed: one cell, the same in both"
        )
    return Part(layer.name, "rnn", tuple(_variables(cell, "rnn", layer) for cell in cells), *kinds)


def _one_way(layer: keras.layers.RNN, backwards: bool = False) -> list[Any]:
    """The cells that a layer stacks."""
    if layer.go_backwards is not backwards:
        raise UserError(f"layer {layer.name}: go_backwards={layer.go_backwards}; allowed: in a Bidirectional alone")
    return layer.cell.cells if isinstance(layer.cell, keras.layers.StackedRNNCells) else [layer.cell]


def _kind(cell: Any, layer: keras.Layer) -> str:
    """A stock cell's canonical name; one told to compute something else is none."""
    if type(cell) not in _CELLS:
        raise _unsupported(layer)
    wanted = {"activation": keras.activations.tanh, "recurrent_activation": keras.activations.sigmoid}
    for option, allowed in wanted.items():
        if (found := getattr(cell, option, allowed)) is not allowed:
            name = getattr(found, "__name__", type(found).__name__)
            raise UserError(f"layer {layer.name}: {option} {name}; allowed: {allowed.__name__}")
    return _CELLS[type(cell)] if getattr(cell, "reset_after", True) else "gru_reset_before"


def _variables(holder: Any, room: str, layer: keras.Layer) -> dict[str, keras.Variable]:
    found = {variable.name: variable for variable in holder.weights}
    if not found or not found.keys() <= set(_KINDS[room]):
        raise _unsupported(layer)
    return found


def _unsupported(layer: keras.Layer) -> UserError:
    held = ", ".join(variable.name for variable in layer.weights) or "none"
    return UserError(
        f"layer {layer.name} ({type(layer).__name__}, weights: {held}) is unsupported; allowed: {_SUPPORTED}"
    )


def _stored_parts(path: Path) -> list[Part]:
    """A weights file's parts: numbered within a class, and classes of one room in no order."""
    with h5py.File(path) as file:
        layers = _member(file, "layers") if "layers" in file else {}
        stored = sorted((_class_and_number(name), name) for name in layers)
        found = [_stored_part(_member(layers, name), name, kind) for (kind, _), name in stored]
    parts = [part for part in found if part]
    classes = {kind for kind, _ in (_class_and_number(part.name) for part in parts if part.room == "rnn")}
    if len(classes) > 1 or not classes:
        raise UserError(
            f"{'the order of ' + ', '.join(sorted(classes)) if classes else 'recurrent layers'} cannot be told from "
            "weights alone; give their model with --like MODEL.keras"
        )
    return parts


def _class_and_number(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if stem and number.isdecimal() else (name, 0)


def _stored_part(group: h5py.Group, name: str, kind: str) -> Part | None:
    room = _STORED.get(kind)
    if room is None:
        arrays: list[str] = []
        group.visit(lambda inner: arrays.append(inner) if re.search(r"(?<!generator/)vars/\d", inner) else None)
        if arrays:
            raise UserError(f"layer {name} is unsupported in weights alone; give its model with --like MODEL.keras")
        return None
    halves = [_member(group, half) for half in ("forward_layer", "backward_layer") if half in group] or [group]
    ties = tuple(_stored_variables(_member(half, "cell") if room == "rnn" else half, name, room) for half in halves)
    return Part(name, room, ties, _stored_kind(ties[0], name) if room == "rnn" else "")


def _stored_variables(group: h5py.Group, name: str, room: str) -> dict[str, keras.Variable]:
    """Variables are numbered in the order in which a layer makes them."""
    held = _member(group, "vars")
    arrays = [_array(held, number) for number in sorted(held, key=int)]
    if not arrays or len(arrays) > len(_KINDS[room]):
        raise UserError(
            f"layer {name} holds {len(arrays)} arrays; allowed: {', '.join(_KINDS[room])}, or its model's --like"
        )
    kinds = zip(_KINDS[room], arrays, strict=False)
    return {kind: keras.Variable(array, dtype=array.dtype.name) for kind, array in kinds}


def _stored_kind(variables: dict[str, keras.Variable], name: str) -> str:
    """A cell is known by its gates, and the GRU's reset by its bias, which has two rows where it comes after."""
    units, columns = variables["recurrent_kernel"].shape
    kind = _GATES.get(columns // units)
    if kind is None or columns % units or (kind == "gru" and "bias" not in variables):
        raise UserError(
            f"layer {name}: the cell cannot be told from weights alone; give its model with --like MODEL.keras"
        )
    return "gru_reset_before" if kind == "gru" and len(variables["bias"].shape) == 1 else kind


def _member(group: h5py.Group, name: str) -> Any:
    """A link may name another file of the reader's: only what lies in this one is read."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise UserError(f"{group.name}/{name} is missing or lies outside the file; allowed: weights inside it")
    return group[name]


def _array(group: h5py.Group, name: str) -> np.ndarray:
    dataset = _member(group, name)
    if dataset.external or dataset.is_virtual:
        raise UserError(f"{dataset.name} lies outside the file; allowed: weights inside it")
    return dataset[()]
