"""Canonical weights: one layout for every twin, so that weights can be drawn once and compared number by number.

``kernel (I, G, H)``, ``recurrent_kernel (H, G, H)``, ``bias (G, H)``, ``recurrent_bias (G, H)``; gates in the order of
``GATES``. A network's weights are a flat dict: ``embedding/table``, ``rnn/0/forward/kernel``, …, ``head/0/bias``.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.conventions import Owner, glorot_uniform, orthogonal, stream, uniform
from experiments.spec import ExperimentSpec, Interface, NetworkSpec

Weights = dict[str, np.ndarray]

#: i, f, o: input, forget and output gate; g: the LSTM's candidate. z, r: update and reset gate; n: the GRU's candidate.
GATES = {
    "simple_rnn": ("h",),
    "lstm": ("i", "f", "g", "o"),
    "gru": ("z", "r", "n"),
    "minimal": ("h",),
    "gru_reset_before": ("z", "r", "n"),
    "lstm_peephole": ("i", "f", "g", "o"),
    "lstm_projection": ("i", "f", "g", "o"),
    "lstm_coupled": ("i", "g", "o"),
}
MLP_UNITS, MLP_DROPOUT = 32, 0.5  # of the mlp head
STATES = {cell: ("h", "c") if cell.startswith("lstm") else ("h",) for cell in GATES}


def biases(cell: str, owner: Owner) -> tuple[str, ...]:
    """The names of a cell's bias vectors under ``owner``'s conventions."""
    if cell == "minimal":
        return ()
    if cell == "gru" or owner == "pytorch":
        return ("bias", "recurrent_bias")
    return ("bias",)


def layer_shapes(network: NetworkSpec, layer: int, inputs: int, owner: Owner) -> dict[str, tuple[int, ...]]:
    """One direction of one recurrent layer: kind of weight → shape; ``owner`` decides the number of biases."""
    cell, units = network.cell, network.units[layer]
    gates, fed_back = len(GATES[cell]), network.projection_size or units
    found = {"kernel": (inputs, gates, units), "recurrent_kernel": (fed_back, gates, units)}
    found |= dict.fromkeys(biases(cell, owner), (gates, units))
    if cell == "lstm_peephole":
        found["peephole"] = (3, units)  # of i, f, o
    if cell == "lstm_projection":
        found["projection"] = (units, fed_back)
    return found


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
    """The widths from the last output to the head's: one dense layer between each two."""
    return (network.outputs[-1], *((MLP_UNITS,) if network.head == "mlp" else ()), interface.outputs)


def steps(spec: ExperimentSpec, interface: Interface) -> int:
    """How many steps the recurrent stack sees."""
    return 1 if spec.network.encoder == "bag" else interface.time


def shapes(spec: ExperimentSpec, interface: Interface, home: Owner = "keras") -> dict[str, tuple[int, ...]]:
    """Every canonical weight's name and shape; ``home`` decides the number of biases where conventions are stock."""
    network, owner = spec.network, spec.conventions.owner("bias", home)
    found: dict[str, tuple[int, ...]] = {}
    if network.embedding_size:
        found["embedding/table"] = (interface.features, network.embedding_size)
    for layer, inputs in enumerate(layer_inputs(spec, interface)):
        kinds = layer_shapes(network, layer, inputs, owner)
        found |= {
            f"rnn/{layer}/{direction}/{kind}": shape
            for direction in network.directions
            for kind, shape in kinds.items()
        }
    for index, (inputs, outputs) in enumerate(itertools.pairwise(head_sizes(network, interface))):
        found |= {f"head/{index}/kernel": (inputs, outputs), f"head/{index}/bias": (outputs,)}
    return found


def zero_states(network: NetworkSpec, zeros: Callable[[int], Any]) -> tuple[tuple[Any, ...], ...]:
    """Every layer's and direction's states as ``zeros(size)`` makes them; a projected h is smaller than its c."""
    sizes = {"h": lambda units: network.projection_size or units, "c": lambda units: units}
    return tuple(
        tuple(zeros(sizes[state](units)) for state in STATES[network.cell])
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
        name: _initial(name, shape, spec, stream(seed, "weights", name)).astype(spec.training.dtype)
        for name, shape in shapes(spec, interface).items()
    }


#: The conventions' field that draws each kind of recurrent weight. Neither framework has peepholes: as its kernels.
FIELDS = {"recurrent_kernel": "recurrent_kernel", "bias": "bias", "recurrent_bias": "bias"}


def _initial(name: str, shape: tuple[int, ...], spec: ExperimentSpec, rng: np.random.Generator) -> np.ndarray:
    room, *_, kind = name.split("/")
    field = {"embedding": "embedding", "head": "head"}.get(room) or FIELDS.get(kind, "kernel")
    owner = spec.conventions.owner(field, "keras")
    if room == "embedding":
        return rng.standard_normal(shape) if owner == "pytorch" else uniform(rng, shape, 0.05)
    if room == "rnn":
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
