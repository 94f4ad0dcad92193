"""Entries of the journal: what is recorded, as plain data that can be written without the objects it came from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from experiments.events import EpochEnded, Event, Failed, Finished, Retried, Started
from experiments.study.phase import Record
from experiments.tracking.mlflow_view import describe
from experiments.training.trial import Trial
from experiments.twins import COLOURS

DIGEST_LENGTH = 36  # of MLflow's column; the whole digest is the tag data_digest

Files = Mapping[str, bytes]


@dataclass
class Entry:
    """One write: a trial's event or a whole record."""

    run: str = ""  # the journal's id and the number of the run's first entry, which is its tag ``journal``
    experiment: str = "training"
    create: dict[str, Any] = field(default_factory=dict)  # in a run's first entry: its name, tags, params and more
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    step: int = 0
    files: list[str] = field(default_factory=list)  # names, such as ``shapes.json`` or ``model/MLmodel``
    end: str = ""  # the run's status from here on
    complete: bool = False
    spec: str = ""  # the fingerprint of a parent run's experiment, for the next two
    seeds: list[list[str]] = field(default_factory=list)  # fingerprint and framework of what the parent run sums up
    parent_end: str = ""  # the parent run's status from here on
    number: int = 0
    time: int = 0  # ms since 1970; no two entries of a journal have the same
    tried: bool = False  # MLflow may hold a part of it; not in the file

    @property
    def only_metrics(self) -> bool:
        """Whether it is an epoch of a run that an earlier entry has begun."""
        return bool(self.run) and not (self.create or self.tags or self.files or self.end or self.spec)

    def line(self) -> bytes:
        """The entry as a line of the file."""
        told = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "tried"}
        kept = {name: value for name, value in told.items() if value}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def add(self, event: Event) -> Files:
        """Put an event of the run's trial into the entry; returns its files."""
        match event:
            case Started():
                self.tags = {"environment": json.dumps(event.environment, ensure_ascii=False)}
                self.metrics = _plain(event.metrics)
            case EpochEnded():
                self.metrics, self.step = _plain(event.metrics), event.epoch
            case Finished():
                self.metrics, self.end, self.complete = _plain(event.metrics), "FINISHED", True
                return event.files
            case Failed():
                self.end, self.tags = "FAILED", {"failure": event.reason}
                return {"traceback.txt": event.traceback.encode()} if event.traceback else {}
            case Retried():
                self.end, self.tags = "KILLED", {"failure": event.reason}
        return {}


def first_of(run: str, trial: Trial, shared: Mapping[str, str], parent_name: str) -> Entry:
    """A trial's first entry, still without an event.

    Args:
        run: the run's name in the journal.
        trial: whose run it is.
        shared: the tags of every run of the study.
        parent_name: of its experiment's run.
    """
    spec = trial.spec
    of_spec = {"spec_fingerprint": spec.fingerprint, "slug": spec.slug}
    tags = {
        "kind": "trial",
        "framework": trial.framework,
        "fingerprint": trial.fingerprint,
        "data": trial.data.name,
        "data_digest": trial.data.digest,
        "mlflow.runColor": COLOURS[trial.framework],
    }
    parent = {"kind": "experiment", "mlflow.note.content": describe(spec)}
    create = {
        "name": trial.name,
        "tags": {**shared, **of_spec, **tags},
        "params": _texts(spec.params | {"framework": trial.framework, "seed": trial.seed}),
        "dataset": {
            "name": trial.data.name,
            "digest": trial.data.digest[:DIGEST_LENGTH],
            "source": json.dumps({"name": trial.data.name, "description": trial.data.description}),
            "profile": json.dumps({"sha256": trial.data.digest}),
        },
        "parent": {"name": parent_name, "tags": {**shared, **of_spec, **parent}, "params": _texts(spec.params)},
    }
    return Entry(run, create=create)


def of_record(run: str, record: Record, experiment: str, shared: Mapping[str, str]) -> Entry:
    """A whole record's entry, without its files."""
    create = {
        "name": record.title,
        "began": int(record.began * 1000),
        "tags": {**shared, **record.tags},
        "params": _texts(record.spec.params),
    }
    entry = Entry(run, experiment, create, metrics=_plain(record.metrics), complete=not record.failure)
    entry.end, entry.tags = ("FAILED", {"failure": record.failure}) if record.failure else ("FINISHED", {})
    return entry


def killed(runs: Sequence[str], specs: Sequence[str]) -> list[Entry]:
    """What ends runs in flight, and then the parent runs of these specs."""
    of_trials = [Entry(run, end="KILLED", tags={"failure": "interrupted"}) for run in runs]
    return of_trials + [Entry(spec=spec, parent_end="KILLED") for spec in specs]


def _plain(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}
