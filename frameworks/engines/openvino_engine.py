"""OpenVINO: a network's ONNX graph, compiled by its CPU plugin, which runs recurrent layers by oneDNN."""

from typing import Any

import numpy as np
import onnx
import openvino

from experiments.canonical import Weights
from experiments.hardware import describe
from experiments.protocol import Lengths
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.engines.onnx_graph import model

_threads = 1


def configure(threads: int) -> None:
    """Set the threads of the networks that are built from now on."""
    global _threads
    _threads = threads


class Network:
    """A network that predicts and does nothing else."""

    device = "cpu"

    def __init__(self, graph: bytes):
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": _threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",  # on some processors bfloat16 is the default
        }
        self._request = core.compile_model(core.read_model(graph), "CPU", options).create_infer_request()

    def predict(self, x: np.ndarray, lengths: Lengths = None) -> np.ndarray:
        """Compute the outputs: ``(B, T[, F]) -> (B[, T], outputs)``."""
        self._request.infer([x], share_inputs=True)
        return np.array(self._request.get_output_tensor().data)


def build(spec: ExperimentSpec, interface: Interface, weights: Weights, seed: int = 0) -> Network:
    """Write the network as an ONNX graph and let the engine compile it; nothing is drawn."""
    return Network(model(spec, interface, weights))


def environment() -> dict[str, Any]:
    """Return versions, threads and processor."""
    versions = {"openvino": openvino.__version__, "onnx": onnx.__version__}
    return describe() | versions | {"threads": _threads}
