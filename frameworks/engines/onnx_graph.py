"""A network as an ONNX model: encoder → recurrent stack → head, for one batch size and length."""

import itertools
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from experiments import canonical
from experiments.canonical import Weights
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.engines.onnx_layers import ATTRIBUTES, OPERATORS, layer

INPUT, OUTPUT = "x", "outputs"
OPSET, IR_VERSION = 17, 8  # of 2022, which every release of the two engines since then reads


class Graph:
    """Nodes and weights as they are added; each method returns the name of the value that it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: np.ndarray) -> str:
        """Add a constant."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, place: int = 0, **attributes: Any) -> str:
        """Add an operator, of whose outputs only the one at this place is used."""
        self.nodes.append(helper.make_node(operator, inputs, [""] * place + [output], **attributes))
        return output


def model(spec: ExperimentSpec, interface: Interface, weights: Weights) -> bytes:
    """Write the network as a serialised ONNX model that ``onnx`` has checked.

    It takes ``x (B, T)`` int32 or ``(B, T, F)`` float32, B being the spec's batch size, and gives ``(B[, T], outputs)``
    float32.
    """
    graph, batch, time = Graph(), spec.training.batch_size, interface.time
    tokens = interface.input == "tokens"
    last = _stack(graph, spec, interface, weights, _encoded(graph, weights) if tokens else INPUT)
    _head(graph, spec, interface, weights, last)
    given = helper.make_tensor_value_info(
        INPUT,
        TensorProto.INT32 if tokens else TensorProto.FLOAT,
        (batch, time) if tokens else (batch, time, interface.features),
    )
    shape = (batch, *(time,) * interface.every_step, interface.outputs)
    made = helper.make_graph(
        graph.nodes,
        spec.network.cell,
        [given],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)],
        graph.weights,
    )
    whole = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(whole, full_check=True)
    return whole.SerializeToString()


def _encoded(graph: Graph, weights: Weights) -> str:
    """Look up the rows of the embedding: ``(B, T) -> (B, T, E)``."""
    return graph.node("Gather", [graph.weight("table", weights["embedding/table"]), INPUT], "embedded")


def _stack(graph: Graph, spec: ExperimentSpec, interface: Interface, weights: Weights, x: str) -> str:
    """Run the layers, time first as ONNX has it; returns the top sequence ``(T, B, H)`` or last output ``(B, H)``."""
    cell, top = spec.network.cell, len(spec.network.units) - 1
    x = graph.node("Transpose", [x], "time_first", perm=[1, 0, 2])
    for index, units in enumerate(spec.network.units):
        prefix = f"rnn/{index}/forward/"
        own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        inputs = [x, *(graph.weight(f"{kind}_{index}", value) for kind, value in layer(cell, own)._asdict().items())]
        sequence = index < top or interface.every_step
        attributes = {"hidden_size": units} | ATTRIBUTES.get(cell, {})
        y = graph.node(OPERATORS[cell], inputs, f"y_{index}", place=0 if sequence else 1, **attributes)
        direction = graph.weight(f"direction_{index}", np.array([1 if sequence else 0]))  # its axis in the output
        x = graph.node("Squeeze", [y, direction], f"layer_{index}")
    return x


def _head(graph: Graph, spec: ExperimentSpec, interface: Interface, weights: Weights, x: str) -> None:
    """Add the head's dense layers, with ReLU between two."""
    if interface.every_step:
        x = graph.node("Transpose", [x], "batch_first", perm=[1, 0, 2])
    dense = list(itertools.pairwise(canonical.head_sizes(spec.network, interface)))
    for index, _ in enumerate(dense):
        kernel, bias = (
            graph.weight(f"head_{kind}_{index}", weights[f"head/{index}/{kind}"]) for kind in ("kernel", "bias")
        )
        product = graph.node("MatMul", [x, kernel], f"product_{index}")
        x = graph.node("Add", [product, bias], OUTPUT if index == len(dense) - 1 else f"sum_{index}")
        if index < len(dense) - 1:
            x = graph.node("Relu", [x], f"relu_{index}")
