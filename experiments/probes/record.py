"""Measurements that end in files: jobs that workers run beside the trials, and the notes kept of them."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from experiments.protocol import Event, Failed, Finished, Job
from experiments.training.trial import Trial

Run = Callable[[Sequence[Job]], Iterator[tuple[int, Any, Event]]]  # as an executor's


@dataclass(frozen=True)
class Note:
    """One job that is over, as it is written into ``<study>/parity``."""

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
        return f"{self.job.name} · {self.job.spec.network.cell} · {self.job.framework}"

    @property
    def tags(self) -> dict[str, str]:
        """What the run is."""
        environment = self.files.get("environment.json")
        found = {"kind": self.job.name, "fingerprint": self.job.fingerprint, "framework": self.job.framework}
        found |= {"environment": json.dumps(json.loads(environment), ensure_ascii=False)} if environment else {}
        return found | {"spec_fingerprint": self.spec.fingerprint, "slug": f"{self.job.name}-{self.job.framework}"}


def chosen(trials: Iterable[Trial], fits: Callable[[Trial], bool], effort: Callable[[Trial], tuple]) -> list[Trial]:
    """Of the trials that fit, for each cell the one of most effort; the first of equals."""
    best: dict[str, Trial] = {}
    for trial in filter(fits, trials):
        held = best.get(trial.spec.network.cell)
        if held is None or effort(trial) > effort(held):
            best[trial.spec.network.cell] = trial
    return list(best.values())


def notes(jobs: Sequence[Job], run: Run) -> Iterator[Note]:
    """Run the jobs; yield a note of each as it ends."""
    began = time.time()
    with closing(run(jobs)) as reports:
        for _, job, event in reports:
            if isinstance(event, Finished):
                yield Note(job, event.metrics, event.files, "", began)
            elif isinstance(event, Failed):
                files = {"traceback.txt": event.traceback.encode()} if event.traceback else {}
                yield Note(job, {}, files, event.reason, began)
