"""A parity check from its jobs to its record: measure in workers, compare here, put into words and numbers."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from experiments.canonical import Weights
from experiments.events import Failed, Finished, Retried, RungMeasured
from experiments.parity.check import RUNGS, VERSION, ParityCheck
from experiments.parity.compare import Verdict, compare, first_broken
from experiments.parity.measure import Measurement
from experiments.parity.tolerances import CUDNN_FORMS
from experiments.spec import ExperimentSpec
from experiments.study.phase import Run
from experiments.twins import REFERENCE

FILE = "ladder.json"


@dataclass
class Reading:
    """One framework's numbers by rung; ``failure`` says why some are missing."""

    rungs: dict[int, Weights] = field(default_factory=dict)
    seconds: float = math.nan
    environment: dict[str, Any] = field(default_factory=dict)
    failure: str = ""
    traceback: str = ""

    @property
    def on_gpu(self) -> bool:
        """Whether the twin computed on a GPU."""
        return "cpu" not in self.environment.get("device", "cpu").lower()


@dataclass(frozen=True)
class CheckOutcome:
    """A parity check that is done."""

    check: ParityCheck
    readings: dict[str, Reading]  # by framework
    began: float  # seconds since 1970

    @property
    def spec(self) -> ExperimentSpec:
        """What was checked."""
        return self.check.spec

    @property
    def title(self) -> str:
        """The run's name."""
        return self.check.slug

    @cached_property
    def verdicts(self) -> dict[str, list[Verdict]]:
        """Each pair's rungs, by the pair's name."""
        dtype, layers = self.check.spec.training.dtype, self.check.spec.network.form in CUDNN_FORMS
        rungs = {name: self._asked_for(reading.rungs) for name, reading in self.readings.items()}

        def judged(*pair: str) -> list[Verdict]:
            cudnn = layers and any(self.readings[name].on_gpu for name in pair)
            return list(compare(dtype, *(rungs[name] for name in pair), cudnn))

        return {f"{a}-{b}": judged(a, b) for a, b in self.check.pairs}

    def _asked_for(self, rungs: dict[int, Weights]) -> dict[int, Weights]:
        """The numbers without those of optimisers that this check leaves out: the reference steps all of them."""
        chosen = tuple(f"{name}: " for name in self.check.optimisers)
        return {
            rung: {key: value for key, value in values.items() if rung != 3 or key.startswith(chosen)}
            for rung, values in rungs.items()
        }

    @property
    def rungs_held(self) -> int:
        """The number of rungs, from the lowest, that every pair passes."""
        return min(_checked(verdicts) for verdicts in self.verdicts.values())

    @property
    def broken(self) -> tuple[str, Verdict] | None:
        """The lowest rung that breaks, and its pair."""
        breaks = {pair: verdict for pair, verdicts in self.verdicts.items() if (verdict := first_broken(verdicts))}
        # Of one rung's pairs the worst: where one twin is off, the other is in only one of the two.
        return min(breaks.items(), key=lambda item: (item[1].rung, -item[1].ratio), default=None)

    @property
    def failure(self) -> str:
        """Why it did not pass every rung, in one line; empty where it did."""
        faults = [f"{name}: {reading.failure}" for name, reading in self.readings.items() if reading.failure]
        if faults:
            return "; ".join(faults)
        return f"{self.broken[0]}: {self.broken[1]}" if self.broken else ""

    @property
    def largest(self) -> dict[int, float]:
        """The largest error of each rung over all pairs, as a multiple of its tolerance."""
        largest: dict[int, float] = {}
        for verdicts in self.verdicts.values():
            for verdict in verdicts:
                largest[verdict.rung] = max(largest.get(verdict.rung, 0.0), verdict.ratio)
        return largest

    @property
    def metrics(self) -> dict[str, float]:
        """By their MLflow names."""
        pairs = {f"{pair}/rung{v.rung}/error": v.ratio for pair, verdicts in self.verdicts.items() for v in verdicts}
        rungs = {f"rung{rung}/error": ratio for rung, ratio in self.largest.items()}
        times = {f"time/{name}_s": each.seconds for name, each in self.readings.items() if each.seconds > 0}
        return {"rungs_climbed": self.rungs_held} | rungs | pairs | times

    @property
    def tags(self) -> dict[str, str]:
        """What the run is, and where the check failed."""
        tags = {"kind": "climb", "fingerprint": self.check.fingerprint, "slug": self.check.slug}
        tags |= {"spec_fingerprint": self.check.spec.fingerprint, "ladder": str(VERSION)}
        tags["mlflow.note.content"] = " and ".join(f"{a} against {b}" for a, b in self.check.pairs)
        if self.broken:
            pair, verdict = self.broken
            tags |= {"failed_pair": pair, "failed_rung": str(verdict.rung), "failed_weight": verdict.where}
            tags |= {"failed_step": str(verdict.place[0] + 1)} if verdict.rung == 4 and verdict.place else {}
        return tags

    @property
    def files(self) -> dict[str, bytes]:
        """Every number, and every traceback."""
        traces = {f"traceback-{k}.txt": r.traceback.encode() for k, r in self.readings.items() if r.traceback}
        return {FILE: json.dumps(self._record(), ensure_ascii=False, indent=1).encode()} | traces

    def _record(self) -> dict[str, Any]:
        losses = {name: reading.rungs[4]["loss"] for name, reading in self.readings.items() if 4 in reading.rungs}
        return {
            "ladder": VERSION,
            "slug": self.check.slug,
            "rungs_climbed": self.rungs_held,
            "failure": self.failure,
            "pairs": {pair: [_plain(verdict) for verdict in verdicts] for pair, verdicts in self.verdicts.items()},
            "optimisers": self.check.optimisers,
            "losses": {name: [_number(float(loss)) for loss in values] for name, values in losses.items()},
            "environments": {name: reading.environment for name, reading in self.readings.items()},
            "spec": self.check.spec.model_dump(mode="json"),
        }


