"""Canonical → ONNX: a recurrent layer's weights as ONNX's operators take them. Needs NumPy alone.

ONNX has the gates first, ``W (1, G·H, I)`` and ``R (1, G·H, H)``, and both biases in a row, ``B (1, 2·G·H)``; the axis
of 1 is the direction. Gates stand in the order i o f c in an LSTM and z r h in a GRU (https://onnx.ai/onnx/operators/,
``LSTM``, ``GRU``, ``RNN``); its c and h are the candidate, canonical g and n.
"""

from typing import Any, NamedTuple

import numpy as np

from experiments.canonical import GATES, Weights
from experiments.cells import BIASES

#: ONNX's operator for a cell. Others have none: ``input_forget`` of its LSTM is left to each implementation.
OPERATORS = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "gru_reset_before": "GRU"}
#: A cell's canonical gates in ONNX's order.
ORDER = {
    "simple_rnn": ("h",),
    "lstm": ("i", "o", "f", "g"),
    "gru": ("z", "r", "n"),
    "gru_reset_before": ("z", "r", "n"),
}
#: Whether the reset gate scales the recurrent product, as in the GRU of Keras and PyTorch, or the state before it.
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "gru": {"linear_before_reset": 1},
    "gru_reset_before": {"linear_before_reset": 0},
}


class OnnxLayer(NamedTuple):
    """The inputs W, R and B of an ONNX operator."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


def layer(cell: str, weights: Weights) -> OnnxLayer:
    """Convert one direction of a layer; a bias that it does not have is zeros.

    Args:
        cell: one of ``OPERATORS``.
        weights: ``kernel (I, G, H)``, ``recurrent_kernel (H, G, H)`` and what there is of the biases, ``(G, H)``.
    """
    places = [GATES[cell].index(gate) for gate in ORDER[cell]]
    none = np.zeros_like(weights["kernel"][0])
    biases = [weights.get(kind, none)[places].reshape(-1) for kind in BIASES]
    kernels = (_gates_first(weights[kind], places) for kind in ("kernel", "recurrent_kernel"))
    return OnnxLayer(*kernels, np.concatenate(biases)[None])


def _gates_first(kernel: np.ndarray, places: list[int]) -> np.ndarray:
    """``(I, G, H) -> (1, G·H, I)``, the gates at these places."""
    return np.ascontiguousarray(kernel[:, places].reshape(len(kernel), -1).T[None])
