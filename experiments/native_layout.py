"""How a native weight is laid out, found by sending coordinates through the conversion that is in use."""

from collections.abc import Callable

import numpy as np

from experiments.canonical import GATES
from experiments.protocol import NativeWeight

#: Letters of a canonical weight's axes: inputs, gates, hidden, vocabulary, embedding size, outputs.
AXES = {"table": "VE", "kernel": "IGH", "recurrent_kernel": "HGH", "bias": "GH", "recurrent_bias": "GH"} | {
    "peephole": "3H",
    "projection": "HP",
}
HEAD_AXES = {"kernel": "IO", "bias": "O"}


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
        cell: whose gates they are.
        trained: whether the optimiser moves it.
        note: what a reader must know besides.
    """
    if not canonical:
        return NativeWeight(name, native_shape, (), (), "carries no canonical weight", (), trained, note)
    first, *rest = canonical.items()
    letters = (HEAD_AXES if first[0].startswith("head/") else AXES)[first[0].rpartition("/")[2]]
    others = [np.zeros(shape) for _, shape in rest]
    coordinates = [encode(axis, *others) for axis in np.indices(first[1])]
    layout = f"({', '.join(_axis(coordinates, letters, k) for k in range(len(native_shape)))})"
    order = _gate_order(coordinates, letters, cell) if "G" in letters else ()
    return NativeWeight(name, native_shape, tuple(canonical), first[1], layout, order, trained, note)


def _axis(coordinates: list[np.ndarray], letters: str, axis: int) -> str:
    """Which canonical axes run along a native one, the slowest first; a number where none does."""
    lines = [np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])[0] for values in coordinates]
    changes = {letter: np.count_nonzero(np.diff(line)) for letter, line in zip(range(len(letters)), lines, strict=True)}
    running = sorted((letter for letter, count in changes.items() if count), key=changes.__getitem__)
    return "·".join(letters[letter] for letter in running) or str(coordinates[0].shape[axis])


def _gate_order(coordinates: list[np.ndarray], letters: str, cell: str) -> tuple[str, ...]:
    gates = coordinates[letters.index("G")]
    while gates.ndim > 1 and len(np.unique(gates[0])) < len(GATES[cell]):
        gates = gates.T
    line = gates.reshape(-1, gates.shape[-1])[0]
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    return tuple(GATES[cell][int(line[start])] for start in starts)
