"""A framework's halves of all conversion tests in one process: ``python halves.py FOLDER HALF...``.

A process costs the import of a framework, and so does the one in which it checks its conversions: Keras's waits for
PyTorch's. It says when a half is done, and begins the next one at a line that it reads.
"""

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conversions import stages, zoo
from conversions.stages import Stage

from frameworks import import_packages
from frameworks.convert import inputs

#: By half, in the order in which they run; by the folder of what belongs together.
HALVES: dict[str, dict[str, Callable[[Stage], None]]] = {
    "keras_first": {"plain": stages.keras_first, "zoo": zoo.keras_first, "refusals": zoo.keras_refusals},
    "torch": {"plain": stages.torch_stage, "zoo": zoo.torch_stage},
    "keras_again": {"plain": stages.keras_again, "zoo": zoo.keras_again},
}


def draw_with_numpy() -> None:
    """Let NumPy draw what Keras's layers start with: each test sets other weights, and Keras's draws take a fifth."""
    from keras import initializers

    rng = np.random.default_rng(0)
    for kind in (initializers.VarianceScaling, initializers.Orthogonal, initializers.RandomUniform):
        kind.__call__ = lambda self, shape, dtype=None: rng.normal(0, 0.4, shape).astype(dtype or "float32")


if __name__ == "__main__":
    _, where, *halves = sys.argv
    import_packages("pytorch" if halves == ["torch"] else "tf2")
    if halves != ["torch"]:
        draw_with_numpy()
    gc.freeze()  # as a worker does after the import: Keras walks the whole heap whenever it clears its session
    inputs.LENGTHS = (1, 4)  # each padding that there is, on few steps; the command line of other tests takes all
    for half in halves:
        if not sys.stdin.readline():
            sys.exit("nobody waits for the other halves")
        for part, fill in HALVES[half].items():
            own = Stage(Path(where) / part)
            own.folder.mkdir(exist_ok=True)
            fill(own)
            own.write(half)
        print(half, flush=True)
