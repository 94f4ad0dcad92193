"""What a study has recorded, beside what an undisturbed one did: lost, repeated, left RUNNING, different.

Read from the database's tables and from the files themselves, not through MLflow, which would hide repetitions.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

from sqlalchemy import NullPool, create_engine, text

RUNS = """
    SELECT runs.run_uuid, experiments.name, runs.status, runs.artifact_uri,
        job.value, spec.value, kind.value, complete.value
    FROM runs JOIN experiments ON experiments.experiment_id = runs.experiment_id AND experiments.name LIKE :study
    LEFT JOIN tags AS job ON job.run_uuid = runs.run_uuid AND job.key = 'fingerprint'
    LEFT JOIN tags AS spec ON spec.run_uuid = runs.run_uuid AND spec.key = 'spec_fingerprint'
    LEFT JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind'
    LEFT JOIN tags AS complete ON complete.run_uuid = runs.run_uuid AND complete.key = 'complete'
"""
POINTS = """
    SELECT points.run_uuid, points.key, points.step, points.value, points.is_nan FROM {table} AS points
    JOIN runs ON runs.run_uuid = points.run_uuid
    JOIN experiments ON experiments.experiment_id = runs.experiment_id AND experiments.name LIKE :study
"""
#: Experiments and metrics that hold times, of which only the presence is compared.
TIMED = "speed"
TIME = "time/"

Job = tuple[str, str]  # experiment, without the study, and fingerprint


@dataclass
class Recorded:
    """One run."""

    job: Job
    status: str = "FINISHED"
    complete: bool = True
    points: dict[tuple[str, int], list[float | str]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, str] = field(default_factory=dict)  # name → digest


class Counts(NamedTuple):
    """What must all be 0."""

    lost: int = 0  # jobs without a complete run; metrics, steps and files that a complete run lacks
    repeated: int = 0  # complete runs of a job after its first; points of a metric at a step after their first
    running: int = 0  # runs that are left RUNNING
    different: int = 0  # values and files that are not as in the undisturbed study

    def __add__(self, other: Self) -> Self:
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def tally(wanted: Sequence[Recorded], recorded: Sequence[Recorded]) -> Counts:
    """Compare a study's runs with an undisturbed one's."""
    complete: dict[Job, list[Recorded]] = defaultdict(list)
    for run in recorded:
        if run.complete:
            complete[run.job].append(run)
    counts = Counts(
        repeated=sum(len(held) - 1 for run in recorded for held in run.points.values()),
        running=sum(run.status == "RUNNING" for run in recorded),
    )
    for run in wanted:
        if run.complete:
            runs = complete.pop(run.job, [])
            counts += Counts(lost=not runs, repeated=max(0, len(runs) - 1))
            counts += sum((_compared(run, each) for each in runs), Counts())
    return counts + Counts(different=len(complete))  # jobs that were not asked for


def _compared(wanted: Recorded, recorded: Recorded) -> Counts:
    """Compare two runs of the same job."""
    lost = len(wanted.points.keys() - recorded.points.keys()) + len(wanted.files.keys() - recorded.files.keys())
    different = len(recorded.points.keys() - wanted.points.keys()) + len(recorded.files.keys() - wanted.files.keys())
    for point in wanted.points.keys() & recorded.points.keys():
        timed = wanted.job[0] == TIMED or TIME in point[0]
        different += not timed and set(wanted.points[point]) != set(recorded.points[point])
    for name in wanted.files.keys() & recorded.files.keys():
        different += wanted.job[0] != TIMED and wanted.files[name] != recorded.files[name]
    return Counts(lost=lost, different=different)


def read(database: str, study: str, artifacts: Path) -> list[Recorded]:
    """All runs of a study.

    Args:
        database: its address, for SQLAlchemy.
        study: its name.
        artifacts: the folder of a server's files.
    """
    engine, like = create_engine(database, poolclass=NullPool), {"study": f"{study}/%"}
    runs: dict[str, Recorded] = {}
    with engine.connect() as connection:
        for run, experiment, status, place, job, spec, kind, complete in connection.execute(text(RUNS), like):
            parent = kind == "experiment"
            named = (experiment.partition("/")[2], f"{kind}:{spec if parent else job}")
            whole = status == "FINISHED" if parent else complete == "1"
            runs[run] = Recorded(named, status, whole, files=_files(place, artifacts))
        parents = {run for run, held in runs.items() if held.job[1].startswith("experiment:")}
        # A parent's means are written anew as its seeds end, each at its own time: the last is what counts.
        for table, which in (("metrics", runs.keys() - parents), ("latest_metrics", parents)):
            for run, key, step, value, nan in connection.execute(text(POINTS.format(table=table)), like):
                if run in which:
                    runs[run].points[key, step].append("nan" if nan else value)
    engine.dispose()
    return list(runs.values())


def _files(place: str, artifacts: Path) -> dict[str, str]:
    """The files of a run and their digests."""
    parts = urlsplit(place)
    folder = artifacts / parts.path.lstrip("/") if parts.scheme == "mlflow-artifacts" else Path(unquote(parts.path))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in paths}
