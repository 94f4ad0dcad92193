"""The floor's matrix products, timed as PyTorch does them, and what its profiler says of a step."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiler

from experiments.floor import Product


def floor(products: Sequence[Product], dtype: str) -> Callable[[], Any]:
    """The products alone, each after the last."""

    def factors(product: Product) -> tuple[Tensor, Tensor]:
        left, right = (product.rows, product.inner), (product.inner, product.columns)
        return torch.randn(left, dtype=getattr(torch, dtype)), torch.randn(right, dtype=getattr(torch, dtype))

    pairs = [(product.times, *factors(product)) for product in products]

    @torch.no_grad()
    def run() -> None:
        for times, left, right in pairs:
            for _ in range(times):
                left @ right

    return run


def profile(call: Callable[[], Any]) -> dict[str, float]:
    """Seconds in each operator's own code, by PyTorch's profiler."""
    with profiler(activities=[ProfilerActivity.CPU]) as found:
        call()
    operators = (event for event in found.key_averages() if event.key.startswith("aten::"))
    return {event.key.removeprefix("aten::"): event.self_cpu_time_total / 1e6 for event in operators}
