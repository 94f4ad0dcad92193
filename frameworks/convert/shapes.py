"""Canonical weights are one stack of recurrent layers with their cells' shapes, and fit the model they go into."""

import numpy as np

from experiments.canonical import Weights, layer_shapes
from experiments.cells import CELLS
from experiments.errors import UserError
from experiments.spec import NetworkSpec
from frameworks.convert.outline import Outline

DTYPES = ("float16", "float32", "float64")


def check(weights: Weights, cells: list[str], outline: Outline | None) -> None:
    """Check that the weights are one stack of recurrent layers, then dense ones, with their cells' shapes.

    Raises:
        UserError: which weight is wrong, and what is allowed.
    """
    if wrong := next((name for name, value in weights.items() if value.dtype.name not in DTYPES), None):
        raise UserError(f"{wrong} is {weights[wrong].dtype}; allowed: {', '.join(DTYPES)}")
    if not cells:
        raise UserError("holds no recurrent layer; allowed: simple_rnn, lstm, gru")
    _check_outline(weights, cells, outline)
    merges = [step.merge for step in outline.recurrent] if outline else ["concat"] * len(cells)
    width = weights["embedding/table"].shape[-1] if "embedding/table" in weights else None
    for layer, (cell, merge) in enumerate(zip(cells, merges, strict=True)):
        width = _check_layer(weights, layer, cell, width)
        if merge != "concat" and f"rnn/{layer}/backward/kernel" in weights:
            width //= 2
    if wrong := next((name for name in weights if name.startswith("rnn/") and int(name.split("/")[1]) > layer), None):
        raise UserError(f"{wrong}: its layer has no cell; cells are given for {len(cells)} layers")
    _check_heads(weights, width)


def _check_outline(weights: Weights, cells: list[str], outline: Outline | None) -> None:
    """Check that an outline, which a file may carry beside its weights, is of the same layers."""
    if outline is None:
        return
    both_ways = [f"rnn/{layer}/backward/kernel" in weights for layer in range(len(cells))]
    words = ["embedding"] * ("embedding/table" in weights)
    heads = {int(name.split("/")[1]) for name in weights if name.startswith("head/")}
    if (
        [step.cell for step in outline.recurrent] != cells
        or [step.both_ways for step in outline.recurrent] != both_ways
        or [step.kind for step in outline.steps if step.kind == "embedding"] != words
        or len(outline.dense) != len(heads)
    ):
        raise UserError("its description names other layers than its weights; allowed: the same")


def _check_heads(weights: Weights, width: int) -> None:
    """Check that each dense layer takes what the one before gives."""
    heads = sorted({int(name.split("/")[1]) for name in weights if name.startswith("head/")})
    for index in heads:
        kernel = weights.get(f"head/{index}/kernel", np.empty(0))
        if kernel.ndim != 2 or kernel.shape[0] != width:
            raise UserError(
                f"head/{index}/kernel: {kernel.shape}; allowed: ({width}, outputs), as it gets {width} features"
            )
        width = kernel.shape[1]


def _check_layer(weights: Weights, layer: int, cell: str, width: int | None) -> int:
    """Check a layer that takes ``width`` features, None if unknown; return the number of its outputs."""
    prefix = f"rnn/{layer}/"
    kernel = weights.get(f"{prefix}forward/kernel", np.empty(0))
    if kernel.ndim != 3 or 0 in kernel.shape:
        raise UserError(f"{prefix}forward/kernel: {kernel.shape}; allowed: (inputs, gates, hidden)")
    if width not in (None, kernel.shape[0]):
        raise UserError(f"{prefix}forward/kernel takes {kernel.shape[0]} features but gets {width}; allowed: a stack")
    projection = weights.get(f"{prefix}forward/projection", kernel) if CELLS[cell].has_projection else None
    network = NetworkSpec(
        cell=cell,
        form="layer",
        units=kernel.shape[-1:],
        bidirectional=any(name.startswith(f"{prefix}backward/") for name in weights),
        projection_size=None if projection is None else projection.shape[-1],
    )
    for direction in network.directions:
        shapes = layer_shapes(network, 0, kernel.shape[0], "pytorch")
        _compare(weights, {f"{prefix}{direction}/{kind}": shape for kind, shape in shapes.items()})
    return network.outputs[-1]


def _compare(weights: Weights, shapes: dict[str, tuple[int, ...]]) -> None:
    """Check one direction's weights against their shapes; biases may be missing."""
    prefix = next(iter(shapes)).rpartition("/")[0]
    for name in sorted(shapes.keys() | {name for name in weights if name.startswith(f"{prefix}/")}):
        if name not in shapes or (name not in weights and not name.endswith("bias")):
            raise UserError(f"{name} is {'not among' if name in weights else 'missing from'} this cell's weights")
        if name in weights and weights[name].shape != shapes[name]:
            raise UserError(f"{name}: {weights[name].shape}; allowed: {shapes[name]}")


def fit(weights: Weights, shapes: dict[str, tuple[int, ...]]) -> Weights:
    """Check weights against the model's shapes; a missing bias becomes zeros, which change no prediction.

    Raises:
        UserError: a weight is missing on either side, or the shapes differ.
    """
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name.endswith("bias")}
    for name in sorted(weights.keys() | (shapes.keys() - zeros.keys())):
        shape, model_shape = weights[name].shape if name in weights else "none", shapes.get(name, "none")
        if shape != model_shape:
            raise UserError(f"{name}: the weights have {shape}, the model {model_shape}; allowed: the same")
    return zeros | weights
