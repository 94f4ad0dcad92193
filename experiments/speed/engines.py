"""The table of engines: what runs a trained network's forward pass fast on a CPU and is no twin.

They are timed beside the twins in the speed phase, and only there: nothing is trained by them.
"""

from typing import Literal, NamedTuple


class EngineFacts(NamedTuple):
    """What is known of an engine without importing it."""

    title: str
    packages: tuple[str, ...]  # distributions whose releases its times depend on
    host: str = ""  # the twin whose network it compiles; empty where its process holds neither framework


#: The optional extra of ``pyproject.toml`` that brings what neither framework does.
EXTRA = "engines"
ENGINES: dict[str, EngineFacts] = {
    "onnxruntime": EngineFacts("ONNX Runtime", ("onnxruntime", "onnx")),
    "openvino": EngineFacts("OpenVINO", ("openvino", "onnx")),
    "xla": EngineFacts("XLA", ("tensorflow", "keras"), "tf2"),
    "inductor": EngineFacts("TorchInductor", ("torch",), "pytorch"),
}
EngineName = Literal[tuple(ENGINES)]
