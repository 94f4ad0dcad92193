"""The speed phase: what is timed, in which processes and in what order, and the record of each variant.

A variant is timed in several fresh processes of its framework. Nothing else runs meanwhile, and the frameworks'
processes alternate: A B, B A, … so that a machine that slows down slows both.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from statistics import median
from traceback import format_exc
from typing import Any

import numpy as np

from experiments import tasks
from experiments.hardware import describe
from experiments.protocol import Event, Failed, Finished, Framework, Job, Retried, Timed
from experiments.spec import ExperimentSpec, digest
from experiments.speed import measure
from experiments.speed.measure import Depth, Record
from experiments.training.trial import guarded

VERSION = 3  # to be raised with any change of what is measured
FILE = "timing.json"
#: A variant is marked where the middle half of its steps, or its processes' medians, lie further apart than this.
SPREAD = 0.10
#: Cores kept busy by other processes, above which the machine is called busy.
BUSY = 0.2

Run = Callable[[Sequence[Job]], Iterator[tuple[int, Any, Event]]]  # as an executor's


@dataclass(frozen=True)
class Timing:
    """One variant on one framework with so many threads: one MLflow run."""

    spec: ExperimentSpec
    framework: str
    version: str
    threads: int
    processes: int
    steps: int
    depth: Depth
    group: int  # what is timed in the same processes

    @cached_property
    def fingerprint(self) -> str:
        """What makes two timings the same: variant, framework, version, how it is timed, and the machine."""
        how = [self.threads, self.processes, self.steps, self.depth, VERSION]
        return digest([self.spec.fingerprint, self.framework, self.version, how, describe()])

    @property
    def name(self) -> str:
        """The MLflow run's name: beside the slug, what a speed grid may vary."""
        training, time = self.spec.training, tasks.interface(self.spec.task).time
        parts = [self.spec.slug, self.framework, f"{self.threads} thread{'s' * (self.threads > 1)}"]
        parts += [f"batch {training.batch_size} × {time}", *[training.execution] * (training.execution != "default")]
        return " · ".join(parts)

    @property
    def track(self) -> str:
        """``tuned``, the fastest way we know, or ``stock``, as it is usually written."""
        return "tuned" if self.spec.network.form == "tuned" else "stock"


@dataclass(frozen=True)
class Sitting:
    """One fresh process of one framework, in which variants are timed one after the other."""

    timings: tuple[Timing, ...]
    round: int
    name = "speed"

    @property
    def spec(self) -> ExperimentSpec:
        """The first one's."""
        return self.timings[0].spec

    @property
    def framework(self) -> str:
        """Whose process it is."""
        return self.timings[0].framework

    @cached_property
    def fingerprint(self) -> str:
        """What makes two sittings the same."""
        return digest([self.round, *(each.fingerprint for each in self.timings)])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``Timed`` for every variant, then ``Finished``; a variant's own fault is its record's failure."""
        return guarded(self._measure(framework))

    def _measure(self, framework: Framework) -> Iterator[Event]:
        measure.awaken(framework)
        shared = {"round": self.round, "environment": framework.environment(), "load_before": measure.load_before()}
        floors = measure.Floors(framework)
        for each in self.timings:
            yield Timed(each.fingerprint, shared | self._record(each, framework, floors))
        yield Finished()

    def _record(self, each: Timing, framework: Framework, floors: measure.Floors) -> Record:
        try:
            # The operators of one process are enough: they are no time that could vary.
            depth = "floor" if each.depth == "operators" and self.round else each.depth
            return measure.measure(each.spec, framework, floors, each.steps, depth)
        except Exception as error:
            first_line = (str(error).splitlines() or [""])[0]
            return {"failure": f"{type(error).__name__}: {first_line}", "traceback": format_exc()}


def sittings(timings: Sequence[Timing]) -> Iterator[Sitting]:
    """The processes of one group in their order: frameworks A B, then B A; variants forward, then backward."""
    frameworks = list(dict.fromkeys(each.framework for each in timings))
    for number in range(max(each.processes for each in timings)):
        turn = -1 if number % 2 else 1
        for framework in frameworks[::turn]:
            own = [each for each in timings if each.framework == framework and number < each.processes]
            if own:
                yield Sitting(tuple(own[::turn]), number)


@dataclass(frozen=True)
class Outcome:
    """One variant, timed: its records, one a process."""

    timing: Timing
    records: tuple[Record, ...]
    began: float  # seconds since 1970

    @property
    def spec(self) -> ExperimentSpec:
        """What was timed."""
        return self.timing.spec

    @property
    def title(self) -> str:
        """The run's name."""
        return self.timing.name

    @property
    def failure(self) -> str:
        """Why it could not be timed, in one line; empty where it could."""
        return next((record["failure"] for record in self.records if "failure" in record), "")

    @property
    def metrics(self) -> dict[str, float]:
        """By their MLflow names."""
        return {} if self.failure else summary(self.records)

    @property
    def tags(self) -> dict[str, str]:
        """What the run is."""
        each = self.timing
        found = {"kind": "timing", "fingerprint": each.fingerprint, "framework": each.framework}
        found |= {"spec_fingerprint": each.spec.fingerprint, "slug": each.spec.slug, "track": each.track}
        found |= {"threads": str(each.threads), "processes": str(each.processes)}
        environment = next((record["environment"] for record in self.records if "environment" in record), {})
        return found | {"environment": json.dumps(environment, ensure_ascii=False)}

    @property
    def files(self) -> dict[str, bytes]:
        """Every second that was taken."""
        return {FILE: json.dumps({"speed": VERSION, "processes": self.records}, ensure_ascii=False, indent=1).encode()}


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """A variant's figures over its processes: medians of medians, and the largest of spreads, memory and load."""
    middle = median(median(record["train"]["steady"]) for record in records)
    within, between = spread(records)
    found = {
        "time/step_s": middle,
        "time/first_step_s": median(record["train"]["first"] for record in records),
        "time/build_s": median(record["build_s"] for record in records),
        "spread/within": within,
        "spread/between": between,
        "memory/peak_bytes": max(record["peak_bytes"] for record in records),
        "memory/step_bytes": max(record["step_bytes"] for record in records),
        "load/others": max(max(record["load"], record["load_before"]) for record in records),
    }
    return found | _beneath(records, middle) if has_floor(records) else found


