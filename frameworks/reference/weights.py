"""Canonical ⇄ native. The reference's native weights are the canonical ones, in float64."""

import numpy as np

from experiments.canonical import Weights


def load(weights: Weights) -> Weights:
    """The weights as the reference holds them."""
    return {name: np.array(value, np.float64) for name, value in weights.items()}


def layer(weights: Weights, index: int, direction: str) -> Weights:
    """One direction of a recurrent layer by its weights' last names; the arrays are shared, not copied."""
    prefix = f"rnn/{index}/{direction}/"
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
