"""The record of one probe: a job that ends in files."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from experiments.events import Event, Failed, Finished
from experiments.probes.job import finished
from experiments.protocol import Framework, Job
from experiments.study.phase import Run
from experiments.training.trial import Trial


@dataclass(frozen=True)
class ProbeRecord:
    """One measurement that is done, as it is written to MLflow."""

    job: Job
    metrics: dict[str, float]
    files: dict[str, bytes]
    failure: str
    began: float  # seconds since 1970

    @property
    def spec(self):
        """What was measured."""
        return self.job.spec

    @property
    def title(self) -> str:
        """The run's name."""
        return f"{self.job.kind} · {self.job.spec.network.cell} · {self.job.framework}"

    @property
    def tags(self) -> dict[str, str]:
        """What the run is."""
        environment = self.files.get("environment.json")
        tags = {"kind": self.job.kind, "fingerprint": self.job.fingerprint, "framework": self.job.framework}
        tags |= {"environment": json.dumps(json.loads(environment), ensure_ascii=False)} if environment else {}
        return tags | {"spec_fingerprint": self.spec.fingerprint, "slug": f"{self.job.kind}-{self.job.framework}"}


def answered(kind: str, file: str, ask: Callable[[], Any], framework: Framework) -> Iterator[Event]:
    """Yield ``Finished`` with a framework's answers in a file, their environment, and the time they took."""
    began = perf_counter()
    answers = ask()
    yield finished(answers, file, framework, {f"time/{kind}_s": perf_counter() - began})


def chosen(trials: Iterable[Trial], fits: Callable[[Trial], bool], effort: Callable[[Trial], tuple]) -> list[Trial]:
    """For each cell, of the trials that fit, the one with the greatest effort; the first of equals."""
    best: dict[str, Trial] = {}
    for trial in filter(fits, trials):
        held = best.get(trial.spec.network.cell)
        if held is None or effort(trial) > effort(held):
            best[trial.spec.network.cell] = trial
    return list(best.values())


def records(jobs: Sequence[Job], run: Run) -> Iterator[ProbeRecord]:
    """Run the jobs; yield a record of each when it ends."""
    began = time.time()
    with closing(run(jobs)) as reports:
        for _, job, event in reports:
            if isinstance(event, Finished):
                yield ProbeRecord(job, event.metrics, event.files, "", began)
            elif isinstance(event, Failed):
                files = {"traceback.txt": event.traceback.encode()} if event.traceback else {}
                yield ProbeRecord(job, {}, files, event.reason, began)