def has_floor(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the forward pass and the floor were timed beside the training step."""
    return all("floor" in record for record in records)


def _beneath(records: Sequence[Mapping[str, Any]], step: float) -> dict[str, float]:
    """The forward pass's figures and the floors'."""
    floors = {part: median(median(record["floor"][part]) for record in records) for part in ("train", "forward")}
    forward, gflop = median(median(record["forward"]["steady"]) for record in records), records[0]["gflop"]
    return {
        "time/forward_s": forward,
        "time/first_forward_s": median(record["forward"]["first"] for record in records),
        "floor/step_s": floors["train"],
        "floor/multiple": step / floors["train"],
        "floor/forward_multiple": forward / floors["forward"],
        "rate/gflop": gflop,
        "rate/gflop_per_s": gflop / step,
    }


def spread(records: Sequence[Mapping[str, Any]], part: str = "train") -> tuple[float, float]:
    """The widest middle half of a process's steps, and the range of the processes' medians, over their medians."""
    quartiles = [np.quantile(record[part]["steady"], [0.25, 0.5, 0.75]) for record in records]
    middles = [middle for _, middle, _ in quartiles]
    between = (max(middles) - min(middles)) / median(middles)
    return float(max((high - low) / middle for low, middle, high in quartiles)), float(between)


def outcomes(missing: Sequence[Timing], run: Callable[[int], Run], say: Callable[[str], None]) -> Iterator[Outcome]:
    """Time all; yields each when its last process has timed it.

    Args:
        missing: what is to be timed.
        run: the executor of one process with so many threads.
        say: told what is being timed.
    """
    for (_, threads), part in groupby(missing, lambda each: (each.group, each.threads)):
        yield from _group(list(part), run(threads), say)


def _group(timings: list[Timing], run: Run, say: Callable[[str], None]) -> Iterator[Outcome]:
    began, records = time.time(), {each.fingerprint: [] for each in timings}
    by_fingerprint = {each.fingerprint: each for each in timings}
    for sitting in sittings(timings):
        say(f"{sitting.framework}, process {sitting.round + 1}: {len(sitting.timings)} variants")
        for fingerprint, record in _records(sitting, run).items():
            records[fingerprint].append(record)
            each = by_fingerprint[fingerprint]
            if len(records[fingerprint]) == each.processes:
                yield Outcome(each, tuple(records.pop(fingerprint)), began)


def _records(sitting: Sitting, run: Run) -> dict[str, Record]:
    """Each variant's record; where the process died, its failure."""
    found: dict[str, Record] = {}
    with closing(run([sitting])) as reports:
        for _, _, event in reports:
            match event:
                case Timed():
                    found[event.fingerprint] = event.record
                case Retried():
                    found = {}
                case Failed():
                    lost = {"failure": event.reason, "traceback": event.traceback}
                    found = {each.fingerprint: found.get(each.fingerprint, lost) for each in sitting.timings}
    return found
