"""Predict with canonical weights as an outline says, in float64."""

from typing import Any

import numpy as np
from scipy.special import erf, softmax

from experiments.canonical import Weights
from experiments.spec import NetworkSpec
from frameworks.convert.outline import Activation, Dense, Embedding, Masking, Outline, Recurrent, states_of
from frameworks.reference.cells import CELLS, sigmoid

#: Klambauer et al. (2017): the constants that keep mean 0 and variance 1.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """x where positive, else α(eˣ − 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "softmax": lambda x: softmax(x, axis=-1),
    "elu": elu,
    "selu": lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
    "silu": lambda x: x * sigmoid(x),
    "softplus": lambda x: np.logaddexp(x, 0),
}


def predict(weights: Weights, outline: Outline, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Run over batches: ``(B, T)`` tokens or ``(B, T, F)`` values -> ``(B, outputs)`` or ``(B, T, outputs)``."""
    wide = {name: value.astype(np.float64) for name, value in weights.items()}
    return [_predict(wide, outline, batch) for batch in inputs]


def _predict(weights: Weights, outline: Outline, x: np.ndarray) -> np.ndarray:
    mask = np.ones(x.shape[:2], bool)
    layers = {Recurrent: 0, Dense: 0}
    for step in outline.steps:
        index = layers.get(type(step), 0)
        if isinstance(step, Embedding):
            mask = x != 0 if step.skips_padding else mask
            x = weights["embedding/table"][x]
        elif isinstance(step, Masking):
            mask = (x != step.value).any(-1)
            x = x * mask[..., None]
        elif isinstance(step, Recurrent):
            x, mask = _recurrent(weights, index, step, x, mask)
        elif isinstance(step, Dense):
            product = x @ weights[f"head/{index}/kernel"] + weights.get(f"head/{index}/bias", 0)
            x = FUNCTIONS[step.activation](product)
        elif isinstance(step, Activation):
            x = FUNCTIONS[step.function](x)
        if type(step) in layers:
            layers[type(step)] += 1
    return x


def _recurrent(weights: Weights, index: int, step: Recurrent, x: np.ndarray, mask: np.ndarray) -> Any:
    """Run a layer: ``(B, T, I)`` -> every output or the last, and the mask."""
    if step.backwards:
        x, mask = x[:, ::-1], mask[:, ::-1]
    outputs, last = _one_way(weights, f"rnn/{index}/forward/", step, x, mask)
    if step.both_ways:
        back, back_last = _one_way(weights, f"rnn/{index}/backward/", step, x[:, ::-1], mask[:, ::-1])
        outputs, last = _merge(outputs, back[:, ::-1], step.merge), _merge(last, back_last, step.merge)
    return (outputs if step.sequences else last), mask


def _merge(one: np.ndarray, other: np.ndarray, how: str) -> np.ndarray:
    if how == "concat":
        return np.concatenate([one, other], -1)
    return one * other if how == "mul" else (one + other) / (2 if how == "ave" else 1)


def _one_way(weights: Weights, prefix: str, step: Recurrent, x: np.ndarray, mask: np.ndarray) -> Any:
    """Run one direction; at padded steps the states stay as they are."""
    w = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    units, outputs = w["kernel"].shape[-1], w["recurrent_kernel"].shape[0]
    network = NetworkSpec(
        cell=step.cell, form="layer", units=(units,), projection_size=outputs if "projection" in w else None
    )
    run = _relu_step if step.activation == "relu" else CELLS[step.cell].step
    from_input = np.tensordot(x, w["kernel"], axes=1) + w.get("bias", 0)
    states = (np.zeros((len(x), outputs)), *(np.zeros((len(x), units)),) * (states_of(step.cell) - 1))
    sequence = []
    for time in range(x.shape[1]):
        new, _ = run(from_input[:, time], states, w, network)
        valid = mask[:, time, None]
        states = tuple(np.where(valid, one, old) for one, old in zip(new, states, strict=True))
        sequence.append(states[0] if step.at_padding == "repeat" else states[0] * valid)
    return np.stack(sequence, 1), states[0]


def _relu_step(from_input: np.ndarray, states: tuple, w: Weights, network: NetworkSpec) -> Any:
    """h′ = max(0, x·W + h·U + b), which the table of cells does not have."""
    product = states[0] @ w["recurrent_kernel"][:, 0] + w.get("recurrent_bias", np.zeros((1, 1)))[0]
    return (np.maximum(from_input[:, 0] + product, 0),), ()
