"""What a training step must do beside its matrix products: read and write every gate's value, forward and back.

Measured as plain copies, step by step, of blocks as large as a step's gates. The arithmetic itself (exp, tanh, products
of elements) and the gates' gradients come on top, so no implementation on one thread takes less than both floors.
"""

from collections.abc import Callable, Sequence

import numpy as np

from experiments import canonical
from experiments.canonical import GATES
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface

Shape = tuple[int, int, int]


def gates(spec: ExperimentSpec, interface: Interface) -> list[Shape]:
    """The gates of each layer and direction: ``(T, B, G·H)``."""
    time, count = canonical.steps(spec, interface), len(GATES[spec.network.cell])
    shapes = [(time, spec.training.batch_size, count * units) for units in spec.network.units]
    return [shape for shape in shapes for _ in spec.network.directions]


def in_numpy(shapes: Sequence[Shape], dtype: str) -> Callable[[], None]:
    """Return a call that copies each step's gates, once in the order of time and once against it."""
    blocks = [(np.ones(shape, dtype), np.empty(shape[1:], dtype)) for shape in shapes]

    def run() -> None:
        for values, step in blocks:
            for t in (*range(len(values)), *reversed(range(len(values)))):
                np.copyto(step, values[t])

    return run
