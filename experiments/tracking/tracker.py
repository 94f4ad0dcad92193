"""Events → MLflow: the only writer of the tracking database, and what lets a study resume."""

import json
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean
from typing import Self

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.tracking.context.registry import resolve_tags
from safetensors.numpy import load_file

from experiments.canonical import Weights
from experiments.errors import UserError
from experiments.events import EpochEnded, Event, Failed, Finished, Retried, Started
from experiments.running.processes import alive, this_process, undisturbed
from experiments.spec import ExperimentSpec
from experiments.study.phase import Record
from experiments.study.phases import PHASES
from experiments.tracking import database
from experiments.tracking.mlflow_view import charts_link, describe, parent_names, view_tags, way_to_look
from experiments.tracking.store import STORE_ERRORS, first_cause, open_store, runs_of
from experiments.training.trial import Trial
from experiments.twins import COLOURS

#: The notes at the heads of a study's experiments, by their names.
HEADINGS = {phase.experiment: phase.heading for phase in reversed(PHASES)}
DIGEST_LENGTH = 36  # of MLflow's column; the whole digest is the tag data_digest


class Tracker:
    """Records one study; a context manager that leaves no run of its process RUNNING.

    Args:
        uri: where MLflow's database is; a SQLite one is created if missing.
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
        self._experiments: dict[str, str] = {}  # name → experiment
        self._broken = False
        with self._store_errors():
            self._store = open_store(self.uri)
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
        with undisturbed(), self._store_errors():
            filters = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
            dead = [run for run in self._search(filters, self._all_experiments()) if not alive(run.data.tags)]
            for run in dead:
                trial = run.data.tags.get("kind") != "experiment"
                self._end(run.info.run_id, "KILLED", "its process ended without a report" if trial else "")
            return len(dead)

    def finished(self, experiment: str = "training") -> dict[str, str]:
        """The complete runs of this study, fingerprint → run id, the newest of each."""
        with self._store_errors():
            return database.finished(self.uri, self.study, experiment)

    def expect(self, trials: Iterable[Trial]) -> None:
        """Say which trials will run now: an experiment's parent run ends with its last trial."""
        self._left = Counter(trial.spec.fingerprint for trial in trials)

    def record(self, trial: Trial, event: Event) -> None:
        """Record one event; the first of a trial creates its run."""
        with undisturbed(), self._store_errors():
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
        """End the runs in flight as KILLED. After an error of the database the next start does it."""
        in_flight = dict.fromkeys(self._runs.values(), "interrupted") | dict.fromkeys(self._parents.values(), "")
        with suppress(UserError), self._store_errors():
            for run, reason in () if self._broken else in_flight.items():
                self._end(run, "KILLED", reason)
        self._runs, self._parents = {}, {}
        if self._store:
            self._store._dispose_engine()  # the last connection's end takes SQLite's side files away

    def keep(self, record: Record, experiment: str) -> None:
        """Write a finished record into ``<study>/<experiment>``; a FAILED one will be tried again."""
        with undisturbed(), self._store_errors():
            began = int(record.began * 1000)
            run = self._client.create_run(
                self._experiment_of(experiment), began, self._tags | record.tags, run_name=record.title
            ).info.run_id
            params = [Param(key, str(value)) for key, value in record.spec.params.items()]
            self._client.log_batch(run, params=params)
            self._log(run, record.metrics, step=0)
            self._files(run, record.files)
            self._end(run, "FAILED" if record.failure else "FINISHED", record.failure)
            if not record.failure:
                self._client.set_tag(run, "complete", "1")

    def weights(self, run: str) -> Weights:
        """The canonical weights that a complete trial ended with."""
        with self._store_errors(), tempfile.TemporaryDirectory() as folder:
            return load_file(self._client.download_artifacts(run, "weights.safetensors", folder))

    def _experiment_of(self, name: str) -> str:
        if name not in self._experiments:
            self._experiments[name] = self._experiment(f"{self.study}/{name}", HEADINGS[name])
        return self._experiments[name]

    def _experiment(self, name: str, description: str) -> str:
        found = self._client.get_experiment_by_name(name)
        path = database.sqlite_path(self.uri)
        place = (path.parent / "mlruns" / name).as_uri() if path else None
        identity = found.experiment_id if found else self._client.create_experiment(name, artifact_location=place)
        note = f"{description} [Its charts]({charts_link(identity)})"
        for key, value in (view_tags() | {"mlflow.note.content": note}).items():
            self._client.set_experiment_tag(identity, key, value)
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
        with self._store_errors():
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
        return list(runs_of(self._client, list(experiments) or [self.experiment_id], filters))

    def _all_experiments(self) -> list[str]:
        found = self._client.search_experiments()
        return [each.experiment_id for each in found if each.name.rpartition("/")[2] in HEADINGS]

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """Turn the store's errors into a UserError of one line."""
        try:
            yield
        except STORE_ERRORS as error:
            self._broken = True
            raise UserError(f"{self.uri}: {first_cause(error)}") from error


def _dataset(trial: Trial) -> DatasetInput:
    source = json.dumps({"name": trial.data.name, "description": trial.data.description})
    profile = json.dumps({"sha256": trial.data.digest})
    dataset = Dataset(trial.data.name, trial.data.digest[:DIGEST_LENGTH], "local", source, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
