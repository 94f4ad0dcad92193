"""Events → MLflow: the only writer of the tracking database, and what lets a study resume."""

import json
import os
import socket
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean
from typing import Self

from experiments.canonical import Weights
from experiments.errors import UserError
from experiments.parity.outcome import Outcome
from experiments.probes.record import Note
from experiments.protocol import EpochEnded, Event, Failed, Finished, Retried, Started
from experiments.running.processes import alive, this_process, undisturbed
from experiments.spec import ExperimentSpec
from experiments.speed.schedule import Outcome as Timed
from experiments.tracking import database
from experiments.tracking.mlflow_view import COLOURS, describe, parent_names, view_tag, way_to_look
from experiments.training.trial import Trial

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read while mlflow is imported, as is the level
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")  # its faults become a UserError, without its traceback

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking.context.registry import resolve_tags
from safetensors.numpy import load_file
from sqlalchemy.exc import SQLAlchemyError

#: The experiments beside ``<study>/training``, and what stands at their heads.
ROOMS = {
    "parity": "Is it the same model? One run a climb of the parity ladder, both twins and the reference side by side.",
    "speed": "Which is faster? One run a variant, timed in fresh, exclusive processes, the twins' alternating.",
}
Kept = Outcome | Note | Timed
DIGEST_LENGTH = 36  # of MLflow's column; the whole digest is the tag data_digest
SHORTEST_PIECE = 6  # of a run id


