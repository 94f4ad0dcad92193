"""Seed, threads, device, versions."""

import random
from typing import Any

import numpy as np
import torch

from experiments.hardware import describe


def configure(threads: int) -> None:
    """Fix the threads of one operation and across operations; before PyTorch runs anything."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(threads)


def seed_all(seed: int) -> None:
    """Python's, NumPy's and PyTorch's generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device(choice: str) -> str:
    """``auto`` takes a GPU where there is one."""
    return "cuda" if choice == "auto" and torch.cuda.is_available() else "cpu"


def environment() -> dict[str, Any]:
    """Versions, threads and processor."""
    return describe() | {"torch": str(torch.__version__), "threads": torch.get_num_threads()}
