"""One side of a conversion: a file is read, written or run by one framework, or by NumPy for canonical weights.

TensorFlow and PyTorch never share a process: where both are needed, each has a child process of its own. One that is
needed alone runs in this process.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from experiments.canonical import Weights
from experiments.errors import UserError
from experiments.twins import FRAMEWORKS
from frameworks import facts, import_packages
from frameworks.convert.files import Found, named, quiet, read_canonical, write_canonical
from frameworks.convert.outline import Outline
from frameworks.convert.shapes import check, fit

Side = Callable[..., Any]  # side(function, *arguments) -> function(*arguments)


def read(framework: str | None, path: Path, like: Path | None, cell: str | None) -> Found:
    """Read a file's weights in canonical layout; ``framework`` None means that they are canonical.

    Raises:
        UserError: the file is broken, a layer is unsupported, or the model is no chain.
    """
    with quiet(), named(path):
        if framework is None:
            return read_canonical(path, cell)
        twin = _twin(framework)
        opened = twin.open_file(path, like)
        cells, bindings = twin.bind(opened.layers)
        weights = {name: value for binding in bindings for name, value in binding.read().items()}
        check(weights, cells, opened.outline)
        return Found(twin.fold_biases(weights, cells), cells, opened.outline)


def write(framework: str | None, path: Path, like: Path | None, contents: Found, module: str | None) -> Outline | None:
    """Write canonical weights as ``framework``'s file, into a copy of ``like``; return that model's outline.

    ``framework`` None means canonical. ``module`` is the code whose names the weights take.

    Raises:
        UserError: the framework lacks a cell, or the weights do not fit ``like``.
    """
    with quiet(), named(like or path):
        if framework is None:
            write_canonical(path, contents)
            return contents.outline
        refuse_cells(framework, contents.cells)
        twin = _twin(framework)
        weights = twin.fold_biases(contents.weights, contents.cells)
        opened = twin.open_file(like, None) if like else twin.make(weights, contents.cells, contents.outline, module)
        fill(twin, opened, weights, contents.cells)
        twin.save(opened, path)
        return opened.outline


def fill(twin: Any, opened: Any, weights: Weights, cells: list[str]) -> None:
    """Load canonical weights into an opened or made file's layers.

    Raises:
        UserError: they do not fit.
    """
    model_cells, bindings = twin.bind(opened.layers)
    if model_cells != cells:
        words = ", ".join(model_cells), ", ".join(cells)
        raise UserError(f"its recurrent layers are {words[0]}; the weights' are {words[1]}")
    fitted = fit(weights, {k: v for binding in bindings for k, v in binding.canonical_shapes().items()})
    for binding in bindings:
        binding.load(fitted)


def code(framework: str, contents: Found) -> str:
    """Write the code of the model that the weights are."""
    refuse_cells(framework, contents.cells)
    with quiet():
        twin = _twin(framework)
        return twin.source(twin.fold_biases(contents.weights, contents.cells), contents.outline)


def predict(
    framework: str | None,
    path: Path,
    like: Path | None,
    contents: Found,
    inputs: list[np.ndarray],
    module: str | None = None,
) -> list[np.ndarray]:
    """Run what a file holds over batches; ``contents.outline`` says what its model computes, where the file does not.

    Raises:
        UserError: the file cannot be run.
    """
    with quiet(), named(path):
        if framework is None:
            weights = read_canonical(path, contents.cells[0] if len(set(contents.cells)) == 1 else None).weights
            return import_module("frameworks.reference.convert.predict").predict(weights, contents.outline, inputs)
        twin = _twin(framework)
        weights = twin.fold_biases(contents.weights, contents.cells)
        return twin.predict(path, like, weights, contents.outline, inputs, module)


def refuse_cells(framework: str, cells: list[str]) -> None:
    """Refuse cells that a framework has no layer for.

    Raises:
        UserError: which cells, and what is allowed.
    """
    if missing := set(cells) - set(facts(framework).STOCK):
        allowed = ", ".join(facts(framework).STOCK)
        raise UserError(
            f"{FRAMEWORKS[framework].title} has no layer for {', '.join(sorted(missing))}; allowed: {allowed}"
        )


@contextmanager
def opened(origin: str | None, goal: str | None) -> Iterator[tuple[Side, Side]]:
    """Open the two sides of a conversion: child processes where they are two frameworks, else this process."""
    if origin is None or goal is None or origin == goal:
        yield _here, _here
        return
    with _child() as reader, _child() as writer:
        yield reader, writer


def _here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


@contextmanager
def _child() -> Iterator[Side]:
    """Start a process that runs what it is given, one call after the other, and keeps what it imported."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:

        def side(function: Callable[..., Any], *arguments: Any) -> Any:
            try:
                return pool.submit(function, *arguments).result()
            except BrokenProcessPool as error:
                raise UserError(f"the process that runs {function.__name__} ended; nothing is written") from error

        yield side


def _twin(name: str) -> Any:
    import_packages(name)
    return import_module(f"frameworks.{name}.convert")
