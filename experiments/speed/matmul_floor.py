"""The floor beneath a step: the matrix products that its mathematics cannot do without, as few and large as they go.

Every step's input is projected in one product, and so is each weight's gradient over all steps; only the recurrence
itself, forward and back, takes a product a step, each waiting for the last.
"""

from itertools import pairwise
from typing import NamedTuple

from experiments import canonical
from experiments.canonical import GATES
from experiments.spec import ExperimentSpec, Interface


class Product(NamedTuple):
    """``(rows, inner) · (inner, columns)``, done ``times`` over, one after the other."""

    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def flop(self) -> int:
        """A multiplication and an addition for each term."""
        return 2 * self.rows * self.inner * self.columns * self.times

    def backward(self, by_input: bool = True) -> tuple["Product", ...]:
        """The weights' gradient, in one product for all times, and the input's, as often as forward."""
        weights = Product(self.inner, self.rows * self.times, self.columns)
        return (weights, Product(self.rows, self.columns, self.inner, self.times)) if by_input else (weights,)


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


def _recurrent(spec: ExperimentSpec, layer: int, batch: int, time: int) -> list[Product]:
    """The recurrence's own: h·U, and what else waits for the step before."""
    network, units = spec.network, spec.network.units[layer]
    fed_back, gates = network.projection_size or units, len(GATES[network.cell])
    if network.cell == "gru_reset_before":  # the candidate's product waits for the reset gate
        return [Product(batch, units, 2 * units, time), Product(batch, units, units, time)]
    found = [Product(batch, fed_back, gates * units, time)]
    return [*found, Product(batch, units, fed_back, time)] if network.projection_size else found
