"""The lines of code that show how each framework's calls behave: read from ``calls/*.toml``, run, their results kept.

The sizes are all different, so that a shape tells its axes: batch 3, time 7, features 5, hidden 8, projection 6.
"""

import ast
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "calls"
TOPICS = {
    "layers": "Layers and their options",
    "cells": "Cells and weights",
    "masks": "Padding and masks",
    "networks": "Whole networks",
}
#: The letters of the sizes that the lines use.
SIZES = {3: "B", 7: "T", 5: "I", 8: "H", 6: "P"}
#: The lines that go before each framework's own.
PREAMBLES = {
    "tf2": """\
import numpy as np
from keras import layers

x = np.random.default_rng(0).standard_normal((3, 7, 5)).astype("float32")  # batch 3, time 7, features 5
ids = np.array([[4, 2, 9, 1, 6, 8, 5], [7, 3, 4, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0]])  # 0: padding
""",
    "pytorch": """\
import warnings

import torch
from torch import nn

x = torch.randn(3, 7, 5)  # batch 3, time 7, features 5
ids = torch.tensor([[4, 2, 9, 1, 6, 8, 5], [7, 3, 4, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0]])  # 0: padding
""",
}
GIVEN = {"x", "ids"}  # what these assign


@dataclass(frozen=True)
class Snippet:
    """What one call is about, and the lines that make it in each framework that has it."""

    name: str
    title: str
    topic: str
    lines: Mapping[str, str]
    refused: frozenset[str] = field(default_factory=frozenset)  # the frameworks that must refuse it


@cache
def snippets() -> tuple[Snippet, ...]:
    """All of them, topic by topic, in their files' order."""
    return tuple(_snippet(topic, entry) for topic in TOPICS for entry in _read(topic))


def _read(topic: str) -> list[dict[str, Any]]:
    return tomllib.loads((FOLDER / f"{topic}.toml").read_text(encoding="utf-8"))["call"]


def _snippet(topic: str, entry: Mapping[str, Any]) -> Snippet:
    lines = {framework: entry[framework] for framework in PREAMBLES if framework in entry}
    return Snippet(entry["name"], entry["title"], topic, lines, frozenset(entry.get("refused", ())))


def of(framework: str) -> tuple[Snippet, ...]:
    """Those that the framework has lines for."""
    return tuple(snippet for snippet in snippets() if framework in snippet.lines)


def results(framework: str, tensors: tuple[type, ...]) -> dict[str, Any]:
    """Run the framework's lines: snippet → its lines and what they gave, or what they were refused with.

    Args:
        framework: whose lines to run; it is imported by them.
        tensors: the framework's types of tensors, of which shape and type are kept.

    Raises:
        RuntimeError: lines that must be refused were not.
    """
    by_snippet = {}
    for snippet in of(framework):
        outcome = refusal if framework in snippet.refused else run
        lines = snippet.lines[framework]
        by_snippet[snippet.name] = {"lines": lines, **outcome(PREAMBLES[framework] + lines, tensors)}
    return by_snippet


def run(lines: str, tensors: tuple[type, ...]) -> dict[str, Any]:
    """Run lines: ``{"results": name → value}`` of each name that they give a value worth keeping."""
    names: dict[str, Any] = {}
    exec(lines, names)
    given = {name: names[name] for name in assigned(ast.parse(lines).body) if name not in GIVEN}
    return {"results": {name: plain(value, tensors) for name, value in given.items() if is_plain(value, tensors)}}


def assigned(statements: Iterable[ast.stmt]) -> list[str]:
    """The names that statements assign, in order; what a loop assigns and ``_`` are left out."""
    names: list[str] = []
    for statement in statements:
        if isinstance(statement, ast.With):
            names += assigned(statement.body)
        elif isinstance(statement, ast.Assign):
            names += [node.id for target in statement.targets for node in ast.walk(target) if type(node) is ast.Name]
    return [name for name in dict.fromkeys(names) if name != "_"]


def refusal(lines: str, tensors: tuple[type, ...]) -> dict[str, Any]:
    """Run lines that must be refused: ``{"refused": the first line of the error}``."""
    try:
        run(lines, tensors)
    except (ValueError, TypeError, RuntimeError) as error:
        return {"refused": f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"}
    raise RuntimeError(f"nothing refused these lines: {lines}")


def is_plain(value: Any, tensors: tuple[type, ...]) -> bool:
    """Whether a value can be kept: a tensor, a number, a text, or lists, tuples and dicts of these."""
    if isinstance(value, dict):
        return all(is_plain(each, tensors) for each in value.values())
    if isinstance(value, list | tuple):
        return all(is_plain(each, tensors) for each in value)
    return isinstance(value, (bool, int, float, str, *tensors))


def plain(value: Any, tensors: tuple[type, ...]) -> Any:
    """A value as JSON data: a tensor as its shape and type, a tuple as a list."""
    if isinstance(value, tensors):
        kind = str(value.dtype).removeprefix("<dtype: '").removesuffix("'>").removeprefix("torch.")
        return {"shape": list(map(int, value.shape)), "dtype": kind}
    if isinstance(value, dict):
        return {name: plain(each, tensors) for name, each in value.items()}
    return [plain(each, tensors) for each in value] if isinstance(value, list | tuple) else value