class Tracker:
    """Records one study's trials; a context manager that leaves no run of its own RUNNING.

    Args:
        uri: where MLflow's database is; a SQLite one is made if there is none.
        study: its name; the runs go into the experiment ``<study>/training``.
        description: the experiment's note.
        planned: every trial of the study, so that two specs of one slug get two names.

    Raises:
        UserError: here and in every method: the database cannot be opened, read or written.
    """

    def __init__(self, uri: str, study: str, description: str = "", planned: Sequence[Trial] = ()) -> None:
        self.uri, self.study = database.absolute(uri), study
        self._planned, self._names = planned, parent_names(planned)
        self._runs: dict[str, str] = {}  # of the trials in flight: fingerprint → run
        self._parents: dict[str, str] = {}  # of the specs in flight: fingerprint → run
        self._left: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._rooms: dict[str, str] = {}  # name → experiment
        self._broken = False
        with self._complaints():
            self._store = _open(self.uri)
            self._client = MlflowClient(self.uri)
            self._tags = {"study": study, **resolve_tags(), **this_process()}
            self.experiment_id = self._experiment(f"{study}/training", description)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def way_to_look(self) -> str:
        """How to see the runs, with their columns, in MLflow's own pages."""
        return way_to_look(self.uri, self.experiment_id)

    def reap(self) -> int:
        """Mark the RUNNING runs of this host's dead processes KILLED; other hosts' are left alone."""
        with undisturbed(), self._complaints():
            filters = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
            dead = [run for run in self._search(filters, self._all_experiments()) if not alive(run.data.tags)]
            for run in dead:
                trial = run.data.tags.get("kind") != "experiment"
                self._end(run.info.run_id, "KILLED", "its process ended without a word" if trial else "")
            return len(dead)

    def finished(self, room: str = "training") -> dict[str, str]:
        """The complete runs of this study, fingerprint → run id, the newest of each."""
        with self._complaints():
            return finished(self.uri, self.study, room)

    def expect(self, trials: Iterable[Trial]) -> None:
        """Say which trials will run now: an experiment's parent run ends with the last of its own."""
        self._left = Counter(trial.spec.fingerprint for trial in trials)

    def record(self, trial: Trial, event: Event) -> None:
        """Write one event down; the first of a trial begins its run."""
        with undisturbed(), self._complaints():
            run = self._runs.get(trial.fingerprint) or self.begin(trial)
            match event:
                case Started():
                    self._client.set_tag(run, "environment", json.dumps(event.environment, ensure_ascii=False))
                    self._log(run, event.metrics, step=0)
                case EpochEnded():
                    self._log(run, event.metrics, step=event.epoch)
                case Finished():
                    self._log(run, event.metrics, step=0)
                    self._files(run, event.files)
                    self._end(run, "FINISHED")
                    del self._runs[trial.fingerprint]  # from here on nothing may mark it KILLED
                    self._client.set_tag(run, "complete", "1")
                    self._summarise(trial.spec)
                    self._settle(trial)
                case Failed():
                    self._files(run, {"traceback.txt": event.traceback.encode()} if event.traceback else {})
                    self._end(run, "FAILED", event.reason)
                    del self._runs[trial.fingerprint]
                    self._failed.add(trial.spec.fingerprint)
                    self._settle(trial)
                case Retried():
                    self._end(run, "KILLED", event.reason)
                    del self._runs[trial.fingerprint]

    def begin(self, trial: Trial) -> str:
        """Create a trial's run under its experiment's parent run."""
        parent, spec = self._parent(trial.spec), trial.spec
        tags = {
            "kind": "trial",
            "framework": trial.framework,
            "fingerprint": trial.fingerprint,
            "spec_fingerprint": spec.fingerprint,
            "slug": spec.slug,
            "data": trial.data.name,
            "data_digest": trial.data.digest,
            "mlflow.runColor": COLOURS[trial.framework],
            "mlflow.parentRunId": parent,
        }
        created = self._client.create_run(self.experiment_id, tags=self._tags | tags, run_name=trial.name)
        run = self._runs[trial.fingerprint] = created.info.run_id
        params = spec.params | {"framework": trial.framework, "seed": trial.seed}
        self._client.log_batch(run, params=[Param(key, str(value)) for key, value in params.items()])
        self._client.log_inputs(run, datasets=[_dataset(trial)])
        return run

    def close(self) -> None:
        """End what is still in flight as KILLED. After a fault of the database the next start's reaping does it."""
        in_flight = dict.fromkeys(self._runs.values(), "interrupted") | dict.fromkeys(self._parents.values(), "")
        with suppress(UserError), self._complaints():
            for run, reason in () if self._broken else in_flight.items():
                self._end(run, "KILLED", reason)
        self._runs, self._parents = {}, {}
        if self._store:
            self._store._dispose_engine()  # the last connection's end takes SQLite's side files away

    def keep(self, outcome: Kept, room: str = "parity") -> None:
        """Write down a climb, a measurement or a timing that is over, whole; a FAILED one will be tried again."""
        with undisturbed(), self._complaints():
            began = int(outcome.began * 1000)
            run = self._client.create_run(
                self._room(room), began, self._tags | outcome.tags, run_name=outcome.title
            ).info.run_id
            params = [Param(key, str(value)) for key, value in outcome.spec.params.items()]
            self._client.log_batch(run, params=params)
            self._log(run, outcome.metrics, step=0)
            self._files(run, outcome.files)
            self._end(run, "FAILED" if outcome.failure else "FINISHED", outcome.failure)
            if not outcome.failure:
                self._client.set_tag(run, "complete", "1")

    def weights(self, run: str) -> Weights:
        """The canonical weights that a complete trial ended with."""
        with self._complaints(), tempfile.TemporaryDirectory() as folder:
            return load_file(self._client.download_artifacts(run, "weights.safetensors", folder))

    def _room(self, name: str) -> str:
        if name not in self._rooms:
            self._rooms[name] = self._experiment(f"{self.study}/{name}", ROOMS[name])
        return self._rooms[name]

    def _experiment(self, name: str, description: str) -> str:
        found = self._client.get_experiment_by_name(name)
        path = database.sqlite_path(self.uri)
        place = (path.parent / "mlruns" / name).as_uri() if path else None
        identity = found.experiment_id if found else self._client.create_experiment(name, artifact_location=place)
        self._client.set_experiment_tag(identity, *view_tag())
        self._client.set_experiment_tag(identity, "mlflow.note.content", description)
        return identity

    def _parent(self, spec: ExperimentSpec) -> str:
        """The spec's parent run, RUNNING: the one of an earlier start, or a new one."""
        fingerprint = spec.fingerprint
        if fingerprint not in self._parents:
            found = self._search(f"tags.kind = 'experiment' and tags.spec_fingerprint = '{fingerprint}'")
            tags = {"kind": "experiment", "spec_fingerprint": fingerprint, "slug": spec.slug}
            tags |= {"mlflow.note.content": describe(spec)}
            name = self._names.get(fingerprint, spec.slug)
            if found:
                run = found[0].info.run_id
                self._client.update_run(run, status="RUNNING", name=name)
                own = [RunTag(key, value) for key, value in this_process().items()]
                self._client.log_batch(run, tags=own)
            else:
                run = self._client.create_run(self.experiment_id, tags=self._tags | tags, run_name=name).info.run_id
                self._client.log_batch(run, params=[Param(key, str(value)) for key, value in spec.params.items()])
            self._parents[fingerprint] = run
        return self._parents[fingerprint]

    def results(self, spec: ExperimentSpec | None = None) -> dict[str, dict[str, float]]:
        """The complete planned trials' last metrics, by fingerprint; of one spec, if told."""
        with self._complaints():
            of_spec = f" and tags.spec_fingerprint = '{spec.fingerprint}'" if spec else ""
            found = [run.data for run in reversed(self._search(f"tags.complete = '1'{of_spec}"))]
            newest = {data.tags["fingerprint"]: data.metrics for data in found}
            return {
                trial.fingerprint: newest[trial.fingerprint] for trial in self._planned if trial.fingerprint in newest
            }

    def _summarise(self, spec: ExperimentSpec) -> None:
        """The means over the seeds, for each twin, as the parent run's metrics."""
        results = self.results(spec)
        values: dict[str, list[float]] = {}
        for trial in self._planned:
            for name, value in results.get(trial.fingerprint, {}).items():
                if name.startswith("test/"):
                    values.setdefault(f"{trial.framework}/{name}", []).append(value)
        self._log(self._parents[spec.fingerprint], {name: fmean(found) for name, found in values.items()}, step=0)

    def _settle(self, trial: Trial) -> None:
        """One trial less to run; with its experiment's last, the parent run ends."""
        spec = trial.spec.fingerprint
        self._left[spec] -= 1
        if self._left[spec] <= 0:
            self._client.set_terminated(self._parents.pop(spec), "FAILED" if spec in self._failed else "FINISHED")

    def _log(self, run: str, metrics: dict[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(run, [Metric(name, float(value), now, step) for name, value in metrics.items()])

    def _files(self, run: str, files: dict[str, bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
            for name, content in files.items():
                path = Path(folder) / name
                path.write_bytes(content)
                self._client.log_artifact(run, str(path))

    def _end(self, run: str, status: str, reason: str = "") -> None:
        if reason:
            self._client.set_tag(run, "failure", reason)
        self._client.set_terminated(run, status)

    def _search(self, filters: str, experiments: Sequence[str] = ()) -> list[Run]:
        return list(_pages(self._client, list(experiments) or [self.experiment_id], filters))

    def _all_experiments(self) -> list[str]:
        found = self._client.search_experiments()
        rooms = ("training", *ROOMS)
        return [each.experiment_id for each in found if each.name.rpartition("/")[2] in rooms]

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        """The store's faults in one line."""
        try:
            yield
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            self._broken = True
            raise UserError(f"{self.uri}: {_first_cause(error)}") from error


def _first_cause(error: BaseException) -> str:
    """SQLite's or the system's own words, from under MLflow's and SQLAlchemy's."""
    while error.__cause__:
        error = error.__cause__
    return (str(error).splitlines() or [type(error).__name__])[0]


def finished(uri: str, study: str, room: str = "training") -> dict[str, str]:
    """The complete runs of a study, fingerprint → run id; creates nothing."""
    if path := database.sqlite_path(uri):
        return database.finished(path, f"{study}/{room}")
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(f"{study}/{room}")
    runs = list(_pages(client, [experiment.experiment_id], "tags.complete = '1'")) if experiment else []
    return {run.data.tags["fingerprint"]: run.info.run_id for run in reversed(runs)}


def _open(uri: str) -> SqlAlchemyStore | None:
    """Check the database and, if it is SQLite's, make it where there is none, and its log write-ahead."""
    database.check(uri)
    path = database.sqlite_path(uri)
    if path is None:
        return None
    (path.parent / "mlruns").mkdir(exist_ok=True)
    if not path.exists():
        _create(path)
    with database.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = wal")  # three times quicker writes; it persists
    return SqlAlchemyStore(uri, str(path.parent / "mlruns"))


def _create(path: Path) -> None:
    """Made aside and linked into place when whole: a start killed amid MLflow's migrations leaves no torso."""
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        SqlAlchemyStore(f"sqlite:///{fresh}", str(path.parent / "mlruns"))._dispose_engine()
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return  # another start was first
        except OSError:
            fresh.rename(path)  # a file system without hard links


def _pages(client: MlflowClient, experiments: list[str], filters: str) -> Iterator[Run]:
    """The runs that match, newest first."""
    token = None
    while True:
        page = client.search_runs(experiments, filters, max_results=1_000, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _dataset(trial: Trial) -> DatasetInput:
    source = json.dumps({"name": trial.data.name, "description": trial.data.description})
    profile = json.dumps({"sha256": trial.data.digest})
    dataset = Dataset(trial.data.name, trial.data.digest[:DIGEST_LENGTH], "local", source, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def artifacts_of(uri: str, run: str, names: Sequence[str]) -> tuple[str, dict[str, bytes]]:
    """A complete trial's framework and files, by its run id or a piece from the id's beginning.

    Args:
        uri: where MLflow's database is; nothing is created.
        run: six hexadecimal digits at the least.
        names: of the files.

    Raises:
        UserError: no such run, or several, or an unfinished one, or one without these files.
    """
    uri, path = database.absolute(uri), database.sqlite_path(uri)
    database.check(uri)
    if path and not path.is_file():
        raise UserError(f"{path}: no such database; allowed: one that a study was recorded in")
    store = _open(uri)
    try:
        client = MlflowClient(uri)
        found = _trial(client, run)
        with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
            held = {each.path for each in client.list_artifacts(found.info.run_id)}
            if lacking := [name for name in names if name not in held]:
                raise UserError(f"run {run}: it has no {lacking[0]}; allowed: a finished trial of the chars task")
            paths = {name: client.download_artifacts(found.info.run_id, name, folder) for name in names}
            return found.data.tags["framework"], {name: Path(place).read_bytes() for name, place in paths.items()}
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise UserError(f"{uri}: {_first_cause(error)}") from error
    finally:
        if store:
            store._dispose_engine()


def _trial(client: MlflowClient, run: str) -> Run:
    """The one complete trial whose run id begins with ``run``."""
    if len(run) < SHORTEST_PIECE or set(run) - set("0123456789abcdef"):
        raise UserError(
            f"run {run}: allowed: a run id as MLflow shows it, or its first {SHORTEST_PIECE} digits or more"
        )
    experiments = [each.experiment_id for each in client.search_experiments()]
    like = f"tags.kind = 'trial' and attributes.run_id LIKE '{run}%'"
    found = list(_pages(client, experiments, like))
    if len(found) != 1:
        several = f"{len(found)} trials begin so; allowed: more digits" if found else "no trial begins so"
        raise UserError(f"run {run}: {several}")
    if found[0].data.tags.get("complete") != "1":
        raise UserError(f"run {run}: its trial has not finished ({found[0].info.status}); allowed: a finished one")
    return found[0]
