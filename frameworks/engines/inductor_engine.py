"""TorchInductor: the step of PyTorch's twin, written in bare operators, compiled at the first call.

To compile all steps of two layers of an LSTM as one graph (batch 128 × 80) took 24 to 29 s in place of 10, and the
forward pass no less time (one thread, one process each).
"""

from typing import Any

import torch

from experiments.canonical import Weights
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.engines.support import for_inductor
from frameworks.pytorch import network, runtime
from frameworks.pytorch.network import Network


def configure(threads: int) -> None:
    """Set the threads. Nothing is read from the compiler's cache, so that each process states its compile time."""
    runtime.configure(threads)
    torch._inductor.config.force_disable_caches = True


def build(spec: ExperimentSpec, interface: Interface, weights: Weights, seed: int = 0) -> Network:
    """Build the twin's network with a compiled step in each layer; it needs a C++ compiler when it first predicts."""
    made = network.build(for_inductor(spec), interface, weights, seed)
    for directions in made.stack.layers:
        for layer in directions:
            layer.step = torch.compile(layer.step)
    return made


def environment() -> dict[str, Any]:
    """Return versions, threads and processor."""
    return runtime.environment()
