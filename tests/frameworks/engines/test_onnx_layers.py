"""Canonical weights as ONNX takes them, by ONNX's own equations in NumPy; neither ONNX nor an engine is needed."""

import numpy as np
import pytest

from experiments import canonical, tasks
from experiments.spec import ExperimentSpec
from frameworks.engines.onnx_layers import ATTRIBUTES, OPERATORS, ORDER, layer
from frameworks.reference import network

CELLS = list(OPERATORS)
#: Gates by the letters of ONNX's documents, in the order in which it stacks them.
LETTERS = {"RNN": "i", "LSTM": "iofc", "GRU": "zrh"}


def a_spec(cell: str) -> ExperimentSpec:
    parts = {"network": {"cell": cell, "form": "layer", "units": [3]}, "training": {"batch_size": 2}}
    return ExperimentSpec.model_validate({"task": "digits", "conventions": "pytorch"} | parts)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_onnx(operator: str, x: np.ndarray, w, r, b, linear_before_reset: int = 0) -> np.ndarray:
    """The operator's equations as https://onnx.ai/onnx/operators/ has them: ``(T, B, I) -> (T, B, H)``."""
    letters, hidden = LETTERS[operator], r.shape[-1]
    parts = [dict(zip(letters, np.split(each, len(letters)), strict=True)) for each in (w[0], r[0], *np.split(b[0], 2))]
    h = c = np.zeros((x.shape[1], hidden))
    states = []
    for x_t in x:
        given = {k: x_t @ parts[0][k].T + parts[2][k] for k in letters}
        pre = {k: given[k] + h @ parts[1][k].T + parts[3][k] for k in letters}
        if operator == "RNN":
            h = np.tanh(pre["i"])
        elif operator == "LSTM":
            c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["c"])
            h = sigmoid(pre["o"]) * np.tanh(c)
        else:
            z, reset = sigmoid(pre["z"]), sigmoid(pre["r"])
            after = reset * (h @ parts[1]["h"].T + parts[3]["h"])
            before = (reset * h) @ parts[1]["h"].T + parts[3]["h"]
            h = (1 - z) * np.tanh(given["h"] + (after if linear_before_reset else before)) + z * h
        states.append(h)
    return np.stack(states)


@pytest.mark.parametrize("cell", CELLS)
def test_onnxs_equations_on_the_converted_weights_give_the_references_sequence(cell):
    spec = a_spec(cell)
    interface = tasks.interface(spec.task)
    weights = canonical.draw(spec, interface, 0)
    x = np.random.default_rng(0).standard_normal((2, interface.time, interface.features))
    own = {name.removeprefix("rnn/0/forward/"): value for name, value in weights.items() if name.startswith("rnn/")}
    assert all(np.abs(own[kind]).min() > 0 for kind in own), "a zero bias would hide where it goes"
    sequence = by_onnx(OPERATORS[cell], x.transpose(1, 0, 2), *layer(cell, own), **ATTRIBUTES.get(cell, {}))
    expected = network.build(spec, interface, weights).forward(x).sequence
    assert np.abs(sequence.transpose(1, 0, 2) - expected).max() < 1e-6, cell


@pytest.mark.parametrize("cell", CELLS)
def test_the_order_has_every_gate_once(cell):
    assert sorted(ORDER[cell]) == sorted(canonical.GATES[cell])
    assert len(ORDER[cell]) == len(LETTERS[OPERATORS[cell]])


def test_a_bias_that_a_layer_has_not_is_zeros():
    kernel, recurrent, bias = np.ones((4, 4, 3)), np.ones((3, 4, 3)), np.arange(12.0).reshape(4, 3)
    parts = layer("lstm", {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias})
    i, f, g, o = bias
    assert (
        parts.bias.shape == (1, 24) and parts.kernel.shape == (1, 12, 4) and parts.recurrent_kernel.shape == (1, 12, 3)
    )
    assert np.array_equal(parts.bias[0], np.concatenate([i, o, f, g, np.zeros(12)]))