def _checked(verdicts: list[Verdict]) -> int:
    held = [verdict.held for verdict in verdicts]
    return held.index(False) if False in held else len(held)


def _plain(verdict: Verdict) -> dict[str, Any]:
    items = {name: _number(error) for name, error in verdict.items.items()}
    fields = verdict._asdict() | {"error": _number(verdict.error), "ratio": _number(verdict.ratio)}
    return fields | {"held": verdict.held, "text": str(verdict), "items": items}


def _number(value: float) -> float | None:
    """Return None for a number that is not finite: JSON has none."""
    return value if math.isfinite(value) else None


def outcomes(checks: Sequence[ParityCheck], run: Run) -> Iterator[CheckOutcome]:
    """Make all checks; yield each when it is done. The reference runs first, once for all forms of a cell."""
    began = time.time()
    readings: dict[str, Reading] = {}
    references = {job.fingerprint: job for each in checks for name, job in each.jobs().items() if name == REFERENCE}
    readings |= {job.fingerprint: reading for job, reading in _measured(list(references.values()), run)}
    jobs = [(each, job) for each in checks for name, job in each.jobs().items() if name != REFERENCE]
    of_job = {job.fingerprint: each for each, job in jobs}
    for job, reading in _measured([job for _, job in jobs], run):
        readings[job.fingerprint] = reading
        each = of_job[job.fingerprint]
        keys = {name: part.fingerprint for name, part in each.jobs().items()}
        if set(keys.values()) <= set(readings):
            yield CheckOutcome(each, {name: readings[key] for name, key in keys.items()}, began)
            for name in each.twins:
                del readings[keys[name]]  # a full study would hold them all
            began = time.time()


def _measured(jobs: list[Measurement], run: Run) -> Iterator[tuple[Measurement, Reading]]:
    """Each job with its reading, when it is done."""
    readings: dict[str, Reading] = {}
    if not jobs:
        return
    with closing(run(jobs)) as reports:
        for _, job, event in reports:
            reading = readings.setdefault(job.fingerprint, Reading())
            match event:
                case RungMeasured():
                    reading.rungs[event.rung] = event.values
                case Retried():
                    del readings[job.fingerprint]
                case Finished():
                    reading.seconds = event.metrics["time/climb_s"]
                    reading.environment = json.loads(event.files["environment.json"])
                    yield job, readings.pop(job.fingerprint)
                case Failed():
                    reading.failure, reading.traceback = event.reason, event.traceback
                    yield job, readings.pop(job.fingerprint)


def summary(metrics: Sequence[Mapping[str, float]]) -> str:
    """How many checks passed, and each rung's largest error as a multiple of its tolerance."""
    top = sum(each["rungs_climbed"] == len(RUNGS) for each in metrics)
    largest = {rung: max(each.get(f"rung{rung}/error", 0.0) for each in metrics) for rung in RUNGS}
    errors = ", ".join(f"rung {rung} {value:.2g}" for rung, value in largest.items())
    passed = f"{top} of {len(metrics)} parity checks passed every rung"
    return f"{passed}; largest error as a multiple of its tolerance: {errors}"
