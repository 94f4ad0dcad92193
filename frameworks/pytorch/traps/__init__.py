"""Traps that run: a module each, with the functions ``original``, ``naive`` and ``right`` (experiments/traps)."""

from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any

import numpy as np
import torch

from experiments.traps.trap import FUNCTIONS


def find(path: str) -> dict[str, Callable[..., np.ndarray]]:
    """Import a trap's module; return its functions, which then take and return NumPy arrays."""
    module = import_module(f"frameworks.pytorch.traps.{path}")
    return {name: _on_arrays(getattr(module, name)) for name in FUNCTIONS}


def _on_arrays(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    @wraps(function)
    def called(**case: Any) -> np.ndarray:
        found = torch.as_tensor(function(**_as_tensors(case))).detach().numpy()
        torch.set_flush_denormal(True)  # as everything else here runs; one trap sets it otherwise
        return found

    return called


def _as_tensors(case: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {name: torch.tensor(value) for name, value in case.items() if isinstance(value, np.ndarray)}
    return {**case, **arrays}
