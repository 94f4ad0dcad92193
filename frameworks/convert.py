"""Weights trained in one framework, turned into the other's: ``python -m frameworks.convert SOURCE TARGET``.

Between the two stand canonical safetensors (``experiments.canonical``), whose metadata name each layer's cell. A file
is known by its extension: ``.keras`` and ``.weights.h5`` are Keras's, ``.pt`` and ``.pth`` PyTorch's, ``.safetensors``
is canonical or, by its weights' names, a PyTorch state dict. No code that a file carries is run.

Weights only: optimisers' states and what holds no weights (dropout, masks, a dense layer's activation) stay behind, and
a PyTorch file does not say whether its ``nn.RNN`` was told to use relu: canonical means tanh.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from safetensors import safe_open
from safetensors.numpy import save_file

from experiments.canonical import GATES, Weights, layer_shapes
from experiments.cells import AXES
from experiments.errors import UserError
from experiments.spec import NetworkSpec
from experiments.twins import FRAMEWORKS
from frameworks import facts

#: Extension → whose file it is; None where the names inside decide.
HOMES = {".keras": "tf2", ".weights.h5": "tf2", ".pt": "pytorch", ".pth": "pytorch", ".safetensors": None}
NAME = re.compile(rf"embedding/table|head/\d+/(kernel|bias)|rnn/\d+/(forward|backward)/({'|'.join(AXES)})")
DTYPES = ("float16", "float32", "float64")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    source: Annotated[Path, typer.Argument(help=f"what to read: {', '.join(HOMES)}")],
    target: Annotated[Path, typer.Argument(help="what to write: the same; .keras and .weights.h5 need --like")],
    like: Annotated[
        Path | None, typer.Option(help="the model (.keras) or state dict whose shapes, names and order to take")
    ] = None,
    cell: Annotated[
        str | None, typer.Option(help="the cell of canonical weights that do not name it, as a trial's artifacts")
    ] = None,
) -> None:
    """Turn weights of Keras or PyTorch into canonical safetensors, these into either, or one into the other."""
    try:
        convert(source, target, like, cell)
    except UserError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"wrote {target}")


def convert(source: Path, target: Path, like: Path | None = None, cell: str | None = None) -> None:
    """Read ``source``, write ``target``; a source of the other framework is read in a process of its own.

    Raises:
        UserError: a file is missing, broken, of another kind or does not fit; nothing is written.
    """
    for path in filter(None, (source, like)):
        if not path.is_file():
            raise UserError(f"{path}: no such file")
    if not target.parent.is_dir():
        raise UserError(f"{target}: no such folder as {target.parent}")
    kinds = {path: home(path) for path in filter(None, (source, target, like))}
    origin = kinds[source] or (None if is_canonical(source) else "pytorch")
    model = like and (kinds[like] or "pytorch")
    goal = kinds[target] or ("pytorch" if origin is None or (origin, model) == ("tf2", "pytorch") else None)
    if like and model not in (origin, goal):
        raise UserError(f"{like}: --like is of neither side; allowed: a model of what is read or written")
    reading, writing = (like if model == side else None for side in (origin, goal))
    if origin and goal and origin != goal:
        weights, cells = _read_in_a_child(source, reading)
    else:
        weights, cells = read(source, origin, reading, cell)
    write(target, goal, writing, weights, cells)


def home(path: Path) -> str | None:
    """The framework that a file's extension belongs to, None for safetensors."""
    for extension, framework in HOMES.items():
        if path.name.endswith(extension):
            return framework
    raise UserError(f"{path}: unknown extension; allowed: {', '.join(HOMES)}")


def is_canonical(path: Path) -> bool:
    """Whether every name in a safetensors file is a canonical one."""
    with _named(path), safe_open(path, "numpy") as file:
        names = file.keys()
        return all(NAME.fullmatch(name) for name in names)


