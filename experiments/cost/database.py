"""Reports and ``--list`` on a database of many finished runs.

One seed of each experiment is recorded as a study does it; the other seeds are its rows once more under new names,
since to record 10,000 runs takes an hour and to read them is what is measured.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from experiments.cost.figures import Figure, ratios
from experiments.cost.starts import Spent, run_all
from experiments.events import EpochEnded, Finished, Started
from experiments.protocol import NativeShapes
from experiments.study.plan import Plan
from experiments.tracking import database
from experiments.tracking.recording.tracker import Tracker
from experiments.training.trial import Trial


class Size(NamedTuple):
    """Numbers of runs, and what the largest may take."""

    runs: tuple[int, ...]
    reports_s: float
    list_s: float
    mib: float


USUAL = Size((1_000, 10_000), 60.0, 3.0, 1_024)
LARGE = Size((10_000, 30_000, 100_000), 600.0, 10.0, 2_048)
STUDY = """
name = "many"
description = "A database of many finished runs."
seeds = {seeds}

[[grid]]
task = "imdb"
[grid.vary]
"network.cell" = ["simple_rnn", "lstm", "gru"]
"network.form" = ["layer", "cell_loop", "unrolled", "wrapped", "scratch"]
conventions = ["stock", "keras", "pytorch"]

[[grid]]
task = "sine"
network = {{ cell = "lstm", form = "layer" }}
training = {{ epochs = 4 }}
[grid.vary]
"network.units" = [[32], [64], [96], [128], [192]]
"""
EXPERIMENTS = 50
#: MLflow's tables that hold a run's rows, and what is a copy's own in them.
TABLES = ("runs", "params", "metrics", "latest_metrics", "tags")
OWN = {
    "tags": {
        "value": "CASE tags.key WHEN 'fingerprint' THEN copies.fingerprint WHEN 'mlflow.runName' THEN copies.title "
        "ELSE tags.value END"
    },
    "params": {"value": "CASE params.key WHEN 'seed' THEN copies.seed ELSE params.value END"},
}

Lay = Callable[[Path], Plan]


def many_runs(plan: Lay, rounds: int, size: Size) -> list[Figure]:
    """Seconds and memory with so many runs, and how the seconds grow from the smallest database."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        places = {runs: _filled(Path(folder) / str(runs), runs, plan) for runs in size.runs}
        spent: dict[tuple[int, str], list[Spent]] = {}
        for _ in range(rounds):
            for runs, place in places.items():
                for what in ("--reports-only", "--list"):
                    spent.setdefault((runs, what), []).append(run_all(place, "many.toml", what))
    smallest, *larger = size.runs
    figures = []
    for what, most in (("--reports-only", size.reports_s), ("--list", size.list_s)):
        for runs in larger:
            taken, before = (tuple(each.seconds for each in spent[number, what]) for number in (runs, smallest))
            name, share = f"{what} of {runs:,} runs", runs / larger[-1]
            figures.append(Figure(name, taken, most * share, " s"))
            figures.append(Figure(f"{name} / of {smallest:,}", ratios(taken, before), runs / smallest))
            figures.append(Figure(f"{name}, memory", tuple(each.mib for each in spent[runs, what]), size.mib, " MiB"))
    return figures


def _filled(folder: Path, runs: int, plan: Lay) -> Path:
    """A folder with a study of so many trials, all of them done."""
    folder.mkdir()
    path = folder / "many.toml"
    path.write_text(STUDY.format(seeds=runs // EXPERIMENTS // 2), encoding="utf-8")
    trials = plan(path).jobs("training")
    first = [trial for trial in trials if trial.seed == 0]
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with Tracker(uri, "many", planned=first) as tracker:
        tracker.expect(first)
        for trial in first:
            _record(trial, tracker)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        originals = database.finished(uri, "many", "training")
        of_first = {(trial.spec.fingerprint, trial.framework): originals[trial.fingerprint] for trial in first}
        _copy(
            connection, ((of_first[trial.spec.fingerprint, trial.framework], trial) for trial in trials if trial.seed)
        )
    return folder


def _record(trial: Trial, tracker: Tracker) -> None:
    tracker.record(
        trial, Started({"processor": "none", "threads": 1}, {"model/parameters": 1}, NativeShapes((), (), 1, 1))
    )
    for epoch in range(1, trial.spec.training.epochs + 1):
        metrics = {"train/loss": 1 / epoch, "time/epoch_s": 1.0}
        scored = {"train/accuracy": 0.8, "test/accuracy": 0.8, "test/loss": 0.5}
        forecast = {"test/one_step_mse": 0.1, "test/rollout_mse": 0.5}
        tracker.record(trial, EpochEnded(epoch, metrics | (forecast if trial.spec.task.name == "sine" else scored)))
    tracker.record(trial, Finished({"time/step_s": 0.05, "time/first_step_s": 1.0}))


def _copy(connection: sqlite3.Connection, wanted: Iterable[tuple[str, Trial]]) -> None:
    """Runs' rows under new names, with other seeds' fingerprints and numbers: a statement for each table."""
    connection.execute("PRAGMA cache_size = -1000000")  # 1 GB: the indexes are filled in no order
    connection.execute("CREATE TEMP TABLE copies (run TEXT, uuid TEXT, fingerprint TEXT, title TEXT, seed TEXT)")
    rows = ((run, uuid4().hex, trial.fingerprint, trial.name, str(trial.seed)) for run, trial in wanted)
    connection.executemany("INSERT INTO copies VALUES (?, ?, ?, ?, ?)", rows)
    for table in TABLES:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        own = OWN.get(table, {}) | {"run_uuid": "copies.uuid"}
        chosen = ", ".join(own.get(column, f"{table}.{column}") for column in columns)
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM copies JOIN {table} "
            f"ON {table}.run_uuid = copies.run"
        )
    connection.execute("DROP TABLE copies")
