"""How long jobs will take: by this machine's own finished runs in the database, else by a stated default."""

import socket
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any, NamedTuple

from experiments.study.phase import Phase
from experiments.study.phases import PHASES
from experiments.tracking import database
from experiments.training.trial import Trial

#: Results of other studies from which a study's own are judged: with fewer, starting the workers is most of the time.
ENOUGH = 20
#: The phase of each kind of run.
PHASE_OF = {kind: phase.name for phase in PHASES for kind in phase.kinds}

TRIALS = """
    SELECT spec.value, framework.value, task.value, cell.value, CAST(epochs.value AS INTEGER),
        (runs.end_time - runs.start_time) / 1000.0 FROM runs
    JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind' AND kind.value = 'trial'
    JOIN tags AS complete ON complete.run_uuid = runs.run_uuid AND complete.key = 'complete' AND complete.value = '1'
    JOIN tags AS host ON host.run_uuid = runs.run_uuid AND host.key = 'host' AND host.value = ?
    JOIN tags AS spec ON spec.run_uuid = runs.run_uuid AND spec.key = 'spec_fingerprint'
    JOIN tags AS framework ON framework.run_uuid = runs.run_uuid AND framework.key = 'framework'
    JOIN params AS task ON task.run_uuid = runs.run_uuid AND task.key = 'task'
    JOIN params AS cell ON cell.run_uuid = runs.run_uuid AND cell.key = 'cell'
    JOIN params AS epochs ON epochs.run_uuid = runs.run_uuid AND epochs.key = 'epochs'
    WHERE runs.end_time IS NOT NULL
"""
RECORDS = """
    SELECT kind.value, study.value, started.value,
        count(*), (max(runs.end_time) - min(runs.start_time)) / 1000.0 FROM runs
    JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind'
        AND kind.value NOT IN ('trial', 'experiment')
    JOIN tags AS host ON host.run_uuid = runs.run_uuid AND host.key = 'host' AND host.value = ?
    JOIN tags AS study ON study.run_uuid = runs.run_uuid AND study.key = 'study'
    JOIN tags AS started ON started.run_uuid = runs.run_uuid AND started.key = 'pid_started'
    WHERE runs.end_time IS NOT NULL GROUP BY 1, 2, 3
"""


class Estimate(NamedTuple):
    """The seconds that jobs will take on the clock, and how many of them by earlier runs."""

    seconds: float
    known: int


@dataclass(frozen=True)
class Durations:
    """What this machine's finished runs took. Of a tracking server nothing is read: it may know other machines.

    Args:
        uri: where MLflow's database is; nothing is created.
    """

    uri: str

    def estimate(self, study: str, phase: Phase, jobs: Sequence[Any], workers: int) -> Estimate:
        """The seconds that a phase's jobs will take with so many workers.

        Where a phase's jobs differ much, as trials do, each takes the median of the same experiment's on its framework,
        else an epoch takes that of those with its task and cell, else the job takes what the phase says of its size.
        Other phases' jobs take the time on the clock between two results, in this study or else in all that have run.
        """
        share = 1 if phase.alone else workers
        if callable(phase.usual_s):
            known = [self._trial(job) for job in jobs]
            seconds = sum(phase.usual_s(job) if each is None else each for job, each in zip(jobs, known, strict=True))
            return Estimate(seconds / share, sum(each is not None for each in known))
        rate = self._rates.get((phase.name, study)) or self._rates.get((phase.name, ""))
        if rate is None:
            return Estimate(len(jobs) * phase.usual_s / share, 0)
        return Estimate(len(jobs) * rate, len(jobs))

    def _trial(self, trial: Trial) -> float | None:
        network = trial.spec.network
        like = (trial.spec.task.name, network.cell, trial.framework)
        same = self._medians.get((trial.spec.fingerprint, trial.framework))
        epoch = self._medians.get(like)
        return same if same is not None or epoch is None else epoch * trial.spec.training.epochs

    @cached_property
    def _medians(self) -> Mapping[Hashable, float]:
        """Seconds of a trial, by experiment and framework, and of an epoch, by task, cell and framework."""
        seconds_of: dict[Hashable, list[float]] = defaultdict(list)
        for spec, framework, task, cell, epochs, seconds in self._ask(TRIALS):
            seconds_of[spec, framework].append(seconds)
            seconds_of[task, cell, framework].append(seconds / epochs)
        return {key: median(values) for key, values in seconds_of.items()}

    @cached_property
    def _rates(self) -> Mapping[tuple[str, str], float]:
        """Seconds on the clock from one result to the next, by phase and study; of every study under ``""``.

        The results of one start of a study are taken together: some of them are measured side by side.
        """
        totals: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for (phase, study), count, seconds in _starts(self._ask(RECORDS)):
            for key in ((phase, study), (phase, "")):
                totals[key][0] += seconds
                totals[key][1] += count
        return {
            (phase, study): seconds / count
            for (phase, study), (seconds, count) in totals.items()
            if study or count >= ENOUGH
        }

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        path = database.sqlite_path(self.uri)
        if path is None or not path.is_file():
            return []
        with database.connect(path) as opened:
            made = opened.execute("SELECT 1 FROM sqlite_master").fetchone()
            return opened.execute(query, (socket.gethostname(),)).fetchall() if made else []


def _starts(rows: Iterable[tuple[Any, ...]]) -> list[tuple[tuple[str, str], int, float]]:
    """(phase, study), results and seconds of each start of a study; a phase's kinds run side by side."""
    starts: dict[tuple[str, str, str], list[tuple[int, float]]] = defaultdict(list)
    for kind, study, started, count, seconds in rows:
        if kind in PHASE_OF:  # else of a release that has another phase
            starts[PHASE_OF[kind], study, started].append((count, seconds))
    return [
        ((phase, study), sum(count for count, _ in parts), max(seconds for _, seconds in parts))
        for (phase, study, _), parts in starts.items()
    ]
