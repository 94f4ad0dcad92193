"""TorchInductor: the step of PyTorch's twin, written in bare operators, compiled at the first call.

To compile all steps of two layers of an LSTM as one graph (batch 128 × 80) took 24 to 29 s in place of 10, and the
forward pass no less time (one thread, one process each).
"""

from typing import Any

import torch
from torch._inductor.cpu_vec_isa import pick_vec_isa

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
    """Build the twin's network with a compiled step in each layer; it needs a C++ compiler when it first predicts.

    Raises:
        RuntimeError: TorchInductor would leave the processor's vector instructions out, which it tells no one. It tries
            them in a process of its own; where that failed, this LSTM took 205 ms of processor time in place of 66.
    """
    if torch.backends.cpu.get_cpu_capability() != "DEFAULT" and not pick_vec_isa():
        raise RuntimeError("TorchInductor cannot compile for the vector instructions that PyTorch's kernels use here")
    made = network.build(for_inductor(spec), interface, weights, seed)
    for directions in made.stack.layers:
        for layer in directions:
            layer.step = torch.compile(layer.step)
    return made


def environment() -> dict[str, Any]:
    """Return versions, threads, processor and the instructions that are compiled for."""
    return runtime.environment() | {"instructions": str(pick_vec_isa())}
