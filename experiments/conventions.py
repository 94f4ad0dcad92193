"""The choices a framework makes for you, as data, and every random draw that follows from them.

Under ``stock`` each framework follows its own habits with its own random numbers. Under ``keras`` and ``pytorch``
one framework's habits are imposed on both, and everything random (weights, batch order, dropout masks) is drawn
here, once, in NumPy. A single field may be overridden: ``{base = "pytorch", embedding = "keras"}`` is an ablation.
"""

from collections.abc import Iterator
from typing import Literal, Self
from zlib import crc32

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

Owner = Literal["keras", "pytorch"]

#: What each field means under each owner; the README shows the same table, and a test holds the two together.
TABLE: dict[str, dict[Owner, str]] = {
    "embedding": {"keras": "U(−0.05, 0.05)", "pytorch": "N(0, 1)"},
    "kernel": {"keras": "Glorot uniform over (inputs, gates·hidden)", "pytorch": "U(±1/√hidden)"},
    "recurrent_kernel": {"keras": "orthogonal over (hidden, gates·hidden)", "pytorch": "U(±1/√hidden)"},
    "bias": {
        "keras": "zeros, forget gate 1; one bias (two for reset-after GRU)",
        "pytorch": "U(±1/√hidden); always two, both trained",
    },
    "head": {"keras": "Glorot uniform, zero bias", "pytorch": "U(±1/√inputs), both"},
    "dropout": {
        "keras": "on the input of every recurrent layer, one mask shared by all time steps",
        "pytorch": "between stacked layers, a fresh mask every step",
    },
    "adam": {"keras": "ε=1e-7 added to the uncorrected √v", "pytorch": "ε=1e-8 added to the corrected √v̂"},
    "rmsprop": {"keras": "ρ=0.9, ε=1e-7 inside the root", "pytorch": "α=0.99, ε=1e-8 outside the root"},
    "adagrad": {
        "keras": "accumulator from 0.1, ε=1e-7 inside the root",
        "pytorch": "accumulator from 0, ε=1e-10 outside the root",
    },
    "clipping": {"keras": "per variable unless told global", "pytorch": "global, denominator + 1e-6"},
    "batches": {
        "keras": "shuffle buffer of 1,000, last partial batch dropped",
        "pytorch": "full permutation, last batch kept",
    },
}

SHUFFLE_BUFFER = 1_000
ADAGRAD_START: dict[Owner, float] = {"keras": 0.1, "pytorch": 0.0}  # of the accumulator


class Conventions(BaseModel):
    """Whose habits an experiment follows, field by field (see ``TABLE``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Literal["stock", "keras", "pytorch"] = "stock"
    embedding: Owner | None = None
    kernel: Owner | None = None
    recurrent_kernel: Owner | None = None
    bias: Owner | None = None
    head: Owner | None = None
    dropout: Owner | None = None
    adam: Owner | None = None
    rmsprop: Owner | None = None
    adagrad: Owner | None = None
    clipping: Owner | None = None
    batches: Owner | None = None

    @model_validator(mode="after")
    def _overrides_need_an_imposed_base(self) -> Self:
        if self.base == "stock" and self.overrides:
            raise ValueError(
                "under base 'stock' each framework draws its own random numbers, so single fields "
                "cannot be overridden; allowed: base = 'keras' or 'pytorch' with overrides"
            )
        return self

    @property
    def imposed(self) -> bool:
        """Whether both twins follow the same written conventions and the same draws."""
        return self.base != "stock"

    @property
    def overrides(self) -> dict[str, Owner]:
        """The fields set apart from the base; a field set to the base itself is none."""
        return {name: owner for name in TABLE if (owner := getattr(self, name)) not in (None, self.base)}

    @property
    def label(self) -> str:
        """Short text for names and tables, such as ``pytorch+embedding=keras``."""
        return "+".join([self.base, *(f"{name}={owner}" for name, owner in self.overrides.items())])

    def owner(self, field: str, home: Owner) -> Owner:
        """Whose habit holds for ``field``; ``home`` is the framework's own, which ``stock`` falls back on."""
        return getattr(self, field) or (self.base if self.imposed else home)


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """An independent random stream for each purpose, so that an ablation moves one draw and leaves the rest."""
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


def batch_order(owner: Owner, samples: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The sample indices of one epoch's batches, each ``(batch,)``."""
    order = _buffer_shuffle(samples, rng) if owner == "keras" else rng.permutation(samples)
    stop = samples - samples % batch_size if owner == "keras" else samples
    for start in range(0, stop, batch_size):
        yield order[start : start + batch_size]


def stream_order(samples: int, batch_size: int) -> Iterator[np.ndarray]:
    """The same for windows in text order, each row a stream: row k of a batch goes on where row k of the last stopped.

    The windows are cut into ``batch_size`` runs of equal length; those left over are not seen. Neither framework has
    such batches of its own, so they are the same under every conventions.
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
    """One factor for each recurrent layer's input: 0 where dropped, 1/(1−rate) where kept, None where none drops.

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
