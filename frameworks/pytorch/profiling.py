"""The floor's matrix products in PyTorch, and the operators of a step by PyTorch's profiler."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiler

from experiments.protocol import Product
from frameworks.pytorch import runtime


def floor(products: Sequence[Product], dtype: str, device: str) -> Callable[[], Any]:
    """Return a call that runs the products alone on the device, one after the other as in a recurrence."""

    def factors(product: Product) -> tuple[tuple[Tensor, ...], Tensor]:
        left, right = (product.times, product.rows, product.inner), (product.inner, product.columns)
        kind = {"dtype": getattr(torch, dtype), "device": device}
        return torch.randn(left, **kind).unbind(), torch.randn(right, **kind)

    pairs = [factors(product) for product in products]

    @torch.no_grad()
    def multiply() -> None:
        for lefts, right in pairs:
            for left in lefts:
                left @ right

    recorded = None if device == "cpu" else _recorded(multiply)

    def run() -> None:
        multiply() if recorded is None else recorded.replay()
        runtime.synchronise(device)

    return run


def _recorded(call: Callable[[], Any]) -> torch.cuda.CUDAGraph:
    """Record the kernels that a call starts on the GPU; ``replay`` then starts all of them at once, in the same order.

    One by one, the host takes longer to start a recurrence's small products than the GPU to compute them.
    """
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # the first call sets up what may not be recorded
        call()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph


def profile(call: Callable[[], Any]) -> dict[str, float]:
    """Measure the seconds in each operator's own code by PyTorch's profiler."""
    with profiler(activities=[ProfilerActivity.CPU]) as trace:  # on a GPU, the time of starting its kernels
        call()
    operators = (event for event in trace.key_averages() if event.key.startswith("aten::"))
    return {event.key.removeprefix("aten::"): event.self_cpu_time_total / 1e6 for event in operators}
