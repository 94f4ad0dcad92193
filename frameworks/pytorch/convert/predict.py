"""Predict with a written file, through the module that it implies or the code that was written beside it."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from experiments.canonical import Weights
from frameworks.convert.outline import Outline
from frameworks.pytorch.convert.files import load_state, open_file
from frameworks.pytorch.convert.layers import SavedLayer
from frameworks.pytorch.convert.module import build, source


def predict(
    path: Path,
    like: Path | None,
    weights: Weights,
    described: Outline,
    inputs: list[np.ndarray],
    module: str | None,
) -> list[np.ndarray]:
    """Load the file and run it over batches: ``(B, T)`` tokens or ``(B, T, F)`` values -> the module's outputs.

    Without ``module``'s code the state dict's own tensors go into the module that ``described`` implies, layer by layer
    under its names: their order and layout are as the file has them.
    """
    model = build(module or source(weights, described, stack=False))
    state = load_state(path) if module else _renamed(open_file(path, like).layers)
    wide = max((value.dtype for value in state.values()), key=lambda dtype: dtype.itemsize)
    model = model.to(torch.float64 if wide == torch.float64 else torch.float32)  # float16 is slow and coarse on a CPU
    model.load_state_dict(state)
    model.eval()
    with torch.no_grad():
        return [model(_tensor(batch, model)).numpy() for batch in inputs]


def _tensor(batch: np.ndarray, model: nn.Module) -> torch.Tensor:
    dtype = next(model.parameters()).dtype
    return torch.tensor(batch, dtype=dtype if batch.dtype.kind == "f" else torch.int64)


def _renamed(layers: list[SavedLayer]) -> dict[str, torch.Tensor]:
    """Name each layer's tensors as ``source`` names them where nothing is stacked."""
    state, counts = {}, {"rnn": 0, "head": 0}
    heads = sum(layer.part == "head" for layer in layers)
    for layer in layers:
        index = counts.get(layer.part, 0)
        counts[layer.part] = index + 1
        if layer.part != "rnn":
            prefix = "embedding" if layer.part == "embedding" else f"head{f'.{index}' * (heads > 1)}"
            state |= {f"{prefix}.{kind}": value for kind, value in layer.variables[0].items()}
            continue
        for suffix, variables in zip(("", "_reverse"), layer.variables, strict=False):
            for kind, value in variables.items():
                stem = "_".join(kind.split("_")[:2])  # weight_ih of weight_ih_l1_reverse
                state[f"rnn.{index}.{stem}_l0{suffix}"] = value
    return state
