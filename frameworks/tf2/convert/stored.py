"""The layers of a Keras weights file, which stores no model: told by the names of its groups and by their arrays."""

import re
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from experiments.cells import CELLS
from experiments.errors import UserError
from frameworks.tf2.convert.layers import KINDS, SavedLayer

_CELLS_BY_GATES = {len(CELLS[name].gates): name for name in ("simple_rnn", "gru", "lstm")}
#: Group in a weights file → part of the model; a group is named by the layer's class.
_STORED = {"embedding": "embedding", "dense": "head"}
_STORED |= dict.fromkeys(("simple_rnn", "lstm", "gru", "rnn", "bidirectional"), "rnn")


def read_layers(path: Path) -> list[SavedLayer]:
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
    if not arrays or len(arrays) > len(KINDS[part]):
        raise UserError(
            f"layer {name} holds {len(arrays)} arrays; allowed: {', '.join(KINDS[part])}, or its model by --like"
        )
    kinds = zip(KINDS[part], arrays, strict=False)
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
