"""How far the program scales: jobs of 50 ms through the executors, their events into MLflow, and both at once."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
from safetensors.numpy import save

from experiments.cost.figures import Figure
from experiments.events import EpochEnded, Event, Failed, Finished, Started
from experiments.protocol import Framework, NativeShapes
from experiments.running.executors.choose import make
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource
from experiments.training.trial import Trial

JOB_S = 0.05
WORKERS, EPOCHS = 2, 2
SEEDS = 10  # of an experiment, on each of two frameworks
EVENTS = EPOCHS + 2  # of a trial
MARKS = (0.1, 0.5, 1.0)  # of the jobs: where memory is read
MiB = 2**20
DATA = DataSource("none", "0" * 64, None, "No data.")
METRICS = {"train/loss": 0.5, "time/epoch_s": 0.025, "test/one_step_mse": 0.1, "test/rollout_mse": 0.5}


@dataclass(frozen=True)
class Short(Trial):
    """A trial that waits instead of training."""

    def run(self, framework: Framework) -> Iterator[Event]:
        """A trial's events, and 50 ms between the first and the last."""
        first, *rest = events()
        yield first
        for event in rest:
            time.sleep(JOB_S / len(rest))
            yield event


def events() -> Iterator[Event]:
    """What a trial of two epochs reports, with weights of 4 KiB."""
    yield Started({"processor": "none", "threads": 1}, {"model/parameters": 1}, NativeShapes((), (), 1, 1))
    for epoch in range(1, EPOCHS + 1):
        yield EpochEnded(epoch, dict(METRICS))
    yield Finished({"time/step_s": 0.01}, {"weights.safetensors": save({"w": np.zeros(1024, np.float32)})})


def load(name: str) -> Framework:
    """A framework that is there at once."""
    return Framework(name, "keras", lambda threads: None, lambda *_: None, dict)


def shorts(count: int) -> list[Short]:
    """So many trials, an even number, of experiments that differ in a size."""
    trials = []
    for number in range(-(-count // (2 * SEEDS))):
        spec = ExperimentSpec.model_validate(
            {
                "task": "sine",
                "network": {"cell": "lstm", "form": "layer", "units": [number + 1]},
                "training": {"epochs": EPOCHS},
            }
        )
        trials += [Short(spec, name, "none", seed, DATA) for seed in range(SEEDS) for name in ("tf2", "pytorch")]
    return trials[:count]


@dataclass
class Gauge:
    """Reads the clock and this process's memory after a tenth, a half and all of the jobs."""

    total: int
    done: int = 0
    read: list[tuple[int, float, int]] = field(default_factory=list)  # jobs done, seconds, bytes

    def tick(self) -> None:
        """Note that a job is done."""
        self.done += 1
        if self.done in {max(1, round(mark * self.total)) for mark in MARKS}:
            self.read.append((self.done, time.perf_counter(), psutil.Process().memory_info().rss))

    @property
    def rate(self) -> float:
        """Jobs a second, without the first tenth, in which workers start."""
        (first, began, _), *_, (last, ended, _) = self.read
        return (last - first) / (ended - began)

    @property
    def growth(self) -> float:
        """MiB by which the process grew from the first tenth to the end."""
        return (self.read[-1][2] - self.read[0][2]) / MiB


def figures(count: int, rounds: int, server: str = "") -> list[Figure]:
    """Jobs and events a second, each beside what it may be at the least, and the memory of the study's process.

    Args:
        count: of the jobs.
        rounds: how often each is measured.
        server: an MLflow server's address, to measure it too; a study named after a random number is left there.
    """
    jobs, measured = shorts(count), []
    names = ["local", *["ray"] * bool(find_spec("ray"))]
    for name in names:
        gauges = [through(jobs, name) for _ in range(rounds)]
        measured += _figures(f"{count:,} jobs of 50 ms, {name}", gauges, 15.0)
    for place in ("", *[server] * bool(server)):
        gauges = [written(jobs, place) for _ in range(rounds)]
        measured += _figures(f"{count:,} trials written to {'the server' if place else 'SQLite'}", gauges, 1.0)
    gauges = [through(jobs, names[-1], record=True) for _ in range(rounds)]
    return measured + _figures(f"{count:,} trials of 50 ms, {names[-1]}, into SQLite", gauges, 1.0)


def _figures(what: str, gauges: Sequence[Gauge], least: float) -> list[Figure]:
    return [
        Figure(what, tuple(gauge.rate for gauge in gauges), least, "/s", least=True),
        Figure(f"{what}: memory grows by", tuple(gauge.growth for gauge in gauges), 40.0, " MiB"),
    ]


def through(jobs: Sequence[Short], name: str, record: bool = False) -> Gauge:
    """Run the jobs on two workers of an executor, recorded in a new SQLite database if asked."""
    reports = partial(_reports, jobs, name)
    return written(jobs, "", reports) if record else _gauged(len(jobs), ((job, event) for job, event in reports()))


def written(jobs: Sequence[Short], uri: str, reports: partial | None = None) -> Gauge:
    """Record the jobs' events, one after the other unless told how they come, in a new SQLite database or a server."""
    from experiments.tracking.recording.tracker import Tracker  # here: workers import this module, and need no MLflow

    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        uri = uri or f"sqlite:///{Path(folder) / 'mlflow.db'}"
        with Tracker(uri, f"cost-{uuid4().hex[:12]}", planned=jobs) as tracker:
            tracker.expect(jobs)

            def recorded() -> Iterator[tuple[Short, Event]]:
                for job, event in reports() if reports else ((job, event) for job in jobs for event in events()):
                    tracker.record(job, event)
                    yield job, event

            return _gauged(len(jobs), recorded())


def _reports(jobs: Sequence[Short], name: str) -> Iterator[tuple[Short, Event]]:
    with make(name, load, WORKERS, 1) as executor, closing(executor.run(jobs)) as reports:
        for _, job, event in reports:
            yield job, event


def _gauged(total: int, reports: Iterable[tuple[Short, Event]]) -> Gauge:
    gauge = Gauge(total)
    for _, event in reports:
        if isinstance(event, Failed):
            raise RuntimeError(f"{event.reason}\n{event.traceback}")
        if isinstance(event, Finished):
            gauge.tick()
    return gauge