def read(path: Path, origin: str | None, like: Path | None, cell: str | None) -> tuple[Weights, list[str]]:
    """A file's weights in canonical layout, and the cell of each layer; ``origin`` of None reads canonical ones.

    Raises:
        UserError: the file is broken, holds unsupported layers, or not one stack of recurrent layers.
    """
    if origin is None:
        with _named(path):
            return _read_canonical(path, cell)
    twin = _twin(origin)
    with _quiet(), _named(path):
        cells, bindings = twin.bind(twin.open_file(path, like).parts)
        weights = {name: value for binding in bindings for name, value in binding.read().items()}
        check(weights, cells)
        return twin.fold_biases(weights, cells), cells


def write(path: Path, goal: str | None, like: Path | None, weights: Weights, cells: list[str]) -> None:
    """Write canonical weights as ``goal``'s file, into a copy of ``like``, or canonical where ``goal`` is None.

    Raises:
        UserError: the framework has no such cell, or ``like`` no place for the weights; nothing is written.
    """
    if goal is None:
        # One word where all layers have the same cell, as in a spec.
        named = cells[0] if len(set(cells)) == 1 else ",".join(cells)
        arrays = {name: np.ascontiguousarray(value) for name, value in weights.items()}
        _replace(path, lambda draft: save_file(arrays, draft, {"cell": named}))
        return
    if stranger := set(cells) - set(facts(goal).STOCK):
        allowed = ", ".join(facts(goal).STOCK)
        raise UserError(
            f"{path}: {FRAMEWORKS[goal].title} has no layer for {', '.join(sorted(stranger))}; allowed: {allowed}"
        )
    twin = _twin(goal)
    weights = twin.fold_biases(weights, cells)
    with _quiet():
        with _named(like or path):
            native = twin.open_file(like, None) if like else twin.make(weights, cells)
            found, bindings = twin.bind(native.parts)
            if found != cells:
                raise UserError(f"its recurrent layers are {', '.join(found)}; the weights' are {', '.join(cells)}")
            fitted = fit(weights, {k: v for binding in bindings for k, v in binding.canonical_shapes().items()})
            for binding in bindings:
                binding.load(fitted)
        _replace(path, lambda draft: twin.save(native, draft))


def check(weights: Weights, cells: list[str]) -> None:
    """Hold weights to be one stack of recurrent layers, each of its cell's shapes.

    Raises:
        UserError: which weight is not, and what it should be.
    """
    if wrong := next((name for name, value in weights.items() if value.dtype.name not in DTYPES), None):
        raise UserError(f"{wrong} is {weights[wrong].dtype}; allowed: {', '.join(DTYPES)}")
    if not cells:
        raise UserError("holds no recurrent layer; allowed: simple_rnn, lstm, gru")
    width = weights["embedding/table"].shape[-1] if "embedding/table" in weights else None
    for layer, cell in enumerate(cells):
        width = _check_layer(weights, layer, cell, width)
    if wrong := next((name for name in weights if name.startswith("rnn/") and int(name.split("/")[1]) > layer), None):
        raise UserError(f"{wrong}: its cell is not named; {len(cells)} are")


def _check_layer(weights: Weights, layer: int, cell: str, width: int | None) -> int:
    """Check a layer that takes ``width`` features, where that is known; what it gives."""
    prefix = f"rnn/{layer}/"
    kernel = weights.get(f"{prefix}forward/kernel", np.empty(0))
    if kernel.ndim != 3 or 0 in kernel.shape:
        raise UserError(f"{prefix}forward/kernel: {kernel.shape}; allowed: (inputs, gates, hidden)")
    if width not in (None, kernel.shape[0]):
        raise UserError(
            f"{prefix}forward/kernel takes {kernel.shape[0]} features where {width} come in; allowed: a stack"
        )
    network = NetworkSpec(
        cell=cell,
        form="layer",
        units=kernel.shape[-1:],
        bidirectional=any(name.startswith(f"{prefix}backward/") for name in weights),
        projection_size=weights.get(f"{prefix}forward/projection", kernel).shape[-1] if "projection" in cell else None,
    )
    for direction in network.directions:
        shapes = layer_shapes(network, 0, kernel.shape[0], "pytorch")
        _compare(weights, {f"{prefix}{direction}/{kind}": shape for kind, shape in shapes.items()})
    return network.outputs[-1]


