"""Canonical weights: one layout for every twin, so that weights can be drawn once and compared number by number.

``kernel (I, G, H)``, ``recurrent_kernel (H, G, H)``, ``bias (G, H)``, ``recurrent_bias (G, H)``; gates in the order of
``GATES``. A network's weights are a flat dict: ``embedding/table``, ``rnn/0/forward/kernel``, …, ``head/0/bias``.
"""

import numpy as np

from experiments.conventions import Owner, glorot_uniform, orthogonal, stream, uniform
from experiments.spec import ExperimentSpec, Interface

Weights = dict[str, np.ndarray]

GATES = {"simple_rnn": ("h",), "lstm": ("i", "f", "g", "o"), "gru": ("z", "r", "n"), "minimal": ("h",)}
STATES = {"simple_rnn": ("h",), "lstm": ("h", "c"), "gru": ("h",), "minimal": ("h",)}


def biases(cell: str, owner: Owner) -> tuple[str, ...]:
    """The names of a cell's bias vectors under ``owner``'s conventions."""
    if cell == "minimal":
        return ()
    if cell == "gru" or owner == "pytorch":
        return ("bias", "recurrent_bias")
    return ("bias",)


def clipped_with(name: str, cell: str) -> str:
    """The variable whose norm a weight shares where clipping is per variable.

    Keras keeps the two biases of its reset-after GRU as the rows of one variable, so they are clipped as one.
    """
    return name.replace("recurrent_bias", "bias") if cell == "gru" else name


def layer_inputs(spec: ExperimentSpec, interface: Interface) -> tuple[int, ...]:
    """The input size of each recurrent layer."""
    first = spec.network.embedding_size or interface.features
    return (first, *spec.network.units[:-1])


def shapes(spec: ExperimentSpec, interface: Interface, home: Owner = "keras") -> dict[str, tuple[int, ...]]:
    """Every canonical weight's name and shape; ``home`` decides the number of biases where conventions are stock."""
    network = spec.network
    gates = len(GATES[network.cell])
    found: dict[str, tuple[int, ...]] = {}
    if network.embedding_size:
        found["embedding/table"] = (interface.features, network.embedding_size)
    for layer, (size, units) in enumerate(zip(layer_inputs(spec, interface), network.units, strict=True)):
        prefix = f"rnn/{layer}/forward"
        found[f"{prefix}/kernel"] = (size, gates, units)
        found[f"{prefix}/recurrent_kernel"] = (units, gates, units)
        for name in biases(network.cell, spec.conventions.owner("bias", home)):
            found[f"{prefix}/{name}"] = (gates, units)
    found["head/0/kernel"] = (network.units[-1], interface.outputs)
    found["head/0/bias"] = (interface.outputs,)
    return found


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


def _initial(name: str, shape: tuple[int, ...], spec: ExperimentSpec, rng: np.random.Generator) -> np.ndarray:
    room, *_, kind = name.split("/")
    field = {"embedding": "embedding", "head": "head"}.get(room) or kind.replace("recurrent_bias", "bias")
    owner = spec.conventions.owner(field, "keras")
    if room == "embedding":
        return rng.standard_normal(shape) if owner == "pytorch" else uniform(rng, shape, 0.05)
    if owner == "pytorch":
        fan = spec.network.units[-1] if room == "head" else shape[-1]
        return uniform(rng, shape, 1 / np.sqrt(fan))
    if kind == "kernel":
        return glorot_uniform(rng, shape[0], int(np.prod(shape[1:]))).reshape(shape)
    if kind == "recurrent_kernel":
        return orthogonal(rng, shape[0], int(np.prod(shape[1:]))).reshape(shape)
    return _keras_bias(kind, shape, spec.network.cell if room == "rnn" else None)


def _keras_bias(kind: str, shape: tuple[int, ...], cell: str | None) -> np.ndarray:
    values = np.zeros(shape)
    if cell == "lstm" and kind == "bias":
        values[GATES["lstm"].index("f")] = 1  # Jozefowicz et al. (2015); Keras's unit_forget_bias
    return values
