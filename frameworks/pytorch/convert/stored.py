"""The layers of a state dict, which stores no model: told by names, shapes and the order of the modules."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, compress, pairwise, permutations, product

import torch

from experiments.cells import CELLS
from experiments.errors import UserError
from frameworks.pytorch.convert.layers import SavedLayer, hidden_sizes

_CELLS_BY_GATES = {len(CELLS[name].gates): name for name in ("simple_rnn", "gru", "lstm")}
_RECURRENT = re.compile(r"(?:weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(_l\d+)?(_reverse)?")
_SUPPORTED = "embedding, nn.RNN, nn.LSTM, nn.GRU and their cells, linear"


def stored_layers(state: dict[str, torch.Tensor], ordered: bool) -> list[SavedLayer]:
    """Return a state dict's layers in order; ``ordered`` tells that its modules are in the order of registration.

    Raises:
        UserError: a layer is unsupported, or the order is unknown.
    """
    modules = _modules(state)
    return _as_registered(modules) if ordered else _by_width(modules)


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
    hidden, projection = hidden_sizes(variables)
    rows = len(next((value for kind, value in variables.items() if kind.startswith("weight_ih")), ()))
    cell = _CELLS_BY_GATES.get(rows // hidden) if rows % hidden == 0 else None
    if cell is None or (projection and cell != "lstm"):
        allowed = "1 (RNN), 3 (GRU) or 4 (LSTM) rows per unit"
        raise UserError(f"{name or 'the module'}: {rows} rows for {hidden} hidden units; allowed: {allowed}")
    return "lstm_projection" if projection else cell


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
    hidden, projection = hidden_sizes(first)
    kernel = next(value for kind, value in first.items() if kind.startswith("weight_ih"))
    return (kernel.shape[1], (projection or hidden) * len(layer.variables))
