"""PyTorch's state dicts, opened without running the code that a pickle may carry, and written."""

import re
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from experiments.canonical import Weights
from experiments.errors import UserError
from frameworks.convert.outline import Outline
from frameworks.pytorch.convert.layers import SavedLayer
from frameworks.pytorch.convert.module import stacks
from frameworks.pytorch.convert.stored import stored_layers
from frameworks.pytorch.weights import NATIVE_NAMES

_DTYPES = (torch.float16, torch.float32, torch.float64)


@dataclass(frozen=True)
class OpenedFile:
    """An opened file: the state dict; its layers with weights in order; ``outline`` is None: it stores no model."""

    content: dict[str, torch.Tensor]
    layers: list[SavedLayer]
    outline: Outline | None = None


def open_file(path: Path, like: Path | None) -> OpenedFile:
    """Open a state dict; only tensors are unpickled.

    Safetensors are sorted by name: the order of the modules is taken from ``like``, a ``.pt`` with the same names, or
    from the layers' widths.

    Raises:
        UserError: it holds other things than weights, a layer is unsupported, or the order is unknown.
    """
    state, ordered = load_state(path), path.suffix != ".safetensors"
    if like is not None and not ordered:
        names = list(load_state(like))
        if set(names) == set(state):
            state, ordered = {name: state[name] for name in names}, like.suffix != ".safetensors"
    return OpenedFile(state, stored_layers(state, ordered))


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """Load a state dict; only tensors are unpickled."""
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


def make(weights: Weights, cells: list[str], described: Outline | None, module: str | None) -> OpenedFile:
    """Make a state dict of zeros with the usual names: ``embedding.weight``, ``rnn.weight_ih_l0``, ``head.weight``, ….

    Layers that one ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` cannot stack get a module each: ``rnn.0.weight_ih_l0``,
    ``rnn.1.weight_ih_l0``; several linear layers are ``head.0``, ``head.1``. With ``module``'s code the names are its.
    """
    stacked = stacks(weights, described) if module and described else _one_module(weights, cells)
    heads = len({name.split("/")[1] for name in weights if name.startswith("head/")})
    state = {}
    for name in sorted(weights, key=_order_key):
        native = _native_name(name, stacked, heads)
        shape = _native_shape(name, weights[name].shape)
        state[native] = torch.zeros(shape, dtype=getattr(torch, weights[name].dtype.name))
        if name.endswith("/bias") and name.startswith("rnn/"):  # a module with biases has both
            state[native.replace("bias_ih", "bias_hh")] = torch.zeros_like(state[native])
    return OpenedFile(state, stored_layers(state, ordered=True))


def save(opened: OpenedFile, path: Path) -> None:
    """Write the state dict by the path's extension."""
    if path.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in opened.content.items()}, path)
    else:
        torch.save(opened.content, path)


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