def _compare(weights: Weights, shapes: dict[str, tuple[int, ...]]) -> None:
    """Hold one direction of a layer to its shapes; biases may be missing."""
    folder = next(iter(shapes)).rpartition("/")[0]
    for name in sorted(shapes.keys() | {name for name in weights if name.startswith(f"{folder}/")}):
        if name not in shapes or (name not in weights and not name.endswith("bias")):
            raise UserError(f"{name} is {'not of' if name in weights else 'missing from'} this cell's weights")
        if name in weights and weights[name].shape != shapes[name]:
            raise UserError(f"{name}: {weights[name].shape}; allowed: {shapes[name]}")


def fit(weights: Weights, shapes: dict[str, tuple[int, ...]]) -> Weights:
    """Hold weights to the shapes they go into; a bias they lack is zeros, which changes no prediction.

    Raises:
        UserError: a weight has no place, a place no weight, or the shapes differ.
    """
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name.endswith("bias")}
    for name in sorted(weights.keys() | (shapes.keys() - zeros.keys())):
        have, room = weights[name].shape if name in weights else "none", shapes.get(name, "none")
        if have != room:
            raise UserError(f"{name}: the weights have {have}, the model {room}; allowed: the same")
    return zeros | weights


def _read_canonical(path: Path, cell: str | None) -> tuple[Weights, list[str]]:
    with safe_open(path, "numpy") as file:
        names = file.keys()
        weights = {name: file.get_tensor(name) for name in names}
        named = (file.metadata() or {}).get("cell", cell)
    layers = len({name.split("/")[1] for name in weights if name.startswith("rnn/")})
    if named is None:
        raise UserError(f"names no cell; give it with --cell: {', '.join(GATES)}")
    cells = named.split(",") if "," in named else [named] * layers
    if stranger := set(cells) - set(GATES):
        raise UserError(f"unknown cell {', '.join(sorted(stranger))}; allowed: {', '.join(GATES)}")
    check(weights, cells)
    return weights, cells


def _read_in_a_child(source: Path, like: Path | None) -> tuple[Weights, list[str]]:
    """TensorFlow and PyTorch never share a process."""
    with TemporaryDirectory(prefix="rnn-twins-") as folder:
        between = Path(folder, "weights.safetensors")
        command = [
            sys.executable,
            "-m",
            "frameworks.convert",
            *(["--like", like] if like else []),
            "--",
            source,
            between,
        ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            *_, last = done.stderr.splitlines() or [f"{source}: its reader ended with exit code {done.returncode}"]
            raise UserError(last.removeprefix("error: "))
        return _read_canonical(between, None)


def _twin(name: str) -> Any:
    with _quiet():
        return import_module(f"frameworks.{name}.convert")


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow writes to the file descriptor, past Python, whatever its log level: an error must stay one line."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Readers of foreign files raise nearly anything (KeyError, EOFError, RuntimeError, …): one line, with the file."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "")
        raise UserError(f"{path}: broken or of another format ({type(error).__name__}: {reason[:200]})") from error


def _replace(path: Path, save: Callable[[Path], None]) -> None:
    """Write elsewhere and rename, so that a half-written file is never taken for done."""
    try:
        # Under its own name, which torch.save writes into the file.
        with TemporaryDirectory(dir=path.parent, prefix=".rnn-twins-") as folder:
            draft = Path(folder, path.name)
            save(draft)
            draft.replace(path)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:
        raise UserError(f"{path}: cannot be written ({type(error).__name__}: {error})") from error


if __name__ == "__main__":
    app()
