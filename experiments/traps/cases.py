"""What the traps' functions are given: arrays drawn from a seed, the same for both twins."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from experiments import draws, tasks
from experiments.tasks import Task
from experiments.tasks.digits import DigitsSpec
from experiments.tasks.imdb import ImdbSpec

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


def either_side(seed: int) -> dict[str, Any]:
    """The same eight rows padded_left and padded_right (8, 20, 6), lengths (8,), and an LSTM's weights."""
    case = padded(seed)
    padded_right, lengths = case["x"], case["lengths"]
    padded_left = np.stack([np.roll(row, -n, axis=0) for row, n in zip(padded_right, lengths, strict=True)])
    return {"padded_left": padded_left, "padded_right": padded_right, "lengths": lengths, "weights": case["weights"]}


def padded_both_ways(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), right-padded, lengths (8,), and the weights of an LSTM's two directions."""
    rng = draws.generator(seed, "padded both ways")
    x, lengths = _padded(rng)
    return {"x": x, "lengths": lengths, "forward": cell(rng), "backward": cell(rng)}


def padded_two_layers(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), right-padded, lengths (8,), and the weights of two LSTM layers."""
    rng = draws.generator(seed, "padded two layers")
    x, lengths = _padded(rng)
    return {"x": x, "lengths": lengths, "lower": cell(rng), "upper": cell(rng, inputs=UNITS)}


def with_empty_rows(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), right-padded, lengths (8,) of which two are 0, and an LSTM's weights."""
    case = padded(seed)
    rows = case["lengths"] <= np.sort(case["lengths"])[1]
    case["x"][rows], case["lengths"][rows] = case["x"][rows, -1:], 0
    return case


def tagged(seed: int) -> dict[str, Any]:
    """logits (8, 20, 10), sure of padding, and targets (8, 20), of which 0 is padding."""
    rng = draws.generator(seed, "tagged")
    _, lengths = _padded(rng)
    targets = rng.integers(1, 10, (ROWS, STEPS))
    targets[np.arange(STEPS) >= lengths[:, None]] = 0
    logits = _normal(rng, ROWS, STEPS, 10)
    logits[..., 0] += 6 * (targets == 0)  # a trained network knows padding
    return {"logits": logits, "targets": targets}


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


def gru_plain(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), and a GRU's weights in canonical layout, gates z, r, h, with both biases."""
    rng = draws.generator(seed, "gru")
    return {"x": _normal(rng, ROWS, STEPS, INPUTS), "weights": cell(rng, gates=3)}


def both_ways(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), and the weights of an LSTM's two directions."""
    rng = draws.generator(seed, "both ways")
    return {"x": _normal(rng, ROWS, STEPS, INPUTS), "forward": cell(rng), "backward": cell(rng)}


def two_layers(seed: int) -> dict[str, Any]:
    """x (8, 20, 6), and the weights of two LSTM layers."""
    rng = draws.generator(seed, "two layers")
    return {"x": _normal(rng, ROWS, STEPS, INPUTS), "lower": cell(rng), "upper": cell(rng, inputs=UNITS)}


def two_texts(seed: int) -> dict[str, Any]:
    """first (8, 20, 6) and second (8, 3, 6), eight texts each, and an LSTM's weights."""
    rng = draws.generator(seed, "two texts")
    first, second = _normal(rng, ROWS, STEPS, INPUTS), _normal(rng, ROWS, 3, INPUTS)
    return {"first": first, "second": second, "weights": cell(rng)}


def batches(seed: int) -> dict[str, Any]:
    """batches (100, 64, 16) of an LSTM's outputs in training, with mean 0.3 and spread 0.2, and x (8, 16) alike."""
    rng = draws.generator(seed, "batches")
    drawn = 0.3 + _normal(rng, 101, 64, UNITS, scale=0.2)
    return {"batches": drawn[:-1], "x": drawn[-1, :ROWS]}


def small_outputs(seed: int) -> dict[str, Any]:
    """x (8, 16): an LSTM's outputs at the start of training, with a spread of 0.03."""
    return {"x": _normal(draws.generator(seed, "small outputs"), ROWS, UNITS, scale=0.03)}


def updates(seed: int) -> dict[str, Any]:
    """gradients (50, 200): a parameter's in fifty steps, from 1e-8 to 1e-2 in size, as an embedding's rows are."""
    rng = draws.generator(seed, "updates")
    sizes = 10.0 ** rng.uniform(-8, -2, 200)
    return {"gradients": (sizes * rng.standard_normal((50, 200))).astype(np.float32)}


