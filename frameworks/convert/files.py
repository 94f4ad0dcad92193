"""Files of weights: whose they are, canonical ones read and written, every error one line with the file's name."""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.numpy import save_file

from experiments.canonical import Weights
from experiments.cells import AXES, CELLS
from experiments.errors import UserError
from frameworks.convert.outline import Outline
from frameworks.convert.shapes import check

#: Extension → framework; None where the names inside decide.
HOMES = {".keras": "tf2", ".weights.h5": "tf2", ".pt": "pytorch", ".pth": "pytorch", ".safetensors": None}
NAME = re.compile(rf"embedding/table|head/\d+/(kernel|bias)|rnn/\d+/(forward|backward)/({'|'.join(AXES)})")


@dataclass(frozen=True)
class Found:
    """What a file holds: canonical weights, each recurrent layer's cell, and the outline, None for weights alone."""

    weights: Weights
    cells: list[str]
    outline: Outline | None


def home(path: Path) -> str | None:
    """Return the framework that a file's extension belongs to, None for safetensors."""
    for extension, framework in HOMES.items():
        if path.name.endswith(extension):
            return framework
    raise UserError(f"{path}: unknown extension; allowed: {', '.join(HOMES)}")


def is_canonical(path: Path) -> bool:
    """Tell whether every name in a safetensors file is canonical."""
    with named(path), safe_open(path, "numpy") as file:
        names = file.keys()
        return all(NAME.fullmatch(name) for name in names)


def read_canonical(path: Path, cell: str | None) -> Found:
    """Read canonical weights, their cells and, where the file carries one, their model's outline.

    Raises:
        UserError: no cell is named, or the weights have other shapes than the cell's.
    """
    with safe_open(path, "numpy") as file:
        names = file.keys()
        weights = {name: file.get_tensor(name) for name in names}
        metadata = file.metadata() or {}
    named_cell = metadata.get("cell", cell)
    layers = len({name.split("/")[1] for name in weights if name.startswith("rnn/")})
    if named_cell is None:
        raise UserError(f"names no cell; give it with --cell: {', '.join(CELLS)}")
    cells = named_cell.split(",") if "," in named_cell else [named_cell] * layers
    if unknown := set(cells) - set(CELLS):
        raise UserError(f"unknown cell {', '.join(sorted(unknown))}; allowed: {', '.join(CELLS)}")
    outline = _outline(metadata["model"]) if "model" in metadata else None
    check(weights, cells, outline)
    return Found(weights, cells, outline)


def write_canonical(path: Path, contents: Found) -> None:
    """Write canonical weights; the metadata name the cells and, where it is known, what the model computes."""
    # One name where all layers have the same cell, as in a spec.
    cells = contents.cells[0] if len(set(contents.cells)) == 1 else ",".join(contents.cells)
    arrays = {name: np.ascontiguousarray(value) for name, value in contents.weights.items()}
    model = {"model": contents.outline.model_dump_json()} if contents.outline else {}
    save_file(arrays, path, {"cell": cells} | model)


def _outline(text: str) -> Outline:
    try:
        return Outline.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"its description is broken at {where or 'its start'}: {first['msg']}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the file descriptor of stderr, where TensorFlow logs at any level: an error must stay one line.

    What Keras warns of in another's model, such as a mask that a layer destroys, is compared by its predictions.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn any error of a reader (KeyError, EOFError, RuntimeError, …) into one line with the file's name."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "")
        raise UserError(f"{path}: broken or of another format ({type(error).__name__}: {reason[:200]})") from error


def moved_into_place(path: Path, draft: Path) -> None:
    """Rename a finished draft, so that no half-written file is left behind."""
    try:
        draft.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({type(error).__name__}: {error})") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with drafts(path.parent) as folder:
        draft = folder / path.name
        draft.write_text(text, encoding="utf-8")
        moved_into_place(path, draft)


@contextmanager
def drafts(folder: Path) -> Iterator[Path]:
    """Make a folder for drafts beside the target, which is gone at the end."""
    try:
        temporary = TemporaryDirectory(dir=folder, prefix=".rnn-twins-")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({type(error).__name__}: {error})") from error
    with temporary as name:
        yield Path(name)
