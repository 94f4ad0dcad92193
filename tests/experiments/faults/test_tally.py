"""The tally of a campaign finds every loss, repetition and difference that is planted."""

import sqlite3
from contextlib import closing
from copy import deepcopy

import pytest
from tracking_cases import STARTED, TWINS, whole

from experiments.faults import tally
from experiments.faults.tally import Counts
from experiments.tracking.recording.tracker import Tracker


@pytest.fixture(scope="module")
def folder(tmp_path_factory, new_database):
    """A study of two trials, recorded undisturbed."""
    folder = tmp_path_factory.mktemp("wanted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_TWINS_CACHE", str(folder / "cache"))
        with Tracker(new_database(folder), "toy", planned=TWINS[:2]) as tracker:
            tracker.expect(TWINS[:2])
            for trial in TWINS[:2]:
                for each, event in whole(trial):
                    tracker.record(each, event)
    return folder


def read(folder):
    return tally.read(f"sqlite:///{folder / 'mlflow.db'}", "toy", folder)


@pytest.fixture
def wanted(folder):
    return read(folder)


def test_all_runs_are_read_with_their_points_and_files(wanted):
    parent, first, second = sorted(wanted, key=lambda run: run.job)
    assert parent.job[1].startswith("experiment:") and parent.points["tf2/test/accuracy", 0] == [0.75]
    assert first.job != second.job and first.job[0] == "training"
    for trial in (first, second):
        assert trial.complete and trial.status == "FINISHED"
        assert trial.points["train/loss", 2] == [0.5] and trial.points["time/epoch_s", 1] == [2.0]
        assert {"weights.safetensors", "spec.toml"} <= trial.files.keys()


def test_nothing_is_wrong_with_the_same(wanted):
    assert tally.tally(wanted, deepcopy(wanted)) == Counts()


def trial(runs):
    return next(run for run in runs if run.job[1].startswith("trial:"))


def lose_a_job(runs):
    runs.remove(trial(runs))


def lose_the_mark(runs):
    trial(runs).complete = False


def lose_a_step(runs):
    del trial(runs).points["train/loss", 2]


def lose_a_file(runs):
    del trial(runs).files["weights.safetensors"]


def lose_the_parent(runs):
    runs.remove(next(run for run in runs if run.job[1].startswith("experiment:")))


def repeat_a_job(runs):
    runs.append(deepcopy(trial(runs)))


def repeat_a_point(runs):
    trial(runs).points["train/loss", 2] *= 2


def leave_a_run(runs):
    left = deepcopy(trial(runs))
    left.status, left.complete = "RUNNING", False
    runs.append(left)


def change_a_value(runs):
    trial(runs).points["train/loss", 2] = [0.5000000000000001]


def change_a_file(runs):
    trial(runs).files["weights.safetensors"] = "another"


def add_a_metric(runs):
    trial(runs).points["train/more", 2] = [1.0]


PLANTED = {
    lose_a_job: Counts(lost=1),
    lose_the_mark: Counts(lost=1),
    lose_a_step: Counts(lost=1),
    lose_a_file: Counts(lost=1),
    lose_the_parent: Counts(lost=1),
    repeat_a_job: Counts(repeated=1),
    repeat_a_point: Counts(repeated=1),
    leave_a_run: Counts(running=1),
    change_a_value: Counts(different=1),
    change_a_file: Counts(different=1),
    add_a_metric: Counts(different=1),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_what_is_planted_is_found(wanted, plant):
    plant(found := deepcopy(wanted))
    assert tally.tally(wanted, found) == PLANTED[plant]


def test_a_lost_try_and_other_times_are_no_faults(wanted):
    found = deepcopy(wanted)
    lost = deepcopy(trial(found))
    lost.status, lost.complete = "KILLED", False
    found.append(lost)
    trial(found).points["time/epoch_s", 1] = [3.0]
    assert tally.tally(wanted, found) == Counts()


def test_a_repeated_point_and_a_run_in_flight_are_seen_in_the_tables(folder, wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path))
    (tmp_path / "mlflow.db").write_bytes((folder / "mlflow.db").read_bytes())
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        again = "run_uuid, key, value, timestamp + 1, step, is_nan FROM metrics WHERE key = 'train/loss' AND step = 2"
        database.execute(f"INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) SELECT {again}")
        database.execute("UPDATE runs SET status = 'RUNNING' WHERE name LIKE 'tf2 · seed 0'")
    assert tally.tally(wanted, read(tmp_path)) == Counts(repeated=2, running=1)


def test_what_a_start_that_was_broken_off_lacks_is_lost(wanted, tmp_path, monkeypatch, new_database):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    with Tracker(new_database(tmp_path), "toy", planned=TWINS[:2]) as tracker:
        tracker.expect(TWINS[:2])
        tracker.record(TWINS[0], STARTED)
    assert tally.tally(wanted, read(tmp_path)) == Counts(lost=3)
