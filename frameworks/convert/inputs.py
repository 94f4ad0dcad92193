"""Random inputs that a conversion is checked with: several lengths, and padded rows where the model skips padding."""

import numpy as np

from experiments.canonical import Weights
from frameworks.convert.outline import Masking, Outline, sizes

LENGTHS = (1, 2, 5, 11)
ROWS = 8


def draw(weights: Weights, outlines: list[Outline]) -> list[np.ndarray]:
    """Draw batches of tokens ``(B, T)`` or values ``(B, T, F)``, as many and as long as the models allow.

    ``outlines`` are the source's and the target's: what either fixes or masks is fixed or padded in the inputs.
    """
    rng = np.random.default_rng(0)
    batch = next((outline.batch for outline in outlines if outline.batch), ROWS)
    time = next((outline.time for outline in outlines if outline.time), None)
    padding = next((outline.padding for outline in outlines if outline.padding), None)
    batches = []
    for length in (time,) if time else LENGTHS:
        rows = _rows(rng, weights, -(-ROWS // batch) * batch, length, padding is not None)
        if padding is not None:
            value = padding.value if isinstance(padding, Masking) else 0
            rows[_padded(len(rows), length)] = value
        batches += np.split(rows, len(rows) // batch)
    return batches


def _rows(rng: np.random.Generator, weights: Weights, rows: int, length: int, padded: bool) -> np.ndarray:
    if "embedding/table" in weights:
        words = len(weights["embedding/table"])
        return rng.integers(int(padded and words > 1), words, (rows, length)).astype("int32")
    return rng.standard_normal((rows, length, sizes(weights, 0)[0])).astype("float32")


def _padded(rows: int, length: int) -> np.ndarray:
    """Mark the padding of each row: left, right, both sides, a hole, all but one step, all; the others have none."""
    mask, half, last = np.zeros((rows, length), bool), length // 2, length - 1
    mask[1, :half] = True
    mask[2, length - half :] = True
    mask[3, :last] = True
    mask[4, length - last :] = True
    mask[5, :] = True
    mask[6, half : half + max(0, length - 2) // 2] = True
    return mask
