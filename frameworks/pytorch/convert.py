"""PyTorch's state dicts ⇄ canonical weights: recurrent modules or cells, ``nn.Embedding`` before, ``nn.Linear`` after.

Where Keras has one bias (SimpleRNN, LSTM), ``bias_hh`` becomes zeros: predictions are equal, but both are trained.
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

_CELLS = {4: "lstm", 3: "gru", 1: "simple_rnn"}
_RECURRENT = re.compile(r"(?:weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(_l\d+)?(_reverse)?")
_DTYPES = (torch.float16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Part:
    """A layer that holds weights: its room (embedding, rnn, head), and each direction's variables by native name."""

    name: str
    room: str
    variables: tuple[dict[str, torch.Tensor], ...]
    cell: str = ""


@dataclass(frozen=True)
class Native:
    """An opened file: what PyTorch made of it, and the parts in their order."""

    held: dict[str, torch.Tensor]
    parts: list[Part]


def open_file(path: Path, like: Path | None) -> Native:
    """Open a state dict; nothing but tensors is unpickled.

    Safetensors are sorted by name: the modules' order comes from ``like``, a ``.pt`` of the same names, or the widths.

    Raises:
        UserError: it holds other things than weights, unsupported layers, or its order cannot be told.
    """
    state, ordered = _load(path), path.suffix != ".safetensors"
    if like is not None and not ordered:
        names = list(_load(like))
        if set(names) == set(state):
            state, ordered = {name: state[name] for name in names}, like.suffix != ".safetensors"
    modules = _modules(state)
    arranged = _as_registered(modules) if ordered else _by_width(modules)
    return Native(state, arranged)


def make(weights: Weights, cells: list[str]) -> Native:
    """An empty state dict of the usual names: ``embedding.weight``, ``rnn.weight_ih_l0``, ``head.weight``, ….

    A stack that one ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` cannot hold has a module each layer: ``rnn.0.weight_ih_l0``,
    ``rnn.1.weight_ih_l0``; several linear layers are ``head.0``, ``head.1``.
    """
    stacks = _one_module(weights, cells)
    heads = len({name.split("/")[1] for name in weights if name.startswith("head/")})
    state = {}
    for name in sorted(weights, key=_place):
        native = _native_name(name, stacks, heads)
        shape = _native_shape(name, weights[name].shape)
        state[native] = torch.zeros(shape, dtype=getattr(torch, weights[name].dtype.name))
        if name.endswith("/bias") and name.startswith("rnn/"):  # a module with biases has both
            state[native.replace("bias_ih", "bias_hh")] = torch.zeros_like(state[native])
    return Native(state, _as_registered(_modules(state)))


def fold_biases(weights: Weights, cells: list[str]) -> Weights:
    """Leave out the zeros that stand in ``bias_hh`` for a Keras layer's missing second bias."""
    idle = {
        name
        for name, value in weights.items()
        if name.endswith("/recurrent_bias")
        and CELLS[cells[int(name.split("/")[1])]].biases("keras") == ("bias",)
        and not value.any()
    }
    return {name: value for name, value in weights.items() if name not in idle}


def bind(parts: list[Part]) -> tuple[list[str], list[Binding]]:
    """Tie every variable to its canonical weights; the cell of each layer.

    Raises:
        UserError: there is more than one embedding.
    """
    rooms = {room: [part for part in parts if part.room == room] for room in ("embedding", "rnn", "head")}
    if len(rooms["embedding"]) > 1:
        raise UserError(f"{rooms['embedding'][1].name}: a second embedding; allowed: one")
    found = [plain(part.name, part.variables[0]["weight"], "embedding/table") for part in rooms["embedding"]]
    for index, part in enumerate(rooms["rnn"]):
        for direction, variables in zip(("forward", "backward"), part.variables, strict=False):
            found += _bind_direction(part, variables, f"rnn/{index}/{direction}/")
    for index, part in enumerate(rooms["head"]):
        for kind, variable in part.variables[0].items():
            # nn.Linear keeps (outputs, inputs).
            tie, name = (transposed, "kernel") if kind == "weight" else (plain, "bias")
            found.append(tie(part.name, variable, f"head/{index}/{name}"))
    return [part.cell for part in rooms["rnn"]], found


def save(native: Native, path: Path) -> None:
    """Write a state dict as its extension says."""
    if path.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in native.held.items()}, path)
    else:
        torch.save(native.held, path)


