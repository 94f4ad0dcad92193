"""MLflow → rows: the one module of the reports that knows MLflow, and it only reads."""

import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy.exc import SQLAlchemyError

from experiments.errors import UserError
from experiments.tasks import MODULES
from experiments.tracking import database

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow.artifacts import download_artifacts
from mlflow.entities import Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

#: The histories the pages draw; of every other metric the last value is enough.
HISTORIES = ("train/loss", "test/loss", "time/epoch_s")
HISTORIES += tuple(dict.fromkeys(name for module in MODULES.values() for name in module.SPEC.HISTORIES))
RUNS_A_PAGE = 250  # a thousand at once take 100 MiB more
RUNS_A_BATCH = 100  # SQLite takes 999 variables in one statement at the least
ROWS_A_BATCH = 25_000

MEASURED = "trial"  # the kind of runs whose metrics the pages read
FIELDS = ["run_id", "fingerprint", "status", "complete", "failure", "environment", "data", "data_digest"]
FIELDS += ["start_time", "artifact_uri"]
TAGS = ("fingerprint", "complete", "failure", "environment", "data", "data_digest")

#: What is read of a SQLite database. MLflow's search sorts all runs again for each page of them.
RUNS = f"""
    SELECT runs.run_uuid, fingerprint.value, runs.status, complete.value IS '1', failure.value, environment.value,
        data.value, data_digest.value, runs.start_time, runs.artifact_uri FROM runs
    JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind' AND kind.value = ?
    {" ".join(f"LEFT JOIN tags AS {tag} ON {tag}.run_uuid = runs.run_uuid AND {tag}.key = '{tag}'" for tag in TAGS)}
    WHERE runs.experiment_id = ? AND runs.lifecycle_stage = 'active' ORDER BY runs.start_time DESC, runs.run_uuid
"""
LAST = """
    SELECT last.run_uuid, last.key, CASE WHEN last.is_nan THEN NULL ELSE last.value END FROM latest_metrics AS last
    JOIN runs ON runs.run_uuid = last.run_uuid AND runs.experiment_id = ?
"""
EPOCHS = f"""
    SELECT each.run_uuid, each.key, each.step, CASE WHEN each.is_nan THEN NULL ELSE each.value END
    FROM metrics AS each JOIN runs ON runs.run_uuid = each.run_uuid AND runs.experiment_id = ?
    WHERE each.key IN ({", ".join("?" * len(HISTORIES))}) ORDER BY each.timestamp, each.step, each.value
"""


@dataclass(frozen=True)
class Records:
    """What MLflow holds of a study: ``runs`` a row each, ``history`` a row for each run, metric and epoch."""

    experiment_id: str | None = None
    runs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FIELDS))
    history: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["run_id", "metric", "epoch", "value"]))


def read(tracking_uri: str, experiment: str, fingerprints: set[str], kind: str = MEASURED) -> Records:
    """An experiment's runs of a kind, in one pass; a missing database or experiment is an empty study.

    Of trials with their metrics and histories; what other kinds found stands in their files.

    Raises:
        UserError: the database is none of MLflow's, or cannot be read.
    """
    if path := database.sqlite_path(tracking_uri):
        if not path.is_file():
            return Records()
        with database.connect(path) as opened:
            return _tables(opened, experiment, fingerprints, kind)
    try:
        with _client(tracking_uri) as client:
            return _records(client, experiment, fingerprints, kind)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(database.shown(f"{tracking_uri}: {first_line}")) from error


def _tables(opened: sqlite3.Connection, experiment: str, fingerprints: set[str], kind: str) -> Records:
    """What ``_records`` gives, from a SQLite database's own tables, three queries in all."""
    if not opened.execute("SELECT 1 FROM sqlite_master").fetchone():
        return Records()
    experiment_row = opened.execute("SELECT experiment_id FROM experiments WHERE name = ?", (experiment,)).fetchone()
    if experiment_row is None:
        return Records()
    same: dict[Any, Any] = {}  # one string for all runs that have it
    rows = opened.execute(RUNS, (kind, experiment_row[0]))
    kept = [tuple(same.setdefault(value, value) for value in row) for row in rows if row[1] in fingerprints]
    if not kept:
        return Records(str(experiment_row[0]))
    place = {row[0]: number for number, row in enumerate(kept)}
    frame = pd.DataFrame(kept, columns=FIELDS)
    frame["complete"] = frame.complete.astype(bool)
    if kind != MEASURED:
        return Records(str(experiment_row[0]), frame)
    del kept, same
    metrics: dict[str, np.ndarray] = {}
    for run, name, value in opened.execute(LAST, experiment_row):
        if run in place and value is not None:
            if name not in metrics:
                metrics[name] = np.full(len(place), np.nan)
            metrics[name][place[run]] = value
    frame = pd.concat([frame, pd.DataFrame(metrics)], axis=1)
    return Records(str(experiment_row[0]), frame, _epochs(opened, experiment_row[0], list(_newest_done(frame).run_id)))


