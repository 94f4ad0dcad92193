"""Convert trained weights between the frameworks: ``python -m frameworks.convert SOURCE TARGET``.

The common format is canonical safetensors (``experiments.canonical``), whose metadata name each layer's cell. The
extension tells a file's format: ``.keras`` and ``.weights.h5`` are Keras's, ``.pt`` and ``.pth`` PyTorch's;
``.safetensors`` holds canonical weights or a PyTorch state dict, told by the names inside. Code in a file is not run.

Only weights are converted, not an optimiser's state nor what has no weights (dropout, masks, activations). A PyTorch
file does not say whether an ``nn.RNN`` uses relu: canonical weights mean tanh.
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

from experiments.canonical import Weights, layer_shapes
from experiments.cells import AXES, CELLS
from experiments.errors import UserError
from experiments.spec import NetworkSpec
from experiments.twins import FRAMEWORKS
from frameworks import facts

#: Extension → framework; None where the names inside decide.
HOMES = {".keras": "tf2", ".weights.h5": "tf2", ".pt": "pytorch", ".pth": "pytorch", ".safetensors": None}
NAME = re.compile(rf"embedding/table|head/\d+/(kernel|bias)|rnn/\d+/(forward|backward)/({'|'.join(AXES)})")
DTYPES = ("float16", "float32", "float64")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    source: Annotated[Path, typer.Argument(help=f"the file to read: {', '.join(HOMES)}")],
    target: Annotated[Path, typer.Argument(help="the file to write: the same; .keras and .weights.h5 need --like")],
    like: Annotated[
        Path | None, typer.Option(help="a model (.keras) or state dict that gives shapes, names and order")
    ] = None,
    cell: Annotated[
        str | None, typer.Option(help="the cell of canonical weights that do not name it, such as a trial's artifact")
    ] = None,
) -> None:
    """Convert weights of Keras or PyTorch to canonical safetensors, these to either, or one to the other."""
    try:
        convert(source, target, like, cell)
    except UserError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"wrote {target}")


def convert(source: Path, target: Path, like: Path | None = None, cell: str | None = None) -> None:
    """Read ``source`` and write ``target``; a source of the other framework is read in a child process.

    Raises:
        UserError: a file is missing, broken, of another format, or does not fit; nothing is written.
    """
    for path in filter(None, (source, like)):
        if not path.is_file():
            raise UserError(f"{path}: no such file")
    if not target.parent.is_dir():
        raise UserError(f"{target}: no such folder: {target.parent}")
    kinds = {path: home(path) for path in filter(None, (source, target, like))}
    origin = kinds[source] or (None if is_canonical(source) else "pytorch")
    like_framework = like and (kinds[like] or "pytorch")
    goal = kinds[target] or ("pytorch" if origin is None or (origin, like_framework) == ("tf2", "pytorch") else None)
    if like and like_framework not in (origin, goal):
        raise UserError(f"{like}: --like is of neither framework; allowed: a model of the one that is read or written")
    read_like, write_like = (like if like_framework == framework else None for framework in (origin, goal))
    if origin and goal and origin != goal:
        weights, cells = _read_in_a_child(source, read_like)
    else:
        weights, cells = read(source, origin, read_like, cell)
    write(target, goal, write_like, weights, cells)


def home(path: Path) -> str | None:
    """Return the framework that a file's extension belongs to, None for safetensors."""
    for extension, framework in HOMES.items():
        if path.name.endswith(extension):
            return framework
    raise UserError(f"{path}: unknown extension; allowed: {', '.join(HOMES)}")


def is_canonical(path: Path) -> bool:
    """Tell whether every name in a safetensors file is canonical."""
    with _named(path), safe_open(path, "numpy") as file:
        names = file.keys()
        return all(NAME.fullmatch(name) for name in names)


def read(path: Path, origin: str | None, like: Path | None, cell: str | None) -> tuple[Weights, list[str]]:
    """Read a file's weights in canonical layout and each layer's cell; ``origin`` None means canonical weights.

    Raises:
        UserError: the file is broken, a layer is unsupported, or the recurrent layers are not one stack.
    """
    if origin is None:
        with _named(path):
            return _read_canonical(path, cell)
    twin = _twin(origin)
    with _quiet(), _named(path):
        cells, bindings = twin.bind(twin.open_file(path, like).layers)
        weights = {name: value for binding in bindings for name, value in binding.read().items()}
        check(weights, cells)
        return twin.fold_biases(weights, cells), cells