def _bind_direction(part: Part, variables: dict[str, torch.Tensor], prefix: str) -> list[Binding]:
    """As a layer of the project's own is tied; that one always has biases, so a layer without lends it some."""
    hidden, projection = _hidden(variables)
    end = next(name for name in variables if name.startswith("weight_ih")).removeprefix("weight_ih")
    lent = {f"{bias}{end}": torch.zeros(len(variables[f"weight_ih{end}"])) for bias in ("bias_ih", "bias_hh")}
    network = {"cell": part.cell, "form": "layer", "units": [hidden], "projection_size": projection}
    spec = ExperimentSpec.model_validate({"task": "sine", "network": network, "training": {}, "conventions": HOME})
    return [
        replace(tie, canonical=tuple(prefix + name.rpartition("/")[2] for name in tie.canonical))
        for tie in bind_layer(spec, 0, "forward", lent | variables, stock=True)
        if tie.name in variables
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
        held = f"keys {', '.join(map(str, list(state)[:4]))}" if isinstance(state, dict) else type(state).__name__
        raise UserError(f"is no state dict but holds {held}; allowed: a flat dict of names and tensors")
    if wrong := next((name for name, value in state.items() if value.dtype not in _DTYPES), None):
        raise UserError(f"{wrong} is {state[wrong].dtype}; allowed: float16, float32, float64")
    return {name: value.detach().clone() for name, value in state.items()}


def _modules(state: dict[str, torch.Tensor]) -> dict[str, list[Part]]:
    """Module's name → its parts, several where it stacks layers; in the order in which they appear."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in state.items():
        module, _, kind = name.rpartition(".")
        found.setdefault(module, {})[kind] = value
    return {name: list(_parts(name, variables)) for name, variables in found.items()}


def _parts(name: str, variables: dict[str, torch.Tensor]) -> Iterator[Part]:
    layers: dict[int, dict[bool, dict[str, torch.Tensor]]] = {}
    for kind, value in variables.items():
        if match := _RECURRENT.fullmatch(kind):
            layer = int((match[1] or "_l0")[2:])
            layers.setdefault(layer, {}).setdefault(bool(match[2]), {})[kind] = value
        elif (
            kind not in ("weight", "bias") or value.ndim != {"weight": 2, "bias": 1}[kind] or "weight" not in variables
        ):
            allowed = "embedding, nn.RNN, nn.LSTM, nn.GRU and their cells, linear"
            raise UserError(
                f"{f'{name}.{kind}'.lstrip('.')} {tuple(value.shape)} is of an unsupported layer; allowed: {allowed}"
            )
    if not layers:
        yield Part(name, "plain", (variables,))
    elif "weight" in variables:
        raise UserError(f"{name}.weight is beside a recurrent layer's own weights; allowed: those alone")
    for _, directions in sorted(layers.items()):
        ties = tuple(directions[reverse] for reverse in sorted(directions))
        yield Part(name, "rnn", ties, _cell(name, ties[0]))


def _cell(name: str, variables: dict[str, torch.Tensor]) -> str:
    """A cell is known by its gates: rows of weight_ih for each hidden unit."""
    hidden, projection = _hidden(variables)
    rows = len(next((value for kind, value in variables.items() if kind.startswith("weight_ih")), ()))
    cell = _CELLS.get(rows // hidden) if rows % hidden == 0 else None
    if cell is None or (projection and cell != "lstm"):
        raise UserError(
            f"{name or 'the module'}: {rows} rows for {hidden} hidden units; allowed a unit: 1 (RNN), 3 (GRU), 4 (LSTM)"
        )
    return "lstm_projection" if projection else cell


def _hidden(variables: dict[str, torch.Tensor]) -> tuple[int, int | None]:
    """Hidden units, and the size of their projection, None without one."""
    shapes = {kind[:9]: value.shape for kind, value in variables.items()}
    if {len(shapes.get(kind, ())) for kind in ("weight_ih", "weight_hh")} != {2}:
        raise UserError(f"{', '.join(variables)} make no recurrent layer; allowed: weight_ih and weight_hh of 2 axes")
    return (shapes["weight_hr"][1], shapes["weight_hr"][0]) if "weight_hr" in shapes else (shapes["weight_hh"][1], None)


def _as_registered(modules: dict[str, list[Part]]) -> list[Part]:
    """What stands before the recurrent layers is the embedding, what after them the head."""
    parts = [*chain(*modules.values())]
    first = next((index for index, part in enumerate(parts) if part.room == "rnn"), 0)
    if wrong := next((part for part in parts[:first] if "bias" in part.variables[0]), None):
        raise UserError(f"{wrong.name}: a linear layer before the recurrent ones; allowed: an embedding")
    rooms = {True: "embedding", False: "head"}
    return [
        part if part.room == "rnn" else replace(part, room=rooms[index < first]) for index, part in enumerate(parts)
    ]


def _by_width(modules: dict[str, list[Part]]) -> list[Part]:
    """The one order in which each part takes what the one before it gives; modules told apart by number keep to it."""
    recurrent, other = ({k: v for k, v in modules.items() if (v[0].room == "rnn") is want} for want in (True, False))
    tables = [None, *(name for name in other if "bias" not in other[name][0].variables[0])]
    candidates = [
        _rooms(table and other[table], [*chain(*rnn)], [*chain(*heads)])
        for table in tables
        for rnn, heads in product(_orders(recurrent), _orders({k: v for k, v in other.items() if k != table}))
    ]
    fits = [all(a[1] == b[0] for a, b in pairwise(map(_widths, parts))) for parts in candidates]
    fitting = candidates if len(candidates) == 1 else [*compress(candidates, fits)]
    if len(fitting) != 1:
        raise UserError(
            f"safetensors keep no order, and {', '.join(modules)} fit together in {len(fitting)}; "
            "allowed: a .pt of the state dict, or its order by --like STATE.pt"
        )
    return fitting[0]


def _rooms(table: list[Part] | None, recurrent: list[Part], heads: list[Part]) -> list[Part]:
    kinds = {"embedding": table or (), "head": heads}
    embedding, head = ([replace(part, room=kind) for part in parts] for kind, parts in kinds.items())
    return [*embedding, *recurrent, *head]


def _orders(modules: dict[str, list[Part]]) -> Iterator[list[list[Part]]]:
    families: dict[str, list[str]] = {}
    for name in modules:
        families.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    if len(families) > 6:  # 720 orders
        raise UserError(f"safetensors keep no order of {', '.join(modules)}; allowed: a .pt of the state dict")
    by_number = [sorted(names, key=lambda name: [*map(int, re.findall(r"\d+", name))]) for names in families.values()]
    for order in permutations(by_number):
        yield [modules[name] for name in chain(*order)]


def _widths(part: Part) -> tuple[int, int]:
    """The widths of a part's input and output."""
    first = part.variables[0]
    if part.room in ("embedding", "head"):
        rows, columns = first["weight"].shape
        return (0, columns) if part.room == "embedding" else (columns, rows)
    hidden, projection = _hidden(first)
    kernel = next(value for kind, value in first.items() if kind.startswith("weight_ih"))
    return (kernel.shape[1], (projection or hidden) * len(part.variables))


def _one_module(weights: Weights, cells: list[str]) -> bool:
    """Whether one module can stack the layers: the same cell, units and directions in each."""
    rows = [(name.split("/"), value.shape[-1]) for name, value in weights.items() if name.startswith("rnn/")]
    outlines = [{(*name[2:], width) for name, width in rows if name[1] == str(layer)} for layer in range(len(cells))]
    return len(set(cells)) == 1 and all(outline == outlines[0] for outline in outlines)


def _place(name: str) -> tuple:
    """Canonical names in the order of a module's own state dict."""
    room, *middle, kind = name.split("/")
    kinds = ("table", *NATIVE_NAMES, "projection")
    index = int(middle[0]) if middle else 0
    return ("embedding", "rnn", "head").index(room), index, "backward" in middle, kinds.index(kind)


def _native_name(name: str, stacks: bool, heads: int) -> str:
    room, *middle, kind = name.split("/")
    if room == "embedding":
        return "embedding.weight"
    if room == "head":
        return f"head{f'.{middle[0]}' * (heads > 1)}.{'weight' if kind == 'kernel' else 'bias'}"
    module, layer = ("rnn", middle[0]) if stacks else (f"rnn.{middle[0]}", "0")
    word = "weight_hr" if kind == "projection" else NATIVE_NAMES[kind]
    return f"{module}.{word}_l{layer}{'_reverse' * (middle[1] == 'backward')}"


def _native_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """(inputs, gates, hidden) is kept as (gates·hidden, inputs), a bias flat, a linear map as (outputs, inputs)."""
    if name.endswith("bias"):
        return (int(np.prod(shape)),)
    return shape if name.startswith("embedding") else (int(np.prod(shape[1:])), shape[0])
