"""How long jobs will take: from this machine's own finished runs, else from a default."""

import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
import toys
from tracking_cases import whole

from experiments.study.phases import PHASES
from experiments.tracking import durations as durations_module
from experiments.tracking.durations import Durations
from experiments.training import phase as training_phase
from experiments.training.phase import by_size

TRAINING, PARITY, PROBES, SPEED = (
    next(phase for phase in PHASES if phase.name == name) for name in ("training", "parity", "probes", "speed")
)
LONGER = toys.spec(training={"epochs": 9, "batch_size": 4})


def ask(query, *values):
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        return database.execute(query, values).fetchall()


@pytest.fixture
def timed(uri, record):
    """Three seeds of one experiment in tf2 and one of another, of 2, 4, 60 and 30 s."""
    trials = [*(toys.trial(seed=seed) for seed in range(3)), toys.trial(training=LONGER.training.model_dump())]
    record(*(event for trial in trials for event in whole(trial)))
    for trial, seconds in zip(trials, (2, 4, 60, 30), strict=True):
        run = "SELECT run_uuid FROM tags WHERE key = 'fingerprint' AND value = ?"
        ask(f"UPDATE runs SET end_time = start_time + ? WHERE run_uuid = ({run})", 1000 * seconds, trial.fingerprint)
    return uri


def estimate(uri, *trials, workers=1):
    return Durations(uri).estimate("toy", TRAINING, trials, workers)


def test_a_trial_takes_the_median_of_its_experiment_else_its_task_and_cells_an_epoch_else_by_its_size(timed):
    assert estimate(timed, toys.trial(seed=7)) == (4, 1)
    seconds, known = estimate(timed, toys.trial(training={"epochs": 5, "batch_size": 4}))
    assert known == 1 and seconds == pytest.approx(5 * (2 + 30 / 9) / 2)  # an epoch: of 1, 2, 30 / 9 and 30 s
    other = [toys.trial("pytorch"), toys.trial(network={"cell": "gru", "form": "layer", "units": [2]})]
    assert estimate(timed, *other) == (sum(map(by_size, other)), 0)


@pytest.mark.parametrize(("samples", "tokens"), [(2000, 40), (1000, 80)])
def test_more_samples_and_longer_ones_are_expected_to_take_longer(samples, tokens):
    usual = of_size(1000, 40)
    assert by_size(of_size(samples, tokens)) == pytest.approx(2 * by_size(usual) - training_phase.TRIAL_S)


def of_size(samples, tokens):
    trial = toys.trial(task={"name": "imdb", "tokens": tokens})
    return replace(trial, data=replace(trial.data, training_samples=samples))


def test_workers_share_the_trials(timed):
    assert estimate(timed, toys.trial(seed=7), toys.trial(seed=8), workers=2) == (4, 2)


def test_another_machines_runs_and_unfinished_ones_say_nothing(timed):
    ask("UPDATE tags SET value = 'elsewhere' WHERE key = 'host' AND value = ?", socket.gethostname())
    assert estimate(timed, toys.trial(seed=7)).known == 0
    ask("UPDATE tags SET value = ? WHERE key = 'host'", socket.gethostname())
    ask("DELETE FROM tags WHERE key = 'complete'")
    assert estimate(timed, toys.trial(seed=7)).known == 0


def kept(study, kind, started, *times):
    """Runs of a kind, in one start of a study, from and to these seconds."""
    for number, (begin, end) in enumerate(times):
        run = f"{study}{kind}{started}{number}"
        values = (run, 1000 * begin, 1000 * end)
        ask("INSERT INTO runs (run_uuid, experiment_id, start_time, end_time) VALUES (?, 0, ?, ?)", *values)
        tags = {"kind": kind, "host": socket.gethostname(), "study": study, "pid_started": started}
        for key, value in tags.items():
            ask("INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)", run, key, value)


def test_another_phases_jobs_take_the_time_between_results_of_the_same_study_else_of_all(uri, monkeypatch):
    kept("toy", "climb", "1.0", (0, 4), (0, 6))
    kept("toy", "climb", "2.0", (1000, 1002))
    kept("other", "climb", "3.0", (0, 100))
    durations, jobs = Durations(uri), [SimpleNamespace()] * 3
    assert durations.estimate("toy", PARITY, jobs, 2) == (pytest.approx(3 * 8 / 3), 3)
    assert durations.estimate("new", PARITY, jobs, 2).known == 0  # four results are too few for another study
    monkeypatch.setattr(durations_module, "ENOUGH", 4)
    assert Durations(uri).estimate("new", PARITY, jobs, 2) == (pytest.approx(3 * 108 / 4), 3)


def test_the_probes_kinds_of_one_start_run_side_by_side(uri):
    kept("toy", "horizon", "1.0", (0, 10), (0, 12))
    kept("toy", "writing", "1.0", (0, 6), (0, 8))
    assert Durations(uri).estimate("toy", PROBES, [SimpleNamespace()], 2) == (3, 1)


@pytest.mark.parametrize("phase, seconds", [(PARITY, 3 * PARITY.usual_s / 2), (SPEED, 3 * SPEED.usual_s)])
@pytest.mark.parametrize("where", ["sqlite:////nowhere/mlflow.db", "http://localhost:5000"])
def test_without_a_record_the_default_stands_and_only_what_runs_alone_is_not_shared(where, phase, seconds):
    assert Durations(where).estimate("toy", phase, [SimpleNamespace()] * 3, 2) == (seconds, 0)
