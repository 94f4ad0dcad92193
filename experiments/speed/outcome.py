"""One variant's record over its processes, and the figures made of it; the sessions that measure it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Any

import numpy as np

from experiments.events import Failed, Retried, VariantMeasured
from experiments.hardware import identity
from experiments.spec import ExperimentSpec
from experiments.speed.measure import Record
from experiments.speed.schedule import VERSION, Session, Timing, sessions
from experiments.study.phase import Run

FILE = "timing.json"
#: A variant is marked where the middle half of its steps, or its processes' medians, are further apart than this.
SPREAD = 0.10
#: Cores kept busy by other processes, above which the machine is called busy.
BUSY = 0.2


@dataclass(frozen=True)
class TimingOutcome:
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
        """Why it could not be timed, in one line; empty where it was."""
        return next((record["failure"] for record in self.records if "failure" in record), "")

    @property
    def metrics(self) -> dict[str, float]:
        """By their MLflow names."""
        return {} if self.failure else summary(self.records)

    @property
    def tags(self) -> dict[str, str]:
        """What the run is."""
        each = self.timing
        tags = {"kind": "timing", "fingerprint": each.fingerprint, "framework": each.framework}
        tags |= {"spec_fingerprint": each.spec.fingerprint, "slug": each.spec.slug, "track": each.track}
        tags |= {"threads": str(each.threads), "processes": str(each.processes)}
        environment = next((record["environment"] for record in self.records if "environment" in record), {})
        environment = environment | next(({"device": r["device"]} for r in self.records if "device" in r), {})
        tags |= {"machine": json.dumps(identity(), ensure_ascii=False)}
        return tags | {"environment": json.dumps(environment, ensure_ascii=False)}

    @property
    def files(self) -> dict[str, bytes]:
        """Every time measured, in seconds."""
        return {FILE: json.dumps({"speed": VERSION, "processes": self.records}, ensure_ascii=False, indent=1).encode()}


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """A variant's figures over its processes: medians of medians, and the largest of spreads, memory and load.

    Of an engine those of its forward pass.
    """
    part, figure = ("train", "step") if has_step(records) else ("forward", "forward")
    middle = median(median(record[part]["steady"]) for record in records)
    within, between = spread(records, part)
    metrics = {
        f"time/{figure}_s": middle,
        f"time/first_{figure}_s": median(record[part]["first"] for record in records),
        "time/build_s": median(record["build_s"] for record in records),
        "spread/within": within,
        "spread/between": between,
        "memory/peak_bytes": max(record["peak_bytes"] for record in records),
        "memory/step_bytes": max(record["step_bytes"] for record in records),
        "load/others": max(max(record["load"], record["load_before"]) for record in records),
    }
    if not has_step(records):
        return metrics | {"error/reference": max(record["error"] for record in records)}
    with_floor = [record for record in records if "floor" in record]
    return metrics | _floor_metrics(with_floor, middle) if with_floor else metrics


def has_step(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a training step was timed: an engine has none."""
    return all("train" in record for record in records)


def has_floor(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the forward pass and the floor were timed beside the training step, in the planned rounds at least."""
    return any("floor" in record for record in records)


def _floor_metrics(records: Sequence[Mapping[str, Any]], step: float) -> dict[str, float]:
    """The forward pass's figures and the floors'; the multiples are of the framework's own products.

    The page's multiples are of the fastest way to run them, which one timing cannot know.
    """
    floors = {part: median(median(record["floor"][part]) for record in records) for part in ("train", "forward")}
    by_numpy = {  # on a CPU, and not in old records
        f"floor/{figure}": median(median(record["floor"][part]) for record in records)
        for part, figure in (("numpy", "numpy_step_s"), ("gates", "gates_s"))
        if all(part in record["floor"] for record in records)
    }
    forward, gflop = median(median(record["forward"]["steady"]) for record in records), records[0]["gflop"]
    metrics = {
        "time/forward_s": forward,
        "time/first_forward_s": median(record["forward"]["first"] for record in records),
        "floor/step_s": floors["train"],
        "floor/multiple": step / floors["train"],
        "floor/forward_multiple": forward / floors["forward"],
        "rate/gflop": gflop,
        "rate/gflop_per_s": gflop / step,
    }
    return metrics | by_numpy | _peak(records)


def _peak(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The highest rate of one large product, by the fastest way; old records have none."""
    rates = [max(peaks(record).values()) for record in records if "peak" in record]
    return {"rate/peak_gflop_per_s": median(rates)} if rates else {}


def peaks(record: Mapping[str, Any]) -> dict[str, float]:
    """GFLOP/s of one large product in a process, by who ran it: ``framework`` or ``numpy``."""
    peak = record["peak"]
    return {way: peak["gflop"] / median(seconds) for way, seconds in peak["seconds"].items()}


def spread(records: Sequence[Mapping[str, Any]], part: str = "train") -> tuple[float, float]:
    """The widest middle half of a process's steps, and the range of the processes' medians, over their medians."""
    quartiles = [np.quantile(record[part]["steady"], [0.25, 0.5, 0.75]) for record in records]
    middles = [middle for _, middle, _ in quartiles]
    between = (max(middles) - min(middles)) / median(middles)
    return float(max((high - low) / middle for low, middle, high in quartiles)), float(between)


def outcomes(
    missing: Sequence[Timing], run: Callable[[int], Run], say: Callable[[str], None]
) -> Iterator[TimingOutcome]:
    """Time all; yield each when its last process has timed it.

    Args:
        missing: what is to be timed.
        run: gives an executor of one process with so many threads.
        say: shows a line about what is being timed.
    """
    for (_, threads), part in groupby(missing, lambda each: (each.group, each.threads)):
        yield from _group(list(part), run(threads), say)


def _group(timings: list[Timing], run: Run, say: Callable[[str], None]) -> Iterator[TimingOutcome]:
    began, records = time.time(), {each.fingerprint: [] for each in timings}
    by_fingerprint = {each.fingerprint: each for each in timings}
    for session in sessions(timings):
        say(f"{session.framework}, process {session.round + 1}: {len(session.timings)} variants")
        started = time.monotonic()
        measured = _records(session, run)
        share = (time.monotonic() - started) / len(session.timings)  # its start and imports are everyone's
        for fingerprint, record in measured.items():
            records[fingerprint].append(record | {"process_s": share})
            each = by_fingerprint[fingerprint]
            if len(records[fingerprint]) == each.processes:
                yield TimingOutcome(each, tuple(records.pop(fingerprint)), began)


def _records(session: Session, run: Run) -> dict[str, Record]:
    """Each variant's record; a failure where the process died."""
    measured: dict[str, Record] = {}
    with closing(run([session])) as reports:
        for _, _, event in reports:
            match event:
                case VariantMeasured():
                    measured[event.fingerprint] = event.record
                case Retried():
                    measured = {}
                case Failed():
                    lost = {"failure": event.reason, "traceback": event.traceback}
                    measured = {each.fingerprint: measured.get(each.fingerprint, lost) for each in session.timings}
    return measured