def decayed(seed: int) -> dict[str, Any]:
    """start (100,), a parameter, and gradients (200, 100), its own in 200 steps."""
    rng = draws.generator(seed, "decayed")
    return {"start": _normal(rng, 100), "gradients": _normal(rng, 200, 100, scale=0.01)}


def two_gradients(seed: int) -> dict[str, Any]:
    """kernel_gradient (6, 16) of norm about 10 and bias_gradient (16,) of norm about 2."""
    rng = draws.generator(seed, "two gradients")
    return {"kernel_gradient": _normal(rng, INPUTS, UNITS), "bias_gradient": _normal(rng, UNITS, scale=0.5)}


def trained(seed: int) -> dict[str, Any]:
    """x (8, 20, 6) and y (8, 16), which an LSTM of these weights is trained to give at the last step."""
    rng = draws.generator(seed, "trained")
    return {"x": _normal(rng, ROWS, STEPS, INPUTS), "y": _normal(rng, ROWS, UNITS, scale=0.5), "weights": cell(rng)}


def schedule(seed: int) -> dict[str, Any]:
    """Three epochs of 20 batches."""
    return {"epochs": 3, "batches": 20}


def started(seed: int) -> dict[str, Any]:
    """x (8, 20, 6); kernel (6, 64) and recurrent (16, 64) as Keras starts an LSTM; bias (64,), PyTorch's two summed."""
    rng = draws.generator(seed, "started")
    x, limit = _normal(rng, ROWS, STEPS, INPUTS), UNITS**-0.5
    kernel = draws.glorot_uniform(rng, INPUTS, 4 * UNITS).astype(np.float32)
    recurrent = draws.orthogonal(rng, UNITS, 4 * UNITS).astype(np.float32)
    bias = draws.uniform(rng, (2, 4 * UNITS), limit).sum(axis=0).astype(np.float32)
    return {"x": x, "kernel": kernel, "recurrent": recurrent, "bias": bias}


def units(seed: int) -> dict[str, Any]:
    """An LSTM of 16 units."""
    return {"units": UNITS}


def copies(seed: int) -> dict[str, Any]:
    """x (4000, 20, 6), one row 4,000 times, each to have a dropout mask of its own, and an LSTM's weights."""
    case = plain(seed)
    return {"x": np.repeat(case["x"][:1], COPIES, axis=0), "weights": case["weights"]}


def copies_two_layers(seed: int) -> dict[str, Any]:
    """x (4000, 20, 6), one row 4,000 times, each to have dropout masks of its own, and two LSTM layers' weights."""
    case = two_layers(seed)
    return case | {"x": np.repeat(case["x"][:1], COPIES, axis=0)}


def sorted_labels(seed: int) -> dict[str, Any]:
    """labels (16384,), first all 0, then all 1, batches of 32, and a buffer of 1,000."""
    labels = np.repeat(np.float32([0, 1]), 8_192)
    return {"labels": labels, "batch_size": 32, "buffer": 1_000}


def last_batch_of_one(seed: int) -> dict[str, Any]:
    """outputs (97, 1) and their targets (97, 1), in batches of 32: the last batch has one sample."""
    rng = draws.generator(seed, "last batch")
    return {"outputs": _normal(rng, 97, 1), "targets": _normal(rng, 97, 1), "batch_size": 32}


def vanishing(seed: int) -> dict[str, Any]:
    """x (32, 240, 32), and the weights of an LSTM of 64 units as PyTorch starts them."""
    rng, limit = draws.generator(seed, "vanishing"), 64**-0.5
    shapes = (32, 4, 64), (64, 4, 64), (4, 64), (4, 64)
    weights = Cell(*(draws.uniform(rng, shape, limit).astype(np.float32) for shape in shapes))
    return {"x": _normal(rng, 32, 240, 32), "weights": weights}


def large_blocks(seed: int) -> dict[str, Any]:
    """A batch of 128 rows of 80 steps, read by two LSTM layers of 64 units."""
    return {"batch": 128, "steps": 80, "units": 64}


def digits(seed: int) -> dict[str, Any]:
    """data: 1,500 images of digits, each read as 8 rows, and 297 to test; 5 epochs."""
    return {"data": _loaded(DigitsSpec()), "epochs": 5, "seed": seed}


def reviews(seed: int) -> dict[str, Any]:
    """data: 3,000 film reviews, the last 30 words of each, and 2,000 to test; 2 epochs."""
    spec = ImdbSpec(words=5_000, tokens=30, train_reviews=3_000, test_reviews=2_000)
    return {"data": _loaded(spec), "epochs": 2, "seed": seed}


@cache
def _loaded(spec: DigitsSpec | ImdbSpec) -> Task:
    return tasks.load(spec, tasks.locate(spec), "float32")
