"""Every random draw under imposed conventions: initial weights' distributions, batch orders, dropout masks."""

from collections.abc import Iterator
from zlib import crc32

import numpy as np

from experiments.conventions import Owner

SHUFFLE_BUFFER = 1_000
POOL = 20  # batches that are sorted by length together


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """An independent random generator for each purpose, so that an ablation changes one draw and leaves the rest."""
    return np.random.default_rng([seed, *(crc32(str(name).encode()) for name in names)])


def uniform(rng: np.random.Generator, shape: tuple[int, ...], limit: float) -> np.ndarray:
    """U(−limit, limit)."""
    return rng.uniform(-limit, limit, shape)


def glorot_uniform(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Glorot & Bengio (2010), eq. 16: U(±√(6 / (rows + columns)))."""
    return uniform(rng, (rows, columns), np.sqrt(6 / (rows + columns)))


def orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Saxe et al. (2014): the Q of a normal matrix, signs fixed by R's diagonal so that Q is uniform."""
    normal = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


def batch_order(pipeline: str, samples: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The sample indices of one epoch's batches, each ``(batch,)``.

    By default a full permutation, the last partial batch kept: Keras's ``fit`` on arrays and PyTorch's ``DataLoader``
    do so. ``tf.data`` is the pipeline of TensorFlow's IMDB tutorials: ``shuffle(1_000).batch(drop_remainder=True)``.
    """
    buffered = pipeline == "tf.data"
    order = _buffer_shuffle(samples, rng) if buffered else rng.permutation(samples)
    for start in range(0, samples - samples % batch_size if buffered else samples, batch_size):
        yield order[start : start + batch_size]


def bucketed_order(lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The sample indices of batches whose rows have about the same length, each ``(batch,)``.

    A permutation is cut into pools of 20 batches, each pool sorted by length and cut into batches; these are shuffled.
    """
    order, pool = rng.permutation(len(lengths)), POOL * batch_size
    batches = []
    for start in range(0, len(order), pool):
        chosen = order[start : start + pool]
        chosen = chosen[np.argsort(lengths[chosen], kind="stable")]
        batches += [chosen[first : first + batch_size] for first in range(0, len(chosen), batch_size)]
    yield from (batches[place] for place in rng.permutation(len(batches)))


def stateful_order(samples: int, batch_size: int) -> Iterator[np.ndarray]:
    """The sample indices of batches whose row k continues row k of the batch before, each ``(batch,)``.

    The windows, in text order, are cut into ``batch_size`` runs of equal length; those left over are not used. Neither
    framework has such batches, so they are the same under all conventions.
    """
    steps = samples // batch_size
    for step in range(steps):
        yield np.arange(batch_size) * steps + step


def _buffer_shuffle(samples: int, rng: np.random.Generator) -> np.ndarray:
    """``tf.data.Dataset.shuffle``: draw from a buffer of 1,000 and refill it with the next sample in turn."""
    buffer = list(range(min(SHUFFLE_BUFFER, samples)))
    order = np.empty(samples, dtype=np.int64)
    draws = rng.random(samples)
    for position in range(samples):
        slot = int(draws[position] * len(buffer))
        order[position] = buffer[slot]
        following = position + SHUFFLE_BUFFER
        if following < samples:
            buffer[slot] = following
        else:
            buffer[slot] = buffer[-1]
            buffer.pop()
    return order


Masks = tuple[np.ndarray | None, ...]


def dropout_masks(
    owner: Owner,
    rate: float,
    inputs: tuple[int, ...],
    batch: int,
    time: int,
    dtype: str,
    rng: np.random.Generator,
) -> Masks:
    """One factor for each recurrent layer's input: 0 where dropped, 1/(1−rate) where kept; None without dropout.

    ``inputs`` holds each layer's input size. Keras masks are ``(B, 1, I)``; PyTorch's ``(B, T, I)``, the first None.
    """
    if rate == 0:
        return (None,) * len(inputs)
    steps = 1 if owner == "keras" else time
    first = 0 if owner == "keras" else 1
    return (None,) * first + tuple(dropout_mask(rate, (batch, steps, size), dtype, rng) for size in inputs[first:])


def dropout_mask(rate: float, shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Inverted dropout: 0 with probability ``rate``, else 1/(1−rate)."""
    return (rng.random(shape, dtype=np.float32) >= rate) * np.asarray(1 / (1 - rate), dtype)
