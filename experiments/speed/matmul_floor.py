"""The floor of a training step: the matrix products that its mathematics needs, as few and as large as possible.

Every step's input is projected in one product, and so is each weight's gradient over all steps; only the recurrence
itself, forward and back, takes a product a step, each waiting for the last.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

from experiments import canonical, cells
from experiments.canonical import GATES
from experiments.cells import CELLS
from experiments.draws import generator
from experiments.protocol import Product
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface

#: Large enough for the highest rate that a processor reaches with matrix products: 2 GFLOP.
LARGE = Product(1024, 1024, 1024)


class Products(NamedTuple):
    """Those of a forward pass, and those that the gradients add."""

    forward: tuple[Product, ...]
    backward: tuple[Product, ...]

    @property
    def flop(self) -> int:
        """Of a whole training step."""
        return sum(product.flop for product in self.forward + self.backward)


def products(spec: ExperimentSpec, interface: Interface) -> Products:
    """A training step's products; whatever the form, since the mathematics is the same."""
    batch, time = spec.training.batch_size, canonical.steps(spec, interface)
    forward, backward = [], []
    for layer, inputs in enumerate(canonical.layer_inputs(spec, interface)):
        trained_below = layer > 0 or spec.network.embedding_size is not None
        projection = Product(batch * time, inputs, len(GATES[spec.network.cell]) * spec.network.units[layer])
        for _ in spec.network.directions:
            recurrent = _recurrent(spec, layer, batch, time)
            forward += [projection, *recurrent]
            backward += [*projection.backward(trained_below), *(each for part in recurrent for each in part.backward())]
    read = batch * (time if interface.loss == "sequence_cross_entropy" else 1)
    sizes = canonical.head_sizes(spec.network, interface)
    head = [Product(read, inputs, outputs) for inputs, outputs in pairwise(sizes)]
    backward += [each for part in head for each in part.backward()]
    return Products((*forward, *head), tuple(backward))


def in_numpy(needed: Sequence[Product], dtype: str) -> Callable[[], None]:
    """Return a call that runs the products alone in NumPy, one after the other as in a recurrence."""
    rng = generator(0, "floor")
    pairs = [
        (
            rng.standard_normal((product.times, product.rows, product.inner), dtype),
            rng.standard_normal((product.inner, product.columns), dtype),
        )
        for product in needed
    ]

    def run() -> None:
        for lefts, right in pairs:
            for left in lefts:
                left @ right

    return run


def _recurrent(spec: ExperimentSpec, layer: int, batch: int, time: int) -> list[Product]:
    """The products of the recurrence, each of which waits for the step before."""
    sizes = canonical.layer_sizes(spec.network, layer, 0)
    pairs = CELLS[spec.network.cell].recurrent_products
    return [Product(batch, prod(cells.shape(a, sizes)), prod(cells.shape(b, sizes)), time) for a, b in pairs]
