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
    def run() -> None:
        for lefts, right in pairs:
            for left in lefts:
                left @ right
        runtime.synchronise(device)

    return run


def profile(call: Callable[[], Any]) -> dict[str, float]:
    """Measure the seconds in each operator's own code by PyTorch's profiler."""
    with profiler(activities=[ProfilerActivity.CPU]) as trace:  # on a GPU, the time of starting its kernels
        call()
    operators = (event for event in trace.key_averages() if event.key.startswith("aten::"))
    return {event.key.removeprefix("aten::"): event.self_cpu_time_total / 1e6 for event in operators}
