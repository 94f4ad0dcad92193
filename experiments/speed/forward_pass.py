"""An engine's forward pass: checked against the reference, then timed, inside a process of its own."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from experiments import canonical, tasks
from experiments.conventions import Conventions
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.speed import memory
from experiments.speed.clock import Clock
from experiments.speed.load import Load
from experiments.speed.measure import WARM_UP_SPEC, random_batches

DEPTH = "forward"  # of an engine's timing: there is no training step
#: How far an output may be from the reference's: 1e-5 of it, and 1e-5 where it is near 0. The engines round in float32,
#: the reference in float64; 5e-7 was the largest difference seen.
CLOSE = 1e-5


class Mismatch(ArithmeticError):
    """An engine computes something else than the reference, so that its time would mean nothing."""


def networks(specs: Iterable[ExperimentSpec]) -> list[ExperimentSpec]:
    """The networks of these variants, each once, as an engine runs them: it has no forms, and nothing drops out."""
    changed = {"form": "layer", "dropout": 0.0}
    made = (each.model_copy(update={"network": each.network.model_copy(update=changed)}) for each in specs)
    return list(dict.fromkeys(each for each in made if each.training.execution == "default"))


def warm_up(engine: Framework) -> None:
    """Make the engine do what it does once in a process, on a small network."""
    spec = as_drawn(ExperimentSpec.model_validate(WARM_UP_SPEC))
    interface = tasks.interface(spec.task)
    model = engine.build(spec, interface, canonical.draw(spec, interface, 0), 0)
    model.predict(next(random_batches(spec, interface)).x)


def measure(spec: ExperimentSpec, engine: Framework, steps: int) -> dict[str, Any]:
    """Build one network, compare its first outputs with the reference's, and time its forward pass.

    Returns:
        Plain data: seconds of every call, the largest difference from the reference, bytes, other processes' load.

    Raises:
        Mismatch: an output is further from the reference's than ``CLOSE``.
    """
    interface, drawn = tasks.interface(spec.task), as_drawn(spec)
    weights, batches, idle = canonical.draw(drawn, interface, 0), random_batches(drawn, interface), memory.trimmed()
    began = time.perf_counter()
    model = engine.build(drawn, interface, weights, 0)
    record: dict[str, Any] = {"build_s": time.perf_counter() - began, "idle_bytes": idle, "device": model.device}
    batch = next(batches)
    began = time.perf_counter()
    outputs = model.predict(batch.x)
    first = time.perf_counter() - began
    record["error"] = compared(outputs, engine.expected(drawn, interface, weights, batch.x), spec.slug, engine.name)
    with Load() as load:
        memory.forget_peak()
        clock = Clock.of(lambda: model.predict(next(batches).x), steps)
        record["peak_bytes"], record["step_bytes"] = memory.peak(), memory.peak() - idle
    return record | {"forward": vars(clock) | {"first": first}, "load": load.others}


def compared(outputs: np.ndarray, expected: np.ndarray, name: str, engine: str) -> float:
    """The largest difference of an engine's outputs from the reference's, of the same shape.

    Raises:
        Mismatch: it is more than ``CLOSE`` allows, or the shapes differ.
    """
    if outputs.shape != expected.shape:
        raise Mismatch(f"{name}: {engine} gives {outputs.shape}, the reference {expected.shape}")
    error = float(np.abs(outputs - expected).max())
    if not np.allclose(outputs, expected, CLOSE, CLOSE):
        raise Mismatch(f"{name}: {engine} is {error:.1e} from the reference; allowed: {CLOSE:g}")
    return error


def as_drawn(spec: ExperimentSpec) -> ExperimentSpec:
    """The same network with weights that are drawn here, and with both biases, none of which is zero."""
    return spec.model_copy(update={"conventions": Conventions(base="pytorch")})