def _epochs(opened: sqlite3.Connection, experiment: int, run_ids: list[str]) -> pd.DataFrame:
    """What ``_histories`` gives; columns of numbers, since a row of Python's objects takes ten times as much."""
    place = {run_id: number for number, run_id in enumerate(run_ids)}
    runs, names, steps, values = array("q"), array("q"), array("q"), array("d")
    for run, name, step, value in opened.execute(EPOCHS, (experiment, *HISTORIES)):
        if run in place:
            runs.append(place[run])
            names.append(HISTORIES.index(name))
            steps.append(step)
            values.append(np.nan if value is None else value)
    columns = {"run_id": _taken(run_ids, runs), "metric": _taken(list(HISTORIES), names)}
    return pd.DataFrame(columns | {"epoch": np.array(steps), "value": np.array(values)})


def _taken(texts: list[str], places: array) -> pd.Series:
    return pd.Series(texts, dtype="str").take(np.array(places)).reset_index(drop=True)


@contextmanager
def _client(tracking_uri: str) -> Iterator[MlflowClient]:
    client = MlflowClient(database.absolute(tracking_uri))
    yield client
    if close := getattr(_store(client), "_dispose_engine", None):
        close()  # the last connection's end takes SQLite's side files away


def _store(client: MlflowClient) -> Any:
    return getattr(getattr(client, "_tracking_client", None), "store", None)


def _records(client: MlflowClient, experiment: str, fingerprints: set[str], kind: str) -> Records:
    recorded = client.get_experiment_by_name(experiment)
    if recorded is None:
        return Records()
    rows = (_row(run) for run in _runs(client, recorded.experiment_id, kind))
    runs = [row for row in rows if row["fingerprint"] in fingerprints]
    if not runs:
        return Records(recorded.experiment_id)
    frame = pd.DataFrame(runs)
    if kind != MEASURED:
        return Records(recorded.experiment_id, frame[FIELDS])
    return Records(recorded.experiment_id, frame, _histories(client, list(_newest_done(frame).run_id)))


def _newest_done(runs: pd.DataFrame) -> pd.DataFrame:
    done = runs[runs.complete & (runs.status == "FINISHED")]
    return done.sort_values("start_time").drop_duplicates("fingerprint", keep="last")


def _runs(client: MlflowClient, experiment_id: str, kind: str) -> Iterator[Run]:
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], f"tags.kind = '{kind}'", max_results=RUNS_A_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _row(run: Run) -> dict[str, Any]:
    tags = run.data.tags
    return run.data.metrics | {
        "run_id": run.info.run_id,
        "fingerprint": tags.get("fingerprint"),
        "status": run.info.status,
        "complete": tags.get("complete") == "1",
        "failure": tags.get("failure"),
        "environment": tags.get("environment"),
        "data": tags.get("data"),
        "data_digest": tags.get("data_digest"),
        "start_time": run.info.start_time,
        "artifact_uri": run.info.artifact_uri,
    }


def _histories(client: MlflowClient, run_ids: list[str]) -> pd.DataFrame:
    same = {run_id: run_id for run_id in run_ids}  # one string a run, not one a value
    rows = [
        (same[run_id], name, metric.step, metric.value)
        for name in HISTORIES
        for start in range(0, len(run_ids), RUNS_A_BATCH)
        for run_id, metric in _history(client, run_ids[start : start + RUNS_A_BATCH], name)
    ]
    return pd.DataFrame(rows, columns=["run_id", "metric", "epoch", "value"])


def _history(client: MlflowClient, run_ids: list[str], name: str) -> Iterable[tuple[str, Metric]]:
    """One metric of many runs: in bulk where the store can (SQL), else run by run (a server)."""
    # The store's bulk history is not public: 150 runs take 0.1 s with it and 3 s without. Hence the fallback.
    bulk = getattr(_store(client), "get_metric_history_bulk", None)
    if bulk is None:
        return [(run_id, metric) for run_id in run_ids for metric in client.get_metric_history(run_id, name)]
    metrics = bulk(run_ids, name, ROWS_A_BATCH)
    if len(metrics) < ROWS_A_BATCH or len(run_ids) == 1:
        return [(item.run_id, item) for item in metrics]
    half = len(run_ids) // 2  # cut off at the limit: ask again for fewer
    return [*_history(client, run_ids[:half], name), *_history(client, run_ids[half:], name)]


def artifact(tracking_uri: str, artifact_uri: str, name: str) -> str | None:
    """A run's text artifact; None where it was not kept or cannot be reached."""
    try:
        # From the artifact's own address: asking by run id would read the run again, once an artifact.
        path = download_artifacts(artifact_uri=f"{artifact_uri}/{name}", tracking_uri=tracking_uri)
        return Path(path).read_text(encoding="utf-8")
    except (MlflowException, OSError, UnicodeDecodeError):
        return None
