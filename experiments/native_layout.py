"""The layout of a native weight, read off by sending coordinates through the twin's own conversion."""

from collections.abc import Callable

import numpy as np

from experiments.cells import AXES, CELLS
from experiments.protocol import NativeWeight

#: Letters of a canonical weight's axes: inputs, gates, hidden units, vocabulary, embedding size, output size.
LETTERS = str.maketrans("UO", "HP")
HEAD_AXES = {"kernel": "IO", "bias": "O"}
TABLE_AXES = "VE"


def axes_of(name: str) -> str:
    """The letters of a canonical weight's axes, such as ``IGH`` of ``rnn/0/forward/kernel``."""
    part, *_, kind = name.split("/")
    if part == "embedding":
        return TABLE_AXES
    if part == "head":
        return HEAD_AXES[kind]
    axes = AXES[kind]
    return (axes if kind == "projection" else axes.replace("O", "U")).translate(LETTERS)


def describe(
    name: str,
    native_shape: tuple[int, ...],
    canonical: dict[str, tuple[int, ...]],
    encode: Callable[..., np.ndarray],
    cell: str,
    trained: bool = True,
    note: str = "",
) -> NativeWeight:
    """One native weight beside the canonical weights it carries.

    Args:
        name: the framework's name.
        native_shape: of the live variable.
        canonical: name → shape of what it carries; empty where it carries nothing.
        encode: the twin's own conversion from the canonical arrays to the native one.
        cell: the cell that the gates belong to.
        trained: whether the optimiser moves it.
        note: what a reader must also know.
    """
    if not canonical:
        return NativeWeight(name, native_shape, (), (), "carries no canonical weight", (), trained, note)
    first, *rest = canonical.items()
    letters = axes_of(first[0])
    others = [np.zeros(shape) for _, shape in rest]
    coordinates = [encode(axis, *others) for axis in np.indices(first[1])]
    layout = f"({', '.join(_axis(coordinates, letters, k) for k in range(len(native_shape)))})"
    order = _gate_order(coordinates, letters, cell) if "G" in letters else ()
    return NativeWeight(name, native_shape, tuple(canonical), first[1], layout, order, trained, note)


def _axis(coordinates: list[np.ndarray], letters: str, axis: int) -> str:
    """The canonical axes along a native one, the slowest first; a number where there is none."""
    lines = [np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])[0] for values in coordinates]
    changes = {letter: np.count_nonzero(np.diff(line)) for letter, line in zip(range(len(letters)), lines, strict=True)}
    running = sorted((letter for letter, count in changes.items() if count), key=changes.__getitem__)
    return "·".join(letters[letter] for letter in running) or str(coordinates[0].shape[axis])


def _gate_order(coordinates: list[np.ndarray], letters: str, cell: str) -> tuple[str, ...]:
    gates = coordinates[letters.index("G")]
    while gates.ndim > 1 and len(np.unique(gates[0])) < len(CELLS[cell].gates):
        gates = gates.T
    line = gates.reshape(-1, gates.shape[-1])[0]
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    return tuple(CELLS[cell].gates[int(line[start])] for start in starts)
