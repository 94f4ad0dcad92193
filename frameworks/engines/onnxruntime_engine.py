"""ONNX Runtime: a network's ONNX graph, run by its CPU kernels."""

from typing import Any

import numpy as np
import onnx
import onnxruntime

from experiments.canonical import Weights
from experiments.hardware import describe
from experiments.protocol import Lengths
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.engines.onnx_graph import INPUT, model

_threads = 1


def configure(threads: int) -> None:
    """Set the threads of the networks that are built from now on."""
    global _threads
    _threads = threads


class Network:
    """A network that predicts and does nothing else."""

    device = "cpu"

    def __init__(self, graph: bytes):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = _threads, 1
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def predict(self, x: np.ndarray, lengths: Lengths = None) -> np.ndarray:
        """Compute the outputs: ``(B, T[, F]) -> (B[, T], outputs)``."""
        return self._session.run(None, {INPUT: x})[0]


def build(spec: ExperimentSpec, interface: Interface, weights: Weights, seed: int = 0) -> Network:
    """Write the network as an ONNX graph and let the engine prepare it; nothing is drawn."""
    return Network(model(spec, interface, weights))


def environment() -> dict[str, Any]:
    """Return versions, threads and processor."""
    versions = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
    return describe() | versions | {"threads": _threads}
