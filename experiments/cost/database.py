"""Reports and ``--list`` on a database of many finished runs.

One seed of each experiment is recorded as a study does it; the other seeds are its rows once more under new names,
since to record 10,000 runs takes an hour and to read them is what is measured.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from experiments.cost.figures import Figure, ratios
from experiments.cost.starts import run_all
from experiments.events import EpochEnded, Finished, Started
from experiments.protocol import NativeShapes
from experiments.study.plan import Plan
from experiments.tracking import database
from experiments.tracking.tracker import Tracker
from experiments.training.trial import Trial

SMALL, LARGE = 1_000, 10_000  # runs
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
#: MLflow's tables that hold a run's rows, and their key.
TABLES = ("params", "metrics", "latest_metrics", "tags")

Lay = Callable[[Path], Plan]


def many_runs(plan: Lay, rounds: int) -> list[Figure]:
    """Seconds for 10,000 runs, and how they grow from 1,000: 10 would be linear."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        places = {runs: _filled(Path(folder) / str(runs), runs, plan) for runs in (SMALL, LARGE)}
        times: dict[tuple[int, str], list[float]] = {}
        for _ in range(rounds):
            for runs, place in places.items():
                for what in ("--reports-only", "--list"):
                    times.setdefault((runs, what), []).append(run_all(place, "many.toml", what))
    growth = ratios(times[LARGE, "--reports-only"], times[SMALL, "--reports-only"])
    return [
        Figure(f"reports of {LARGE:,} runs", tuple(times[LARGE, "--reports-only"]), 60, " s"),
        Figure(f"reports of {LARGE:,} runs / of {SMALL:,}", growth, LARGE / SMALL),
        Figure(f"--list of {LARGE:,} runs", tuple(times[LARGE, "--list"]), 3, " s"),
    ]


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
        for trial in trials:
            if trial.seed:
                _copy(connection, of_first[trial.spec.fingerprint, trial.framework], trial)
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


def _copy(connection: sqlite3.Connection, run: str, trial: Trial) -> None:
    """A run's rows under a new name, with another seed's fingerprint and number."""
    name = uuid4().hex
    _again(connection, "runs", run, {"run_uuid": name})
    for table in TABLES:
        _again(connection, table, run, {"run_uuid": name})
    told = {"fingerprint": trial.fingerprint, "mlflow.runName": trial.name}
    connection.executemany(
        "UPDATE tags SET value = ? WHERE run_uuid = ? AND key = ?", [(value, name, key) for key, value in told.items()]
    )
    connection.execute("UPDATE params SET value = ? WHERE run_uuid = ? AND key = 'seed'", (str(trial.seed), name))


def _again(connection: sqlite3.Connection, table: str, run: str, changed: dict[str, str]) -> None:
    columns: Sequence[str] = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    chosen = ", ".join("?" if column in changed else column for column in columns)
    values = [changed[column] for column in columns if column in changed]
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} WHERE run_uuid = ?", [*values, run]
    )
