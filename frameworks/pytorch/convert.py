"""PyTorch's state dicts ⇄ canonical weights, for models made anywhere.

A model is an optional ``nn.Embedding``; then recurrent modules or cells; then ``nn.Linear``.

Where Keras has one bias (SimpleRNN, LSTM), ``bias_hh`` becomes zeros: predictions stay equal, but both are trained.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, compress, pairwise, permutations, product
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from experiments.canonical import Weights
from experiments.cells import CELLS
from experiments.errors import UserError
from experiments.spec import ExperimentSpec
from frameworks.pytorch.support import HOME
from frameworks.pytorch.weights import NATIVE_NAMES, Binding, bind_layer, plain, transposed

_CELLS_BY_GATES = {len(CELLS[name].gates): name for name in ("simple_rnn", "gru", "lstm")}
_RECURRENT = re.compile(r"(?:weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(_l\d+)?(_reverse)?")
_DTYPES = (torch.float16, torch.float32, torch.float64)
_SUPPORTED = "embedding, nn.RNN, nn.LSTM, nn.GRU and their cells, linear"


@dataclass(frozen=True)
class SavedLayer:
    """A layer with weights: its part of the model (embedding, rnn, head), each direction's variables by native name."""

    name: str
    part: str
    variables: tuple[dict[str, torch.Tensor], ...]
    cell: str = ""


@dataclass(frozen=True)
class OpenedFile:
    """An opened file: the state dict, and its layers with weights in order."""

    content: dict[str, torch.Tensor]
    layers: list[SavedLayer]


def open_file(path: Path, like: Path | None) -> OpenedFile:
    """Open a state dict; only tensors are unpickled.

    Safetensors are sorted by name: the order of the modules is taken from ``like``, a ``.pt`` with the same names, or
    from the layers' widths.

    Raises:
        UserError: it holds other things than weights, a layer is unsupported, or the order is unknown.
    """
    state, ordered = _load(path), path.suffix != ".safetensors"
    if like is not None and not ordered:
        names = list(_load(like))
        if set(names) == set(state):
            state, ordered = {name: state[name] for name in names}, like.suffix != ".safetensors"
    modules = _modules(state)
    return OpenedFile(state, _as_registered(modules) if ordered else _by_width(modules))


def make(weights: Weights, cells: list[str]) -> OpenedFile:
    """Make a state dict of zeros with the usual names: ``embedding.weight``, ``rnn.weight_ih_l0``, ``head.weight``, ….

    Layers that one ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` cannot stack get a module each: ``rnn.0.weight_ih_l0``,
    ``rnn.1.weight_ih_l0``; several linear layers are ``head.0``, ``head.1``.
    """
    stacked = _one_module(weights, cells)
    heads = len({name.split("/")[1] for name in weights if name.startswith("head/")})
    state = {}
    for name in sorted(weights, key=_order_key):
        native = _native_name(name, stacked, heads)
        shape = _native_shape(name, weights[name].shape)
        state[native] = torch.zeros(shape, dtype=getattr(torch, weights[name].dtype.name))
        if name.endswith("/bias") and name.startswith("rnn/"):  # a module with biases has both
            state[native.replace("bias_ih", "bias_hh")] = torch.zeros_like(state[native])
    return OpenedFile(state, _as_registered(_modules(state)))


def fold_biases(weights: Weights, cells: list[str]) -> Weights:
    """Leave out a ``bias_hh`` of zeros, which replaces the second bias that Keras's layer does not have."""
    zeros = {
        name
        for name, value in weights.items()
        if name.endswith("/recurrent_bias")
        and CELLS[cells[int(name.split("/")[1])]].biases("keras") == ("bias",)
        and not value.any()
    }
    return {name: value for name, value in weights.items() if name not in zeros}


def bind(layers: list[SavedLayer]) -> tuple[list[str], list[Binding]]:
    """Bind every variable to its canonical weights; return each recurrent layer's cell, and the bindings.

    Raises:
        UserError: there is more than one embedding.
    """
    embeddings, recurrent, heads = ([x for x in layers if x.part == part] for part in ("embedding", "rnn", "head"))
    if len(embeddings) > 1:
        raise UserError(f"{embeddings[1].name}: a second embedding; allowed: one")
    bindings = [plain(layer.name, layer.variables[0]["weight"], "embedding/table") for layer in embeddings]
    for index, layer in enumerate(recurrent):
        for direction, variables in zip(("forward", "backward"), layer.variables, strict=False):
            bindings += _bind_direction(layer, variables, f"rnn/{index}/{direction}/")
    for index, layer in enumerate(heads):
        for kind, variable in layer.variables[0].items():
            # nn.Linear stores (outputs, inputs).
            bind_variable, name = (transposed, "kernel") if kind == "weight" else (plain, "bias")
            bindings.append(bind_variable(layer.name, variable, f"head/{index}/{name}"))
    return [layer.cell for layer in recurrent], bindings


