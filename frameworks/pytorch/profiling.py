"""The floor's matrix products in PyTorch, and the operators of a step by PyTorch's profiler."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiler

from experiments.protocol import Product


def floor(products: Sequence[Product], dtype: str) -> Callable[[], Any]:
    """Return a call that runs the products alone, one after the other as in a recurrence."""

    def factors(product: Product) -> tuple[tuple[Tensor, ...], Tensor]:
        left, right = (product.times, product.rows, product.inner), (product.inner, product.columns)
        kind = getattr(torch, dtype)
        return torch.randn(left, dtype=kind).unbind(), torch.randn(right, dtype=kind)

    pairs = [factors(product) for product in products]

    @torch.no_grad()
    def run() -> None:
        for lefts, right in pairs:
            for left in lefts:
                left @ right

    return run


def profile(call: Callable[[], Any]) -> dict[str, float]:
    """Measure the seconds in each operator's own code by PyTorch's profiler."""
    with profiler(activities=[ProfilerActivity.CPU]) as trace:
        call()
    operators = (event for event in trace.key_averages() if event.key.startswith("aten::"))
    return {event.key.removeprefix("aten::"): event.self_cpu_time_total / 1e6 for event in operators}
