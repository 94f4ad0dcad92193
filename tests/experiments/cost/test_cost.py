"""The program's own benchmark: its figures' verdicts, the database it fills, and the bare scripts it is held to."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
import toys
from cases import twin_params
from typer.testing import CliRunner

import frameworks
from experiments.cost import database
from experiments.cost.command import app
from experiments.cost.figures import Figure, ratios
from experiments.spec import ExperimentSpec
from experiments.study import plan, schema
from experiments.tasks import Split
from experiments.tracking import database as stored

MANY = """
name = "many"
description = "d"
seeds = {seeds}
[[grid]]
task = "sine"
network = {{ cell = "lstm", form = "layer" }}
training = {{ epochs = 2 }}
"""


@pytest.mark.parametrize(
    ("values", "bound", "least", "met"),
    [((1.0, 1.1, 9.0), 1.1, False, True), ((1.2,), 1.1, False, False), ((1.8, 1.6, 1.7), 1.7, True, True)],
)
def test_a_figure_is_met_by_its_median(values, bound, least, met):
    figure = Figure("x", values, bound, least=least)
    assert figure.met is met
    assert figure.row[-1] == ("met" if met else "MISSED") and figure.row[3] == str(len(values))


def test_ratios_are_taken_round_by_round():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == (2.0, 3.0)


def test_the_database_is_full_of_finished_runs_that_the_study_knows(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "STUDY", MANY)
    monkeypatch.setattr(database, "EXPERIMENTS", 1)

    def lay_out(path):
        return plan.lay_out(schema.read(path), path, toys.supports, lambda name: "1", lambda spec: toys.DATA)

    folder = database._filled(tmp_path / "8", 8, lay_out)
    trials = lay_out(folder / "many.toml").jobs("training")
    finished = stored.finished(f"sqlite:///{folder / 'mlflow.db'}", "many", "training")
    assert set(finished) == {trial.fingerprint for trial in trials} and len(trials) == 8
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        seeds = connection.execute("SELECT value, count(*) FROM params WHERE key = 'seed' GROUP BY 1").fetchall()
        epochs = connection.execute("SELECT count(*) FROM metrics WHERE key = 'train/loss'").fetchone()
    assert seeds == [(str(seed), 2) for seed in range(4)] and epochs == (16,)


def test_help_is_timed_in_a_folder_that_holds_reports_of_its_own(tmp_path):
    from experiments.cost.starts import run_all

    (tmp_path / "reports").mkdir()
    assert run_all(tmp_path, "smoke", "--list", "--only", "phase=speed").seconds > 0
    with pytest.raises(RuntimeError, match="no such study"):
        run_all(tmp_path, "none")


def test_an_unknown_part_is_one_line():
    outcome = CliRunner().invoke(app, ["--only", "everything"])
    assert outcome.exit_code == 2 and "allowed: help, database, trial, workers, restart, scale, large" in outcome.output


class Reviews:
    """A word at the end says which class it is."""

    def __init__(self, train: int, test: int):
        x = np.random.default_rng(0).integers(4, 30, (train + test, 6)).astype(np.int32)
        y = (x[:, -1:] > 16).astype(np.float32)
        self.train, self.test = Split(x[:train], y[:train]), Split(x[train:], y[train:])


@pytest.mark.parametrize("twin", twin_params())
def test_the_bare_script_learns_what_the_trial_would(twin):
    spec = ExperimentSpec.model_validate(
        {
            "task": {"name": "imdb", "words": 30, "tokens": 6},
            "network": {"cell": "lstm", "form": "layer", "units": [8], "embedding_size": 8, "dropout": 0.0},
            "training": {"epochs": 6, "batch_size": 16, "learning_rate": 0.02},
        }
    )
    assert frameworks.load(twin).bare(spec, Reviews(256, 64), 50) > 0.9
