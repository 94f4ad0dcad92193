"""Canonical weights: one layout for every twin, so that weights can be drawn once and compared number by number.

``kernel (I, G, H)``, ``recurrent_kernel (H, G, H)``, ``bias (G, H)``, ``recurrent_bias (G, H)``; gates in the order of
``cells.CELLS``. A network's weights are a flat dict: ``embedding/table``, ``rnn/0/forward/kernel``, …, ``head/0/bias``.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments import cells
from experiments.cells import CELLS
from experiments.conventions import Owner
from experiments.draws import generator, glorot_uniform, orthogonal, uniform
from experiments.spec import ExperimentSpec, NetworkSpec
from experiments.tasks import Interface

Weights = dict[str, np.ndarray]

GATES = {name: cell.gates for name, cell in CELLS.items()}
STATES = {name: cell.states for name, cell in CELLS.items()}
MLP_UNITS, MLP_DROPOUT = 32, 0.5  # of the mlp head


def layer_sizes(network: NetworkSpec, layer: int, inputs: int) -> dict[str, int]:
    """The sizes that the axes of a layer's weights stand for (see ``cells.py``)."""
    units = network.units[layer]
    gates = len(CELLS[network.cell].gates)
    return {"I": inputs, "G": gates, "U": units, "O": network.projection_size or units}


def layer_shapes(network: NetworkSpec, layer: int, inputs: int, owner: Owner) -> dict[str, tuple[int, ...]]:
    """One direction of one recurrent layer: kind of weight → shape; ``owner`` decides the number of biases."""
    sizes = layer_sizes(network, layer, inputs)
    return {kind: cells.shape(axes, sizes) for kind, axes in CELLS[network.cell].weights(owner).items()}


def clipped_with(name: str, cell: str) -> str:
    """The variable whose norm a weight shares where clipping is per variable.

    Keras keeps the two biases of its reset-after GRU as the rows of one variable, so they are clipped as one.
    """
    return name.replace("recurrent_bias", "bias") if cell == "gru" else name


def layer_inputs(spec: ExperimentSpec, interface: Interface) -> tuple[int, ...]:
    """The input size of each recurrent layer."""
    first = spec.network.embedding_size or interface.features
    return (first, *spec.network.outputs[:-1])


def head_sizes(network: NetworkSpec, interface: Interface) -> tuple[int, ...]:
    """The widths from the last recurrent output to the head's output; a dense layer joins each two."""
    return (network.outputs[-1], *((MLP_UNITS,) if network.head == "mlp" else ()), interface.outputs)


def steps(spec: ExperimentSpec, interface: Interface) -> int:
    """The number of steps that the recurrent stack runs over."""
    return 1 if spec.network.encoder == "bag" else interface.time


def shapes(spec: ExperimentSpec, interface: Interface, home: Owner = "keras") -> dict[str, tuple[int, ...]]:
    """Every canonical weight's name and shape; ``home`` decides the number of biases where conventions are stock."""
    network, owner = spec.network, spec.conventions.owner("bias", home)
    by_name: dict[str, tuple[int, ...]] = {}
    if network.embedding_size:
        by_name["embedding/table"] = (interface.features, network.embedding_size)
    for layer, inputs in enumerate(layer_inputs(spec, interface)):
        kinds = layer_shapes(network, layer, inputs, owner)
        by_name |= {
            f"rnn/{layer}/{direction}/{kind}": shape
            for direction in network.directions
            for kind, shape in kinds.items()
        }
    for index, (inputs, outputs) in enumerate(itertools.pairwise(head_sizes(network, interface))):
        by_name |= {f"head/{index}/kernel": (inputs, outputs), f"head/{index}/bias": (outputs,)}
    return by_name


def zero_states(network: NetworkSpec, zeros: Callable[[int], Any]) -> tuple[tuple[Any, ...], ...]:
    """Every layer's and direction's zero states, made by ``zeros(size)``; a projected h is smaller than its c."""
    return tuple(
        tuple(zeros(network.projection_size or units if state == "h" else units) for state in STATES[network.cell])
        for units in network.units
        for _ in network.directions
    )


def draw(spec: ExperimentSpec, interface: Interface, seed: int) -> Weights:
    """The initial weights under imposed conventions, in the spec's dtype.

    Each tensor has its own random stream, so overriding one field leaves the others' draws as they were.

    Raises:
        ValueError: under ``stock``, where each framework draws its own.
    """
    if not spec.conventions.imposed:
        raise ValueError("stock conventions leave the draw of weights to the framework")
    return {
        name: _moved(_initial(name, shape, spec, generator(seed, "weights", name)).astype(spec.training.dtype), spec)
        for name, shape in shapes(spec, interface).items()
    }


def _moved(weights: np.ndarray, spec: ExperimentSpec) -> np.ndarray:
    """The weights, each moved up by ``moved_ulps`` units in the last place; zeros stay."""
    for _ in range(spec.training.moved_ulps):
        weights = np.where(weights == 0, weights, np.nextafter(weights, weights.dtype.type(np.inf)))
    return weights


#: The conventions' field that draws each kind of recurrent weight. Neither framework has peepholes: as its kernels.
FIELDS = {"recurrent_kernel": "recurrent_kernel", "bias": "bias", "recurrent_bias": "bias"}


def _initial(name: str, shape: tuple[int, ...], spec: ExperimentSpec, rng: np.random.Generator) -> np.ndarray:
    part, *_, kind = name.split("/")
    field = {"embedding": "embedding", "head": "head"}.get(part) or FIELDS.get(kind, "kernel")
    owner = spec.conventions.owner(field, "keras")
    if part == "embedding":
        return rng.standard_normal(shape) if owner == "pytorch" else uniform(rng, shape, 0.05)
    if part == "rnn":
        return _initial_recurrent(kind, shape, spec, owner, rng)
    if owner == "pytorch":
        inputs = spec.network.outputs[-1] if name.startswith("head/0/") else MLP_UNITS
        return uniform(rng, shape, 1 / np.sqrt(inputs))
    return np.zeros(shape) if kind == "bias" else glorot_uniform(rng, *shape)


def _initial_recurrent(
    kind: str, shape: tuple[int, ...], spec: ExperimentSpec, owner: Owner, rng: np.random.Generator
) -> np.ndarray:
    network = spec.network
    if owner == "pytorch":
        # 1/√hidden, where hidden is c's size: a projection's own rows, every other weight's columns.
        hidden = shape[0] if kind == "projection" else shape[-1]
        values = uniform(rng, shape, 1 / np.sqrt(hidden))
    elif kind == "recurrent_kernel":
        values = orthogonal(rng, shape[0], int(np.prod(shape[1:]))).reshape(shape)
    elif kind in ("bias", "recurrent_bias"):
        values = np.zeros(shape)
    else:
        values = glorot_uniform(rng, shape[0], int(np.prod(shape[1:]))).reshape(shape)
    if kind in ("bias", "recurrent_bias") and "f" in GATES[network.cell]:
        start = network.forget_bias
        if start is None and owner == "keras":
            start = 1.0  # Jozefowicz et al. (2015); Keras's unit_forget_bias
        if start is not None:
            values[GATES[network.cell].index("f")] = start if kind == "bias" else 0.0
    return values