def write(path: Path, goal: str | None, like: Path | None, weights: Weights, cells: list[str]) -> None:
    """Write canonical weights as ``goal``'s file, into a copy of ``like``; ``goal`` None means canonical.

    Raises:
        UserError: the framework lacks a cell, or the weights do not fit ``like``; nothing is written.
    """
    if goal is None:
        # One name where all layers have the same cell, as in a spec.
        named = cells[0] if len(set(cells)) == 1 else ",".join(cells)
        arrays = {name: np.ascontiguousarray(value) for name, value in weights.items()}
        _replace(path, lambda draft: save_file(arrays, draft, {"cell": named}))
        return
    if missing := set(cells) - set(facts(goal).STOCK):
        allowed = ", ".join(facts(goal).STOCK)
        raise UserError(
            f"{path}: {FRAMEWORKS[goal].title} has no layer for {', '.join(sorted(missing))}; allowed: {allowed}"
        )
    twin = _twin(goal)
    weights = twin.fold_biases(weights, cells)
    with _quiet():
        with _named(like or path):
            opened = twin.open_file(like, None) if like else twin.make(weights, cells)
            model_cells, bindings = twin.bind(opened.layers)
            if model_cells != cells:
                words = ", ".join(model_cells), ", ".join(cells)
                raise UserError(f"its recurrent layers are {words[0]}; the weights' are {words[1]}")
            fitted = fit(weights, {k: v for binding in bindings for k, v in binding.canonical_shapes().items()})
            for binding in bindings:
                binding.load(fitted)
        _replace(path, lambda draft: twin.save(opened, draft))


def check(weights: Weights, cells: list[str]) -> None:
    """Check that the weights are one stack of recurrent layers with their cells' shapes.

    Raises:
        UserError: which weight is wrong, and what is allowed.
    """
    if wrong := next((name for name, value in weights.items() if value.dtype.name not in DTYPES), None):
        raise UserError(f"{wrong} is {weights[wrong].dtype}; allowed: {', '.join(DTYPES)}")
    if not cells:
        raise UserError("holds no recurrent layer; allowed: simple_rnn, lstm, gru")
    width = weights["embedding/table"].shape[-1] if "embedding/table" in weights else None
    for layer, cell in enumerate(cells):
        width = _check_layer(weights, layer, cell, width)
    if wrong := next((name for name in weights if name.startswith("rnn/") and int(name.split("/")[1]) > layer), None):
        raise UserError(f"{wrong}: its layer has no cell; cells are given for {len(cells)} layers")


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


def _read_canonical(path: Path, cell: str | None) -> tuple[Weights, list[str]]:
    with safe_open(path, "numpy") as file:
        names = file.keys()
        weights = {name: file.get_tensor(name) for name in names}
        named = (file.metadata() or {}).get("cell", cell)
    layers = len({name.split("/")[1] for name in weights if name.startswith("rnn/")})
    if named is None:
        raise UserError(f"names no cell; give it with --cell: {', '.join(CELLS)}")
    cells = named.split(",") if "," in named else [named] * layers
    if unknown := set(cells) - set(CELLS):
        raise UserError(f"unknown cell {', '.join(sorted(unknown))}; allowed: {', '.join(CELLS)}")
    check(weights, cells)
    return weights, cells


def _read_in_a_child(source: Path, like: Path | None) -> tuple[Weights, list[str]]:
    """Read in a child process, since TensorFlow and PyTorch never share one."""
    with TemporaryDirectory(prefix="rnn-twins-") as folder:
        canonical = Path(folder, "weights.safetensors")
        command = [
            sys.executable,
            "-m",
            "frameworks.convert",
            *(["--like", like] if like else []),
            "--",
            source,
            canonical,
        ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            *_, last = done.stderr.splitlines() or [f"{source}: reading it ended with exit code {done.returncode}"]
            raise UserError(last.removeprefix("error: "))
        return _read_canonical(canonical, None)


def _twin(name: str) -> Any:
    with _quiet():
        return import_module(f"frameworks.{name}.convert")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the file descriptor of stderr, where TensorFlow logs at any level: an error must stay one line."""
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
    """Turn any error of a reader (KeyError, EOFError, RuntimeError, …) into one line with the file's name."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "")
        raise UserError(f"{path}: broken or of another format ({type(error).__name__}: {reason[:200]})") from error


def _replace(path: Path, save: Callable[[Path], None]) -> None:
    """Write to a temporary file and rename it, so that no half-written file is left behind."""
    try:
        # The draft has the final name, since torch.save writes the name into the file.
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
