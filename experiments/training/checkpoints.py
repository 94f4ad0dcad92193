"""Checkpoints of long trials: one file a trial, written after each epoch and removed when the trial is done.

A file holds everything that training continues from (see ``Model.checkpoint``), the canonical weights and the carried
states in readable form, and what the trial has reported so far. A resumed trial has the same curve, bit for bit.
"""

import json
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from experiments.canonical import Weights
from experiments.tasks.cache import cache_folder

VERSION = 1  # raise it with any change of what is kept: files of another version are ignored
SUFFIX = ".safetensors"


@dataclass
class Progress:
    """What a trial has reported: each epoch's metrics, the seconds of every step, the texts it generated."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)


def folder() -> Path:
    """The folder of checkpoints, inside the cache folder."""
    return cache_folder() / "checkpoints"


def path(fingerprint: str) -> Path:
    """A trial's file."""
    return folder() / f"{fingerprint}{SUFFIX}"


def save(fingerprint: str, arrays: Weights, progress: Progress) -> None:
    """Replace the last checkpoint, completely or not at all.

    If the disk cannot take it, the trial goes on without a checkpoint.
    """
    arrays = {name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in arrays.items()}
    facts = {"fingerprint": fingerprint, "version": str(VERSION), "digest": _digest(arrays)}
    facts |= {name: json.dumps(value) for name, value in asdict(progress).items()}
    place = path(fingerprint)
    with suppress(OSError, SafetensorError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".half-") as half:
            made = Path(half) / place.name
            save_file(arrays, made, facts)
            made.replace(place)


def find(fingerprint: str) -> tuple[Weights, Progress] | None:
    """A trial's checkpoint, or None; a file that is broken or not a checkpoint is removed."""
    place = path(fingerprint)
    try:
        with safe_open(place, "numpy") as file:
            facts = file.metadata() or {}
            names = file.keys()  # no dict: it cannot be walked through
            arrays = {name: np.array(file.get_tensor(name)) for name in names}
        expected = {"fingerprint": fingerprint, "version": str(VERSION), "digest": _digest(arrays)}
        if expected.items() <= facts.items():
            return arrays, Progress(*(json.loads(facts[name]) for name in ("epochs", "steps", "samples")))
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, ValueError):
        pass
    discard([fingerprint])
    return None


def discard(fingerprints: Iterable[str]) -> None:
    """Remove the checkpoints of these trials, where there are any."""
    for fingerprint in fingerprints:
        with suppress(OSError):
            path(fingerprint).unlink(missing_ok=True)


def part(arrays: Weights, prefix: str) -> Weights:
    """The arrays under a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _digest(arrays: Weights) -> str:
    """safetensors checks a file's length, not its numbers."""
    digest = sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
