"""Canonical ⇄ native: the reference's native weights are the canonical ones in float64."""

import numpy as np

from experiments.canonical import Weights


def load(weights: Weights) -> Weights:
    """Copy canonical weights to float64."""
    return {name: np.array(value, np.float64) for name, value in weights.items()}


def layer(weights: Weights, index: int, direction: str) -> Weights:
    """Select one direction of a recurrent layer: ``kernel``, …; the arrays are shared, not copied."""
    prefix = f"rnn/{index}/{direction}/"
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
