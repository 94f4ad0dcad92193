"""What the traps' functions are given: arrays drawn from a seed, the same for both twins."""

from typing import Any, NamedTuple

import numpy as np

from experiments import draws

ROWS, STEPS, INPUTS, UNITS = 8, 20, 6, 16
COPIES = 4_000  # of one row, each with its own dropout mask: the spread is then known to about 1 %


class Cell(NamedTuple):
    """One layer's weights in canonical layout; ``recurrent_bias`` only where the cell has a second bias."""

    kernel: np.ndarray  # (I, G, H)
    recurrent_kernel: np.ndarray  # (H, G, H)
    bias: np.ndarray  # (G, H)
    recurrent_bias: np.ndarray  # (G, H)


def cell(rng: np.random.Generator, gates: int = 4, inputs: int = INPUTS, units: int = UNITS) -> Cell:
    """Weights of a trained network's size: larger than initial ones, so that the gates differ."""
    shapes = (inputs, gates, units), (units, gates, units), (gates, units), (gates, units)
    return Cell(*(_normal(rng, *shape, scale=0.5) for shape in shapes))


def _normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def plain(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), and an LSTM's weights."""
    rng = draws.generator(seed, "plain")
    return {"x": _normal(rng, ROWS, STEPS, INPUTS), "weights": cell(rng)}


def padded(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), right-padded with the padding word's vector, lengths (8,), and an LSTM's weights."""
    rng = draws.generator(seed, "padded")
    x, lengths = _padded(rng)
    return {"x": x, "lengths": lengths, "weights": cell(rng)}


def _padded(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, word = _normal(rng, ROWS, STEPS, INPUTS), _normal(rng, INPUTS)
    lengths = rng.permutation(np.linspace(3, STEPS, ROWS).astype(np.int64))
    x[np.arange(STEPS) >= lengths[:, None]] = word
    return x, lengths


def gru_arrays(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), and a GRU's arrays as its framework keeps them: kernels (6, 48) and (16, 48), biases (48,)."""
    rng = draws.generator(seed, "gru arrays")
    names = ("kernel", "recurrent", "bias", "recurrent_bias")
    shapes = (INPUTS, 3 * UNITS), (UNITS, 3 * UNITS), (3 * UNITS,), (3 * UNITS,)
    drawn = {name: _normal(rng, *shape, scale=0.5) for name, shape in zip(names, shapes, strict=True)}
    return {"x": _normal(rng, ROWS, STEPS, INPUTS)} | drawn


def updates(seed: int) -> dict[str, Any]:
    """gradients (50, 200): a parameter's in fifty steps, from 1e-8 to 1e-2 in size, as an embedding's rows are."""
    rng = draws.generator(seed, "updates")
    sizes = 10.0 ** rng.uniform(-8, -2, 200)
    return {"gradients": (sizes * rng.standard_normal((50, 200))).astype(np.float32)}