def save(opened: OpenedFile, path: Path) -> None:
    """Write the state dict by the path's extension."""
    if path.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in opened.content.items()}, path)
    else:
        torch.save(opened.content, path)


def _bind_direction(layer: SavedLayer, variables: dict[str, torch.Tensor], prefix: str) -> list[Binding]:
    """Bind one direction as ``bind_layer`` does, which needs both biases: a layer without them gets placeholders."""
    hidden, projection = _hidden(variables)
    suffix = next(name for name in variables if name.startswith("weight_ih")).removeprefix("weight_ih")
    zeros = torch.zeros(len(variables[f"weight_ih{suffix}"]))
    placeholders = {f"bias_ih{suffix}": zeros, f"bias_hh{suffix}": zeros}
    network = {"cell": layer.cell, "form": "layer", "units": [hidden], "projection_size": projection}
    spec = ExperimentSpec.model_validate({"task": "sine", "network": network, "training": {}, "conventions": HOME})
    return [
        replace(binding, canonical=tuple(prefix + name.rpartition("/")[2] for name in binding.canonical))
        for binding in bind_layer(spec, 0, "forward", placeholders | variables, stock=True)
        if binding.name in variables
    ]


def _load(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        state: Any = load_file(path)
    else:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            what = re.search(r"GLOBAL (\S+)", str(error))
            raise UserError(
                f"holds more than tensors{f', {what[1]},' * bool(what)} and was not loaded; allowed: what "
                "torch.save(model.state_dict(), path) writes"
            ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        content = f"keys {', '.join(map(str, list(state)[:4]))}" if isinstance(state, dict) else type(state).__name__
        raise UserError(f"is not a state dict: it holds {content}; allowed: a flat dict of names and tensors")
    if wrong := next((name for name, value in state.items() if value.dtype not in _DTYPES), None):
        raise UserError(f"{wrong} is {state[wrong].dtype}; allowed: float16, float32, float64")
    return {name: value.detach().clone() for name, value in state.items()}


def _modules(state: dict[str, torch.Tensor]) -> dict[str, list[SavedLayer]]:
    """Group the state by module, in its order: name → layers, several where the module stacks them."""
    modules: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in state.items():
        module, _, kind = name.rpartition(".")
        modules.setdefault(module, {})[kind] = value
    return {name: list(_layers(name, variables)) for name, variables in modules.items()}


def _layers(name: str, variables: dict[str, torch.Tensor]) -> Iterator[SavedLayer]:
    layers: dict[int, dict[bool, dict[str, torch.Tensor]]] = {}
    for kind, value in variables.items():
        if match := _RECURRENT.fullmatch(kind):
            layer = int((match[1] or "_l0")[2:])
            layers.setdefault(layer, {}).setdefault(bool(match[2]), {})[kind] = value
        elif value.ndim != {"weight": 2, "bias": 1}.get(kind) or "weight" not in variables:
            where = f"{name}.{kind}".lstrip(".")
            raise UserError(f"{where} {tuple(value.shape)} is of an unsupported layer; allowed: {_SUPPORTED}")
    if not layers:
        yield SavedLayer(name, "plain", (variables,))
    elif "weight" in variables:
        raise UserError(f"{name}.weight is in the module of a recurrent layer; allowed: only that layer's weights")
    for _, by_direction in sorted(layers.items()):
        directions = tuple(by_direction[reverse] for reverse in sorted(by_direction))
        yield SavedLayer(name, "rnn", directions, _cell(name, directions[0]))


def _cell(name: str, variables: dict[str, torch.Tensor]) -> str:
    """Tell the cell by its number of gates: the rows of weight_ih per hidden unit."""
    hidden, projection = _hidden(variables)
    rows = len(next((value for kind, value in variables.items() if kind.startswith("weight_ih")), ()))
    cell = _CELLS_BY_GATES.get(rows // hidden) if rows % hidden == 0 else None
    if cell is None or (projection and cell != "lstm"):
        allowed = "1 (RNN), 3 (GRU) or 4 (LSTM) rows per unit"
        raise UserError(f"{name or 'the module'}: {rows} rows for {hidden} hidden units; allowed: {allowed}")
    return "lstm_projection" if projection else cell


def _hidden(variables: dict[str, torch.Tensor]) -> tuple[int, int | None]:
    """Return the number of hidden units and the size of the projection, None without one."""
    shapes = {kind[:9]: value.shape for kind, value in variables.items()}
    if {len(shapes.get(kind, ())) for kind in ("weight_ih", "weight_hh")} != {2}:
        raise UserError(f"{', '.join(variables)} are no recurrent layer; allowed: weight_ih and weight_hh of 2 axes")
    return (shapes["weight_hr"][1], shapes["weight_hr"][0]) if "weight_hr" in shapes else (shapes["weight_hh"][1], None)


def _as_registered(modules: dict[str, list[SavedLayer]]) -> list[SavedLayer]:
    """Take modules in their order: before the recurrent layers the embedding, after them the head."""
    layers = [*chain(*modules.values())]
    first = next((index for index, layer in enumerate(layers) if layer.part == "rnn"), 0)
    if linear := next((layer for layer in layers[:first] if "bias" in layer.variables[0]), None):
        raise UserError(f"{linear.name}: a linear layer before the recurrent ones; allowed: an embedding")
    return [
        layer if layer.part == "rnn" else replace(layer, part="embedding" if index < first else "head")
        for index, layer in enumerate(layers)
    ]


def _by_width(modules: dict[str, list[SavedLayer]]) -> list[SavedLayer]:
    """Find the only order in which each layer's input has the width of the output before it."""
    recurrent = {name: layers for name, layers in modules.items() if layers[0].part == "rnn"}
    others = {name: layers for name, layers in modules.items() if name not in recurrent}
    tables = [None, *(name for name in others if "bias" not in others[name][0].variables[0])]
    candidates = [
        _assigned(table and others[table], [*chain(*rnn)], [*chain(*heads)])
        for table in tables
        for rnn, heads in product(_orders(recurrent), _orders({k: v for k, v in others.items() if k != table}))
    ]
    fits = [all(a[1] == b[0] for a, b in pairwise(map(_widths, layers))) for layers in candidates]
    fitting = candidates if len(candidates) == 1 else [*compress(candidates, fits)]
    if len(fitting) != 1:
        raise UserError(
            f"safetensors store no order, and {', '.join(modules)} fit together in {len(fitting)} orders; "
            "allowed: a .pt of the state dict, or its order by --like STATE.pt"
        )
    return fitting[0]


def _assigned(table: list[SavedLayer] | None, recurrent: list[SavedLayer], heads: list[SavedLayer]) -> list[SavedLayer]:
    embedding = [replace(layer, part="embedding") for layer in table or ()]
    return [*embedding, *recurrent, *(replace(layer, part="head") for layer in heads)]


def _orders(modules: dict[str, list[SavedLayer]]) -> Iterator[list[list[SavedLayer]]]:
    """Yield every order of the modules; those whose names differ only in numbers stay in the numbers' order."""
    families: dict[str, list[str]] = {}
    for name in modules:
        families.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    if len(families) > 6:  # 720 orders
        raise UserError(f"safetensors store no order of {', '.join(modules)}; allowed: a .pt of the state dict")
    by_number = [sorted(names, key=lambda name: [*map(int, re.findall(r"\d+", name))]) for names in families.values()]
    for order in permutations(by_number):
        yield [modules[name] for name in chain(*order)]


def _widths(layer: SavedLayer) -> tuple[int, int]:
    """Return the widths of a layer's input and output; a table of words has no input width, 0."""
    first = layer.variables[0]
    if layer.part in ("embedding", "head"):
        rows, columns = first["weight"].shape
        return (0, columns) if layer.part == "embedding" else (columns, rows)
    hidden, projection = _hidden(first)
    kernel = next(value for kind, value in first.items() if kind.startswith("weight_ih"))
    return (kernel.shape[1], (projection or hidden) * len(layer.variables))


def _one_module(weights: Weights, cells: list[str]) -> bool:
    """Tell whether one module can stack the layers: all have the same cell, units and directions."""
    rows = [(name.split("/"), value.shape[-1]) for name, value in weights.items() if name.startswith("rnn/")]
    outlines = [{(*name[2:], width) for name, width in rows if name[1] == str(layer)} for layer in range(len(cells))]
    return len(set(cells)) == 1 and all(outline == outlines[0] for outline in outlines)


def _order_key(name: str) -> tuple:
    """Sort canonical names as a module's state dict is sorted."""
    part, *middle, kind = name.split("/")
    kinds = ("table", *NATIVE_NAMES)
    index = int(middle[0]) if middle else 0
    return ("embedding", "rnn", "head").index(part), index, "backward" in middle, kinds.index(kind)


def _native_name(name: str, stacked: bool, heads: int) -> str:
    part, *middle, kind = name.split("/")
    if part == "embedding":
        return "embedding.weight"
    if part == "head":
        return f"head{f'.{middle[0]}' * (heads > 1)}.{'weight' if kind == 'kernel' else 'bias'}"
    module, layer = ("rnn", middle[0]) if stacked else (f"rnn.{middle[0]}", "0")
    return f"{module}.{NATIVE_NAMES[kind]}_l{layer}{'_reverse' * (middle[1] == 'backward')}"


def _native_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the native shape: (gates·hidden, inputs) for a kernel, (outputs, inputs) for a linear map."""
    if name.endswith("bias"):
        return (int(np.prod(shape)),)
    return shape if name.startswith("embedding") else (int(np.prod(shape[1:])), shape[0])
