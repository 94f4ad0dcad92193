"""The lines that show what calls take and return (``experiments/probes/calls``), run by this framework."""

from typing import Any

import torch

from experiments.probes import snippets
from frameworks.pytorch import runtime

SEED = 0
TENSORS = (torch.Tensor,)


def answers() -> dict[str, Any]:
    """Run every line: snippet → lines and results, or what refused them."""
    runtime.seed_all(SEED)
    return snippets.results("pytorch", TENSORS)
