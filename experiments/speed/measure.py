"""What is timed of one variant, inside a process of one framework."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from experiments import tasks
from experiments.draws import generator
from experiments.protocol import Batch, Framework, Model
from experiments.spec import ExperimentSpec
from experiments.speed import gates_floor, matmul_floor, memory
from experiments.speed.clock import Clock
from experiments.speed.load import Load
from experiments.tasks import Interface

FLOOR_STEPS = 10
PROFILED_STEPS = 1  # of thousands of operators each
BATCHES = 4  # random ones, in turn: a single one's rows would stay in the cache
TOP = 10  # operators that a record names

#: How deep a variant is measured: its training step; also its forward pass and the floor; also its operators.
Depth = Literal["step", "floor", "operators"]
Record = dict[str, Any]


#: Small and never timed: what a framework does once in a process must not count as the first variant's time.
WARM_UP_SPEC = {
    "task": "digits",
    "network": {"cell": "lstm", "form": "layer", "units": [4]},
    "training": {"batch_size": 4},
}


def warm_up(framework: Framework, device: str) -> None:
    """Make the framework do what it does once in a process: start its threads, find its devices, load its kernels."""
    training = WARM_UP_SPEC["training"] | {"device": device}
    spec = ExperimentSpec.model_validate(WARM_UP_SPEC | {"training": training})
    interface = tasks.interface(spec.task)
    model, batch = framework.build(spec, interface, None, 0), next(random_batches(spec, interface))
    model.train_step(batch)
    model.predict(batch.x)


class Floors:
    """The floors and peaks measured in a process, each once: all forms of a cell have the same floor."""

    def __init__(self, framework: Framework):
        self._framework, self._known, self._peaks = framework, {}, {}

    def of(self, spec: ExperimentSpec, interface: Interface, device: str) -> Record:
        """Seconds of the products of a forward pass and of a training step, in NumPy too, and their arithmetic.

        On a CPU also of reading and writing the gates. Beside them the processor's peak.
        """
        return self._floor(spec, interface, device) | {"peak": self._peak(spec.training.dtype, device)}

    def _floor(self, spec: ExperimentSpec, interface: Interface, device: str) -> Record:
        needed, dtype = matmul_floor.products(spec, interface), spec.training.dtype
        if (needed, dtype, device) not in self._known:
            parts = {"forward": needed.forward, "train": needed.forward + needed.backward}
            calls = {name: self._framework.floor(part, dtype, device) for name, part in parts.items()}
            if device == "cpu":
                calls["numpy"] = matmul_floor.in_numpy(parts["train"], dtype)
                calls["gates"] = gates_floor.in_numpy(gates_floor.gates(spec, interface), dtype)
            clocks = {name: Clock.of(call, FLOOR_STEPS).steady for name, call in calls.items()}
            self._known[needed, dtype, device] = {"floor": clocks, "gflop": needed.flop / 1e9}
        return self._known[needed, dtype, device]

    def _peak(self, dtype: str, device: str) -> Record:
        """Seconds of one large product, which no other arithmetic is likely to beat in rate; on a CPU in NumPy too."""
        if (dtype, device) not in self._peaks:
            calls = {"framework": self._framework.floor([matmul_floor.LARGE], dtype, device)}
            if device == "cpu":
                calls["numpy"] = matmul_floor.in_numpy([matmul_floor.LARGE], dtype)
            clocks = {name: Clock.of(call, FLOOR_STEPS).steady for name, call in calls.items()}
            self._peaks[dtype, device] = {"seconds": clocks, "gflop": matmul_floor.LARGE.flop / 1e9}
        return self._peaks[dtype, device]


def measure(spec: ExperimentSpec, framework: Framework, floors: Floors, steps: int, depth: Depth) -> Record:
    """Build one variant and time its training steps, and, if ``depth`` asks, its forward pass, floor and operators.

    Returns:
        Plain data: seconds of every call, bytes, GFLOP, the operators' shares, other processes' load in cores.
    """
    interface = tasks.interface(spec.task)
    idle = memory.trimmed()
    built = time.perf_counter()
    model = framework.build(spec, interface, None, 0)
    record: Record = {"build_s": time.perf_counter() - built, "idle_bytes": idle, "device": model.device}
    batches = random_batches(spec, interface)
    with Load() as load:
        memory.forget_peak()
        train = Clock.of(lambda: model.train_step(next(batches)), steps)
        record["peak_bytes"], record["step_bytes"] = memory.peak(), memory.peak() - idle
        record["train"] = vars(train)
        if depth != "step":
            record["forward"] = vars(Clock.of(lambda: _predict(model, next(batches)), steps))
            record |= floors.of(spec, interface, model.device)
    if depth == "operators":
        record["operators"] = operators(framework, lambda: model.train_step(next(batches)))
    return record | {"load": load.others}


def operators(framework: Framework, call: Callable[[], Any]) -> list[tuple[str, float]]:
    """The operators that took most of the time, by the framework's own profiler: name and share of all operators'."""

    def several() -> None:
        for _ in range(PROFILED_STEPS):
            call()

    taken = framework.profile(several)
    total = sum(taken.values())
    longest = sorted(taken.items(), key=lambda item: -item[1])[:TOP]
    return [(name, seconds / total) for name, seconds in longest]


def _predict(model: Model, batch: Batch) -> None:
    model.predict(batch.x, batch.lengths)


def random_batches(spec: ExperimentSpec, interface: Interface) -> Iterator[Batch]:
    """Random numbers in the task's shapes, and where padding is masked, the task's lengths.

    A step's time does not depend on the values, but it does on the lengths.
    """
    rng, size, dtype = generator(0, "speed"), spec.training.batch_size, spec.training.dtype

    def one() -> Batch:
        batch = whole()
        masked = spec.task.masked
        return batch._replace(lengths=tasks.usual_lengths(spec.task, size, rng)) if masked else batch

    def whole() -> Batch:
        if interface.input == "tokens":
            x = rng.integers(0, interface.features, (size, interface.time)).astype(np.int32)
        else:
            x = rng.standard_normal((size, interface.time, interface.features)).astype(dtype)
        if interface.loss == "sequence_cross_entropy":
            return Batch(x, rng.integers(0, interface.outputs, x.shape).astype(np.int32))
        if interface.loss == "cross_entropy":
            return Batch(x, np.eye(interface.outputs, dtype=dtype)[rng.integers(0, interface.outputs, size)])
        return Batch(x, rng.integers(0, 2, (size, interface.outputs)).astype(dtype))

    made = [one() for _ in range(BATCHES)]
    while True:
        yield from made
