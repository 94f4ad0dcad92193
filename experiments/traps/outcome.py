"""A trap from its two jobs to its record: each twin's ports beside the other twin's original."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Any

import numpy as np

from experiments.events import Failed, Finished
from experiments.frozen import digest
from experiments.study.phase import Run
from experiments.traps.catalogue import TRAPS
from experiments.traps.measure import FILE as MEASURED
from experiments.traps.measure import ROUNDS, SEEDS, Measurement
from experiments.traps.trap import Trap
from experiments.twins import TWINS

FILE = "trap.json"
PORTS = ("naive", "right")


@dataclass(frozen=True)
class TrapRun:
    """One trap, to be run on both twins; what a study plans."""

    trap: str  # its name
    versions: tuple[tuple[str, str], ...]  # of both twins' packages

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two runs that are the same: of trap and both twins' versions, and ours."""
        return digest([job.fingerprint for job in self.jobs])

    @property
    def listing(self) -> tuple[str, str, str]:
        """Its line in a listing: phase and name."""
        return "traps", self.trap, ""

    @property
    def facets(self) -> dict[str, str]:
        """What ``--only KEY=VALUE`` may select it by."""
        return {"phase": "traps", "trap": self.trap}

    @property
    def described(self) -> Trap:
        """The neutral half of it."""
        return TRAPS[self.trap]

    @property
    def jobs(self) -> tuple[Measurement, ...]:
        """What each twin has to run."""
        return tuple(Measurement(self.trap, name, version) for name, version in self.versions)


@dataclass(frozen=True)
class Settings:
    """What MLflow lists as a trap's parameters."""

    trap: Trap

    @property
    def params(self) -> dict[str, Any]:
        """By their MLflow names."""
        told = {"trap": self.trap.name, "theme": self.trap.theme, "seeds": SEEDS if self.trap.scores else 1}
        return told | {"rounds": ROUNDS} if self.trap.counted else told


@dataclass(frozen=True)
class TrapOutcome:
    """A trap that has run: ``measured`` by twin, or why a twin's part failed."""

    run: TrapRun
    measured: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, tuple[str, str]]  # twin → reason and traceback
    began: float  # seconds since 1970

    @property
    def trap(self) -> Trap:
        """The neutral half."""
        return self.run.described

    @property
    def spec(self) -> Settings:
        """What the run's parameters come from."""
        return Settings(self.trap)

    @property
    def title(self) -> str:
        """The run's name."""
        return f"trap · {self.run.trap}"

    @cached_property
    def costs(self) -> dict[str, dict[str, float]]:
        """For each twin what its two ports cost.

        Errors against the other twin's original, the largest as a share of the original's largest value; of a trap that
        scores, the mean accuracies of the ports; of one that costs time, their median seconds.
        """
        if self.failures:
            return {}
        return {twin: {port: self._cost(twin, port) for port in PORTS} for twin in TWINS}

    def _cost(self, twin: str, port: str) -> float:
        (other,) = (each for each in TWINS if each != twin)
        ported = self.measured[twin]["values"][port]
        if self.trap.counted:
            return median(seconds for seconds, _ in ported)
        return fmean(ported) if self.trap.scores else error(ported, self.measured[other]["values"]["original"])

    @property
    def failure(self) -> str:
        """Why a twin's part failed, or by how much a right port is off, in one line; empty where neither is so."""
        if self.failures:
            return "; ".join(f"{twin}: {reason}" for twin, (reason, _) in self.failures.items())
        if not self.trap.errs:
            return ""
        bound = self.trap.tolerance
        off = {twin: costs["right"] for twin, costs in self.costs.items() if not costs["right"] <= bound}
        return "; ".join(
            f"the right port into {twin} is off by {size:.2g}, above {bound:g}" for twin, size in off.items()
        )

    @property
    def metrics(self) -> dict[str, float]:
        """By their MLflow names."""
        unit = "accuracy" if self.trap.scores else "s" if self.trap.counted else "error"
        costs = {f"{twin}/{port}_{unit}": cost for twin, costs in self.costs.items() for port, cost in costs.items()}
        return costs | (self._counts() if self.trap.counted and self.costs else {})

    def _counts(self) -> dict[str, float]:
        """The median of what is counted, for each twin's two ports."""
        name = self.trap.counted.replace(" ", "_")
        rounds = {(twin, port): self.measured[twin]["values"][port] for twin in TWINS for port in PORTS}
        return {f"{twin}/{port}_{name}": median(each for _, each in held) for (twin, port), held in rounds.items()}

    @property
    def tags(self) -> dict[str, str]:
        """What the run is."""
        tags = {"kind": "trap", "fingerprint": self.run.fingerprint, "slug": f"trap-{self.run.trap}"}
        return tags | {"mlflow.note.content": f"{self.trap.happens} {' '.join(self.trap.threads)}"}

    @property
    def files(self) -> dict[str, bytes]:
        """The costs, the scores or times and the code as it ran; and every traceback."""
        traces = {f"traceback-{twin}.txt": trace.encode() for twin, (_, trace) in self.failures.items() if trace}
        return {FILE: json.dumps(self._record(), ensure_ascii=False, indent=1).encode()} | traces

    def _record(self) -> dict[str, Any]:
        values = {twin: part["values"] for twin, part in self.measured.items()}
        return {
            "trap": self.run.trap,
            "costs": self.costs,
            "accuracies": values if self.trap.scores else {},
            "rounds": values if self.trap.counted else {},
            "code": {twin: part["code"] for twin, part in self.measured.items()},
            "environments": {twin: part["environment"] for twin, part in self.measured.items()},
        }


def error(ported: Any, original: Any) -> float:
    """The largest difference as a share of the original's largest value.

    Raises:
        ValueError: the shapes differ.
    """
    left, right = np.asarray(ported), np.asarray(original)
    if left.shape != right.shape:
        raise ValueError(f"a port gives the shape {left.shape}, the original {right.shape}")
    return float(np.abs(left - right).max() / np.abs(right).max())


def outcomes(runs: Sequence[TrapRun], run: Run) -> Iterator[TrapOutcome]:
    """Run the traps; yield each when both twins have done their part."""
    began, whole = time.time(), {job.fingerprint: each for each in runs for job in each.jobs}
    measured: dict[str, dict[str, Any]] = {each.trap: {} for each in runs}
    failures: dict[str, dict[str, tuple[str, str]]] = {each.trap: {} for each in runs}
    with closing(run([job for each in runs for job in each.jobs])) as reports:
        for _, job, event in reports:
            if isinstance(event, Finished):
                measured[job.trap][job.framework] = json.loads(event.files[MEASURED])
            elif isinstance(event, Failed):
                failures[job.trap][job.framework] = (event.reason, event.traceback)
            else:
                continue
            if len(measured[job.trap]) + len(failures[job.trap]) == len(TWINS):
                yield TrapOutcome(whole[job.fingerprint], measured[job.trap], failures[job.trap], began)
                began = time.time()
