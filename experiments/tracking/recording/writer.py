"""Journal entries → MLflow. Applying an entry twice, or in part and then whole, has the effect of once.

A run is found by its tag ``journal`` before it is created a second time. MLflow takes a metric with the key, step, time
and value of another for the same one, and every time is the entry's own. Params, tags, files and states replace
themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, islice, takewhile
from operator import attrgetter
from pathlib import Path
from statistics import fmean
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag

from experiments.running.processes import this_process
from experiments.study.phases import PHASES
from experiments.tracking import database
from experiments.tracking.mlflow_view import charts_link, view_tags
from experiments.tracking.recording.entries import Entry
from experiments.tracking.store import runs_of

#: The notes at the heads of a study's experiments, by their names.
HEADINGS = {phase.experiment: phase.heading for phase in reversed(PHASES)}
PROCESS = tuple(this_process())  # the tags that tell whose a run is
#: Epochs that are written at once, at most: MLflow takes 1,000 metrics in a call.
TOGETHER = 50


class Writer:
    """Applies the entries of a study's journals, in their order.

    Args:
        client: MLflow's.
        uri: where its database is.
        study: its name; the runs go into experiments ``<study>/…``.
        description: the note of ``<study>/training``.
    """

    def __init__(self, client: MlflowClient, uri: str, study: str, description: str) -> None:
        self._client, self._uri, self._study = client, uri, study
        self._headings = HEADINGS | {"training": description}
        self._experiments: dict[str, str] = {}  # name → experiment
        self._runs: dict[str, str] = {}  # of the runs in flight: name in the journal → run
        self._parents: dict[str, str] = {}  # of the specs in flight: fingerprint → run
        self._results: dict[str, dict[str, dict[str, float]]] = {}  # of the specs in flight: what ``results`` gives

    def experiment(self, name: str) -> str:
        """The id of one of the study's experiments, made where it is missing."""
        if name not in self._experiments:
            self._experiments[name] = self._made(f"{self._study}/{name}", self._headings[name])
        return self._experiments[name]

    def run(self, name: str) -> str:
        """The run in flight of this name in the journal."""
        return self._runs[name]

    def apply(self, pending: Sequence[Entry], files: Callable[[Entry], Path]) -> int:
        """Write the first entry, or all epochs before the next other one, a call for each of their runs.

        What belongs to a run that someone has deleted meanwhile is left out.

        Args:
            pending: entries whose predecessors have been applied.
            files: gives the folder of an entry's files.

        Returns:
            How many entries have been written.
        """
        epochs = list(takewhile(attrgetter("only_metrics"), islice(pending, TOGETHER)))
        for _, of_run in groupby(sorted(epochs, key=attrgetter("run")), attrgetter("run")):
            self._apply_epochs(list(of_run))
        if not epochs:
            self._apply_one(pending[0], files(pending[0]))
        return len(epochs) or 1

    def _apply_epochs(self, entries: Sequence[Entry]) -> None:
        run = self._run_of(entries[0], again=False)
        if run is not None:
            self._client.log_batch(run, [point for entry in entries for point in _points(entry, entry.metrics)])

    def _apply_one(self, entry: Entry, files: Path) -> None:
        again, entry.tried = entry.tried, True
        if entry.run:
            run = self._run_of(entry, again)
            if run is None:
                return
            self._write(run, entry, files)
        if entry.spec and (parent := self._parents.get(entry.spec) or self._found_parent(entry.spec)):
            self._log(parent, entry, metrics=self._means(entry, again))
            if entry.parent_end:
                self._client.set_terminated(parent, entry.parent_end, entry.time)
                self._parents.pop(entry.spec, None)
                self._results.pop(entry.spec, None)
        if entry.end:
            self._runs.pop(entry.run, None)

    def last_end(self) -> int:
        """When the last of the study's trials ended, by the clock of that moment, in ms; 0 where none has."""
        runs = self._client.search_runs(
            [self.experiment("training")], order_by=["attributes.end_time DESC"], max_results=1
        )
        return (runs[0].info.end_time or 0) if runs else 0

    def results(self, spec: str = "", until: int | None = None) -> dict[str, dict[str, float]]:
        """The last metrics of the complete trials, by fingerprint; of one spec, if told, and those that had ended."""
        of_spec = f" and tags.spec_fingerprint = '{spec}'" if spec else ""
        results: dict[str, dict[str, float]] = {}
        for run in runs_of(self._client, [self.experiment("training")], f"tags.complete = '1'{of_spec}"):
            if until is None or (run.info.end_time or 0) <= until:
                results.setdefault(run.data.tags["fingerprint"], run.data.metrics)  # the newest comes first
        return results

    def _write(self, run: str, entry: Entry, files: Path) -> None:
        self._log(run, entry, entry.metrics, entry.create.get("params", {}), entry.tags)
        if entry.files:
            self._client.log_artifacts(run, str(files))
        if entry.end:
            self._client.set_terminated(run, entry.end, entry.time)
        if entry.complete:
            self._client.set_tag(run, "complete", "1")

    def _run_of(self, entry: Entry, again: bool) -> str | None:
        """The entry's run; created if this is its first entry and it cannot be found."""
        run, create = self._runs.get(entry.run), entry.create
        if run is None and (again or not create):
            runs = self._search(f"tags.journal = '{entry.run}'", entry.experiment)
            run = runs[0].info.run_id if runs else None
        if create:
            tags = create["tags"] | {"journal": entry.run}
            if "parent" in create:
                tags["mlflow.parentRunId"] = self._parent(create["parent"], entry.time - 1, again)
            if run is None:
                began, place = create.get("began", entry.time), self.experiment(entry.experiment)
                run = self._client.create_run(place, began, tags, create["name"]).info.run_id
            self._runs[entry.run] = run
            if "dataset" in create:
                self._client.log_inputs(run, datasets=[_dataset(**create["dataset"])])
        elif run is not None:
            self._runs[entry.run] = run
        return run

    def _parent(self, parent: Mapping[str, Any], began: int, again: bool) -> str:
        """The parent run of a trial, RUNNING: the one of an earlier start, or a new one, a moment older."""
        spec = parent["tags"]["spec_fingerprint"]
        if spec in self._parents and not again:
            return self._parents[spec]
        run = self._found_parent(spec)
        fresh = run is None
        if run is None:
            place = self.experiment("training")
            run = self._client.create_run(place, began, parent["tags"], parent["name"]).info.run_id
        else:
            self._client.update_run(run, status="RUNNING", name=parent["name"])
        params = parent["params"] if fresh or again else {}
        process = {name: parent["tags"][name] for name in PROCESS}
        self._client.log_batch(run, params=_params(params), tags=_tags(process))
        self._parents[spec] = run
        return run

    def _found_parent(self, spec: str) -> str | None:
        runs = self._search(f"tags.kind = 'experiment' and tags.spec_fingerprint = '{spec}'")
        return runs[0].info.run_id if runs else None

    def _means(self, entry: Entry, again: bool) -> dict[str, float]:
        """The means over the seeds, for each twin, of the trials that had ended by then.

        A spec's runs are searched at its first trial to end and at its last: another process may have added some;
        between the two only the trial that has just ended is read, or the cost would grow with the seeds' square.
        """
        if not entry.seeds:
            return {}
        if again or entry.parent_end or entry.spec not in self._results:
            self._results[entry.spec] = self.results(entry.spec, entry.time)
        else:
            ended = self._client.get_run(self._runs[entry.run]).data
            self._results[entry.spec][ended.tags["fingerprint"]] = ended.metrics
        results = self._results[entry.spec]
        values: dict[str, list[float]] = {}
        for fingerprint, framework in entry.seeds:
            for name, value in results.get(fingerprint, {}).items():
                if name.startswith("test/"):
                    values.setdefault(f"{framework}/{name}", []).append(value)
        return {name: fmean(of_seeds) for name, of_seeds in values.items()}

    def _log(
        self,
        run: str,
        entry: Entry,
        metrics: Mapping[str, float],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        points = _points(entry, metrics)
        if points or params or tags:
            self._client.log_batch(run, points, _params(params or {}), _tags(tags or {}))

    def _made(self, name: str, description: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        path = database.sqlite_path(self._uri)
        place = (path.parent / "mlruns" / name).as_uri() if path else None
        identity = (
            experiment.experiment_id if experiment else self._client.create_experiment(name, artifact_location=place)
        )
        note = f"{description} [Its charts]({charts_link(identity)})"
        for key, value in (view_tags() | {"mlflow.note.content": note}).items():
            self._client.set_experiment_tag(identity, key, value)
        return identity

    def _search(self, filters: str, experiment: str = "training") -> Sequence[Run]:
        return list(runs_of(self._client, [self.experiment(experiment)], filters))


def _points(entry: Entry, metrics: Mapping[str, float]) -> list[Metric]:
    return [Metric(name, value, entry.time, entry.step) for name, value in metrics.items()]


def _params(params: Mapping[str, str]) -> list[Param]:
    return [Param(key, value) for key, value in params.items()]


def _tags(tags: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key, value) for key, value in tags.items()]


def _dataset(name: str, digest: str, source: str, profile: str) -> DatasetInput:
    dataset = Dataset(name, digest, "local", source, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
