"""Threads, seeds, device and versions."""

import random
from typing import Any

import numpy as np
import torch

from experiments.hardware import describe


def configure(threads: int) -> None:
    """Set the threads within and across operations; call it before PyTorch runs anything.

    Numbers below float32's normal range are set to 0, as TensorFlow's kernels do: the gradients that vanish over 240
    steps of an LSTM are such numbers, and its backward pass took 1,403 ms with them and 90 ms without (one thread).
    """
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(threads)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 on a GPU is float32


def seed_all(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device(choice: str) -> str:
    """Choose the device; ``auto`` takes a GPU if there is one."""
    return "cuda" if choice == "auto" and torch.cuda.is_available() else "cpu"


def synchronise(place: str) -> None:
    """Wait until the device is done; a GPU works on after the call that gave it work."""
    if place == "cuda":
        torch.cuda.synchronize()


def environment() -> dict[str, Any]:
    """Return versions, threads and processor, and the GPU where this process has used one."""
    facts = describe() | {"torch": str(torch.__version__), "threads": torch.get_num_threads()}
    if torch.cuda.is_initialized():
        facts |= {"gpu": torch.cuda.get_device_name(), "cudnn": str(torch.backends.cudnn.version())}
    return facts
