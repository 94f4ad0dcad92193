"""What counts as done, and databases that cannot be used."""

import resource
import sqlite3
import time
from contextlib import closing

import pytest
from tracking_cases import FINISHED, STARTED, TRIAL, TWINS, whole

from experiments.errors import UserError
from experiments.tracking import database, store
from experiments.tracking.recording.tracker import Tracker


def test_only_complete_runs_are_finished_and_the_newest_counts(record, runs, uri):
    record(*whole(TWINS[0]))
    record(*whole(TWINS[0]), *whole(TWINS[1]), (TWINS[2], STARTED))
    newest = {run.data.tags["fingerprint"]: run.info.run_id for run in runs()}
    newest.pop(TWINS[2].fingerprint)
    assert database.finished(uri, "toy", "training") == newest
    assert database.finished(uri, "another", "training") == {}


def test_a_server_is_asked_for_the_same(record, uri, monkeypatch):
    record(*whole(TWINS[0]))
    record(*whole(TWINS[0]), *whole(TWINS[1]))
    straight = database.finished(uri, "toy", "training")
    monkeypatch.setattr(database, "sqlite_path", lambda uri: None)
    assert database.finished(uri, "toy", "training") == straight


@pytest.mark.parametrize("loss", ["the tag", "the run"])
def test_a_run_without_its_tag_or_deleted_is_not_finished(record, runs, client, uri, loss):
    record(*whole(TRIAL))
    run = runs()[0].info.run_id
    client.delete_tag(run, "complete") if loss == "the tag" else client.delete_run(run)
    assert database.finished(uri, "toy", "training") == {}


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ({}, "RUNNING"),  # this process, alive
        ({"pid": "999999999"}, "KILLED"),
        ({"pid_started": "1.0"}, "KILLED"),  # another process under the old number
        ({"pid": "999999999", "host": "elsewhere"}, "RUNNING"),
    ],
)
def test_reaping(uri, runs, client, tags, status):
    with Tracker(uri, "toy") as tracker:
        run = tracker.begin(TRIAL)
        for key, value in tags.items():
            client.set_tag(run, key, value)
        tracker.reap()
        assert runs()[0].info.status == status


@pytest.fixture
def held(uri):
    """The database with another's lock on it."""
    with closing(sqlite3.connect("mlflow.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield uri


def test_a_locked_database_is_one_line(held, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_S", 0.1)
    with pytest.raises(UserError, match=r"mlflow\.db: database is locked$"):
        Tracker(held, "toy")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("sqlite:////proc/mlflow.db", "/proc/mlflow.db"),
        ("sqlite:///no/such/mlflow.db", "no such folder"),
        ("sqlite:///.", "not a file"),
        ("sqlite:///text.db", "file is not a database"),
        ("sqlite:///foreign.db", "none of MLflow's"),
        ("sqlite:///:memory:", "allowed: sqlite:///FILE"),
        ("mlflow.db", "allowed: sqlite:///FILE"),
        ("http://me:secret@127.0.0.1:9", "--tracking-uri http://127.0.0.1:9: no answer"),
        ("postgresql+psycopg2://me:secret@127.0.0.1:9/mlflow", "9/mlflow: no answer: "),
        ("ftp://me:secret@host", "--tracking-uri ftp://host: allowed: "),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(tmp_path, monkeypatch, uri, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at" * 30)
    with closing(sqlite3.connect("foreign.db")) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(UserError) as found:
        Tracker(uri, "toy")
    assert message in str(found.value)
    assert "\n" not in str(found.value) and "secret" not in str(found.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign.db", "text.db"]


def test_a_database_of_another_release_is_named(uri):
    with closing(sqlite3.connect("mlflow.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
        connection.commit()
    with pytest.raises(UserError, match="out-of-date database schema"):
        Tracker(uri, "toy")


@pytest.fixture
def full_disk():
    """No file may grow: what a write then meets is what a full disk gives it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_in_mid_study_is_one_line_and_nothing_is_done(uri, full_disk):
    with Tracker(uri, "toy") as tracker, pytest.raises(UserError) as found:
        tracker.record(TRIAL, STARTED)
        full_disk()
        tracker.record(TRIAL, FINISHED)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert "\n" not in str(found.value)
    assert database.finished(uri, "toy", "training") == {}


def test_a_database_is_whole_or_not_there(tmp_path, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "SqlAlchemyStore", die)
    with pytest.raises(KeyboardInterrupt):
        store.create(tmp_path / "mlflow.db")
    assert not list(tmp_path.iterdir())


def test_a_clock_that_was_set_back_between_two_starts_hides_nothing(uri, runs, monkeypatch):
    first, second, right = TWINS[0], TWINS[1], time.time
    for trial, accuracy, wrong in ((first, 0.25, 86_400), (second, 0.75, 0)):
        monkeypatch.setattr(time, "time", lambda wrong=wrong: right() + wrong)
        with Tracker(uri, "toy", "", [first, second]) as tracker:
            tracker.reap()
            tracker.expect([trial])
            for each, event in whole(trial, accuracy):
                tracker.record(each, event)
    (parent,) = runs("experiment")
    assert parent.data.metrics["tf2/test/accuracy"] == 0.5
    assert [run.info.status for run in runs()] == ["FINISHED", "FINISHED"]
