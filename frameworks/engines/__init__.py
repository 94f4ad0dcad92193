"""The engines: each runs a network's forward pass on canonical weights, from a module with the same functions.

An engine's process holds its host framework, if it has one, else neither.
"""

from importlib import import_module

import numpy as np

from experiments.canonical import Weights
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.speed.engines import ENGINES
from experiments.tasks import Interface
from experiments.twins import FRAMEWORKS, REFERENCE
from frameworks.reference import network


def load(name: str) -> Framework:
    """Import an engine into this process; its ``expected`` is the NumPy reference's answer."""
    engine, facts = import_module(f"frameworks.engines.{name}_engine"), FRAMEWORKS[ENGINES[name].host or REFERENCE]
    return Framework(name, facts.owner, engine.configure, engine.build, engine.environment, expected=expected)


def expected(spec: ExperimentSpec, interface: Interface, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Compute the outputs in NumPy, in float64: ``(B, T[, F]) -> (B[, T], outputs)``."""
    return network.build(spec, interface, weights).predict(x)
