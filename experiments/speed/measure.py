"""What is timed of one variant, inside a process of one framework: the clock's rules, the floor, memory and load."""

import ctypes
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, Self

import numpy as np
import psutil

from experiments import tasks
from experiments.conventions import stream
from experiments.protocol import Batch, Framework
from experiments.spec import ExperimentSpec, Interface
from experiments.speed.matmul_floor import products

#: Warm is when the median of the last three steps lies within 5 % of that of the three before; at the latest after 20.
#: The three that showed it are the first of the steady ones.
WINDOW, WARM_WITHIN, WARM_MOST = 3, 0.05, 20
FLOOR_STEPS = 10
PROFILED_STEPS = 1  # of thousands of operators each
BATCHES = 4  # random ones, in turn: a single one's rows would stay in the cache
TOP = 5
TICK_S = 0.01  # in which a system counts how long a core was busy
QUIET_S = 0.5  # how long the machine is watched before anything is timed

WARM_RULE = (
    f"steps run until the median of the last {WINDOW} lies within {WARM_WITHIN:.0%} of that of the {WINDOW} before, "
    f"{WARM_MOST} at most"
)

#: How deep a variant is looked into: its training step; also its forward pass and the floor; also its operators.
Depth = Literal["step", "floor", "operators"]
Record = dict[str, Any]


@dataclass(frozen=True)
class Clock:
    """The calls of one kind, in seconds: the first, those to warm up, and the steady ones."""

    first: float
    warm_up: list[float]
    settled: bool
    steady: list[float]

    @classmethod
    def of(cls, call: Callable[[], Any], steps: int) -> Self:
        """Time a call: once cold, then until it is warm and ``steps`` times are steady, at least a window's."""
        first, calls = _seconds(call), []
        while not (settled := _settled(calls)) and len(calls) < WARM_MOST:
            calls.append(_seconds(call))
        calls += [_seconds(call) for _ in range(steps - WINDOW)]
        return cls(first, calls[:-steps], settled, calls[-steps:])


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _settled(times: list[float]) -> bool:
    if len(times) < 2 * WINDOW:
        return False
    before, last = median(times[-2 * WINDOW : -WINDOW]), median(times[-WINDOW:])
    return abs(last - before) <= WARM_WITHIN * before


#: Small, and never timed: what a framework does but once in a process is not the first variant's.
AWAKENING = {
    "task": "digits",
    "network": {"cell": "lstm", "form": "layer", "units": [4]},
    "training": {"batch_size": 4},
}


def awaken(framework: Framework) -> None:
    """Have the framework do what it does but once: start its threads, find its devices, load its kernels."""
    spec = ExperimentSpec.model_validate(AWAKENING)
    interface = tasks.interface(spec.task)
    model, batch = framework.build(spec, interface, None, 0), next(_random_batches(spec, interface))
    model.train_step(batch)
    model.predict(batch.x)


class Floors:
    """The times of a process's floors, each taken once: the forms of a cell stand on the same one."""

    def __init__(self, framework: Framework):
        self._framework, self._known = framework, {}

    def of(self, spec: ExperimentSpec, interface: Interface) -> Record:
        """Seconds of the products of a forward pass and of a training step, and their arithmetic."""
        needed, dtype = products(spec, interface), spec.training.dtype
        if (needed, dtype) not in self._known:
            parts = {"forward": needed.forward, "train": needed.forward + needed.backward}
            clocks = {
                name: Clock.of(self._framework.floor(part, dtype), FLOOR_STEPS).steady for name, part in parts.items()
            }
            self._known[needed, dtype] = {"floor": clocks, "gflop": needed.flop / 1e9}
        return self._known[needed, dtype]


def measure(spec: ExperimentSpec, framework: Framework, floors: Floors, steps: int, depth: Depth) -> Record:
    """Build one variant and time its training steps, and, where ``depth`` asks for them, what lies beneath.

    Returns:
        Plain data: seconds of every call, bytes, GFLOP, the operators' shares, other processes' load in cores.
    """
    interface = tasks.interface(spec.task)
    idle = _trimmed()
    built = time.perf_counter()
    model = framework.build(spec, interface, None, 0)
    found: Record = {"build_s": time.perf_counter() - built, "idle_bytes": idle}
    batches = _random_batches(spec, interface)
    with _Load() as load:
        _forget_peak()
        train = Clock.of(lambda: model.train_step(next(batches)), steps)
        found["peak_bytes"], found["step_bytes"] = _peak(), _peak() - idle
        found["train"] = vars(train)
        if depth != "step":
            found["forward"] = vars(Clock.of(lambda: model.predict(next(batches).x), steps))
            found |= floors.of(spec, interface)
    if depth == "operators":
        found["operators"] = operators(framework, lambda: model.train_step(next(batches)))
    return found | {"load": load.others}


def operators(framework: Framework, call: Callable[[], Any]) -> list[tuple[str, float]]:
    """The operators that took most of the time, by the framework's own profiler: name and share of all operators'."""

    def several() -> None:
        for _ in range(PROFILED_STEPS):
            call()

    taken = framework.profile(several)
    total = sum(taken.values())
    longest = sorted(taken.items(), key=lambda item: -item[1])[:TOP]
    return [(name, seconds / total) for name, seconds in longest]


def _random_batches(spec: ExperimentSpec, interface: Interface) -> Iterator[Batch]:
    """Random numbers in the task's shapes: what a step costs does not hang on what they are."""
    rng, size, dtype = stream(0, "speed"), spec.training.batch_size, spec.training.dtype

    def one() -> Batch:
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


# --- memory, as Linux counts it; elsewhere the peak is the process's own and never forgotten


def _trimmed() -> int:
    """Resident bytes of the idle process, what was freed handed back to the system.

    What the variants before it left in the framework's keeping is walked no more: at every collection it would take
    longer than the one before.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # another C library keeps what it has: the figure is then the larger
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return psutil.Process().memory_info().rss


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The highest number of resident bytes since it was forgotten."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


# --- load


class _Load:
    """How many cores other processes surely kept busy while it was open.

    A system counts in ticks, one more or less a core and one of the process's own: over the hundredths of a second that
    a small variant takes, they alone would look like a core's work.
    """

    others = 0.0

    def __enter__(self) -> Self:
        self._began, self._busy, self._own = time.perf_counter(), _busy(), _own()
        return self

    def __exit__(self, *_: object) -> None:
        took, unsure = time.perf_counter() - self._began, TICK_S * (psutil.cpu_count() + 1)
        self.others = max(0.0, (_busy() - self._busy - (_own() - self._own) - unsure) / took)


def load_before() -> float:
    """Cores that others keep busy while this process does nothing."""
    with _Load() as load:
        time.sleep(QUIET_S)
    return load.others


def _busy() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return sum(times[:8]) - idle  # what follows is counted in these already


def _own() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system
