"""XLA: the forward pass of TensorFlow's twin as one program, compiled at the first call."""

from typing import Any

from experiments.canonical import Weights
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.engines.support import for_xla
from frameworks.tf2 import network, runtime
from frameworks.tf2.network import Network


def configure(threads: int) -> None:
    """Set the threads."""
    runtime.configure(threads)


def build(spec: ExperimentSpec, interface: Interface, weights: Weights, seed: int = 0) -> Network:
    """Build the twin's network; ``tf.function(jit_compile=True)`` compiles it when it first predicts."""
    return network.build(for_xla(spec), interface, weights, seed)


def environment() -> dict[str, Any]:
    """Return versions, threads and processor."""
    return runtime.environment()
