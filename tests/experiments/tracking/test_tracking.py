"""The contract with MLflow: names, tags, params, metrics, artifacts, states, and what counts as done."""

import base64
import json
import resource
import shutil
import socket
import sqlite3
import zlib
from contextlib import closing
from types import SimpleNamespace

import psutil
import pytest
import toys
from mlflow import MlflowClient

from experiments.errors import UserError
from experiments.events import EpochEnded, Failed, Finished, Retried, Started
from experiments.protocol import NativeShapes
from experiments.tracking import database, mlflow_view, store
from experiments.tracking.tracker import Tracker

STARTED = Started(
    {"versions": {"toy": "1.0"}}, {"time/build_s": 0.5, "model/parameters": 7}, NativeShapes((), (), 7, 7)
)
FINISHED = Finished({"time/first_step_s": 0.25}, {"weights.safetensors": b"w", "spec.toml": b"s"})


def epoch(number, accuracy=0.75):
    return EpochEnded(number, {"train/loss": 1 / number, "test/accuracy": accuracy, "time/epoch_s": 2.0})


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An empty database; making one takes seconds, copying it none."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    store.create(path)
    return path


@pytest.fixture
def uri(tmp_path, monkeypatch, template):
    monkeypatch.chdir(tmp_path)
    shutil.copy(template, "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def client(uri):
    client = MlflowClient(uri)
    yield client
    client._tracking_client.store._dispose_engine()


@pytest.fixture
def record(uri):
    """Record events of trials in one start of a study, and close it."""

    def record(*events, planned=None, study="toy"):
        trials = list(dict.fromkeys(trial for trial, _ in events))
        with Tracker(uri, study, "What it is.", planned or trials) as tracker:
            tracker.expect(trials)
            for trial, event in events:
                tracker.record(trial, event)

    return record


@pytest.fixture
def runs(client):
    """The runs of the study, oldest first."""

    def runs(kind="trial", study="toy"):
        experiment = client.get_experiment_by_name(f"{study}/training").experiment_id
        return client.search_runs([experiment], f"tags.kind = '{kind}'", order_by=["attributes.start_time ASC"])

    return runs


def whole(trial, accuracy=0.75):
    return [(trial, STARTED), (trial, epoch(1)), (trial, epoch(2, accuracy)), (trial, FINISHED)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory, template):
    """One trial gone well: the folder, a client, the trial's run and its parent run."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.copy(template, folder / "mlflow.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    with Tracker(uri, "toy", "What it is.", [TRIAL]) as tracker:
        tracker.expect([TRIAL])
        for trial, event in whole(TRIAL):
            tracker.record(trial, event)
    client = MlflowClient(uri)
    parent, run = client.search_runs([tracker.experiment_id], order_by=["attributes.start_time ASC"])
    yield SimpleNamespace(folder=folder, client=client, parent=parent, run=run)
    client._tracking_client.store._dispose_engine()


TRIAL = toys.trial(seed=3)
PROCESS = psutil.Process()


@pytest.mark.parametrize(
    ("tag", "value"),
    {
        "kind": "trial",
        "framework": "tf2",
        "fingerprint": TRIAL.fingerprint,
        "spec_fingerprint": TRIAL.spec.fingerprint,
        "slug": "sine-lstm-layer-2-stock",
        "study": "toy",
        "host": socket.gethostname(),
        "pid": str(PROCESS.pid),
        "pid_started": f"{PROCESS.create_time():.2f}",
        "mlflow.runColor": "#d9730d",
        "mlflow.runName": "tf2 · seed 3",
        "mlflow.source.type": "LOCAL",
        "environment": '{"versions": {"toy": "1.0"}}',
        "data": "toy",
        "data_digest": toys.DATA.digest,
        "complete": "1",
    }.items(),
    ids=lambda part: part if part.isidentifier() else "",  # every worker must name the tests alike, whatever its pid
)
def test_tags(kept, tag, value):
    assert kept.run.data.tags[tag] == value


def test_a_run_stands_under_its_experiment_s(kept):
    assert kept.run.data.tags["mlflow.parentRunId"] == kept.parent.info.run_id
    assert {"mlflow.user", "mlflow.source.name"} <= set(kept.run.data.tags)


def test_params_are_the_spec_s_fields_with_framework_and_seed(kept):
    expected = TRIAL.spec.params | {"framework": "tf2", "seed": 3}
    assert kept.run.data.params == {key: str(value) for key, value in expected.items()}


@pytest.mark.parametrize(
    ("name", "history"),
    {
        "train/loss": [(1, 1.0), (2, 0.5)],
        "test/accuracy": [(1, 0.75), (2, 0.75)],
        "time/epoch_s": [(1, 2.0), (2, 2.0)],
        "time/build_s": [(0, 0.5)],
        "time/first_step_s": [(0, 0.25)],
        "model/parameters": [(0, 7.0)],
    }.items(),
)
def test_metrics(kept, name, history):
    found = kept.client.get_metric_history(kept.run.info.run_id, name)
    assert [(point.step, point.value) for point in found] == history


def test_artifacts_lie_in_mlruns(kept):
    names = [file.path for file in kept.client.list_artifacts(kept.run.info.run_id)]
    assert names == ["spec.toml", "weights.safetensors"]
    folder = kept.folder / "mlruns/toy/training" / kept.run.info.run_id / "artifacts"
    assert (folder / "weights.safetensors").read_bytes() == b"w"


def test_the_dataset_is_an_input(kept):
    (found,) = kept.run.inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("toy", toys.DATA.digest[:36])
    assert json.loads(found.dataset.source)["description"] == "Random numbers."
    assert json.loads(found.dataset.profile) == {"sha256": toys.DATA.digest}


def test_default_stays_empty_and_the_database_writes_ahead(kept):
    assert not kept.client.search_runs(["0"])
    with closing(sqlite3.connect(kept.folder / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_closing_leaves_the_database_alone_in_its_folder(record, tmp_path):
    record(*whole(TRIAL))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlruns"]


def test_a_failure_is_kept_with_its_traceback(record, runs, client, tmp_path):
    record((TRIAL, STARTED), (TRIAL, Failed("the loss is nan at epoch 1, step 2", "Traceback …")))
    (run,) = runs()
    assert run.info.status == "FAILED"
    assert run.data.tags["failure"] == "the loss is nan at epoch 1, step 2"
    assert "complete" not in run.data.tags
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["traceback.txt"]
    assert runs("experiment")[0].info.status == "FAILED"


def test_a_second_try_is_a_second_run(record, runs):
    record((TRIAL, STARTED), (TRIAL, Retried("the worker died (signal 9)")), *whole(TRIAL))
    assert [run.info.status for run in runs()] == ["KILLED", "FINISHED"]
    assert runs()[0].data.tags["failure"] == "the worker died (signal 9)"


def test_what_is_in_flight_at_the_end_is_killed(record, runs):
    record((TRIAL, STARTED), (TRIAL, epoch(1)))
    assert [run.info.status for run in runs() + runs("experiment")] == ["KILLED", "KILLED"]
    assert runs()[0].data.tags["failure"] == "interrupted"


def test_complete_is_written_last(uri, runs, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    with pytest.raises(UserError, match=r"mlflow\.db: disk full$"), Tracker(uri, "toy") as tracker:
        monkeypatch.setattr(tracker._client, "set_terminated", fail)
        for trial, event in whole(TRIAL):
            tracker.record(trial, event)
    assert "complete" not in runs()[0].data.tags


# --- parent runs

TWINS = [toys.trial(name, seed) for name in ("tf2", "pytorch") for seed in range(2)]


def test_a_parent_run_sums_its_experiment_up(record, runs):
    accuracies = dict(zip(TWINS, (0.5, 1.0, 0.25, 0.25), strict=True))
    record(*(pair for trial in TWINS for pair in whole(trial, accuracies[trial])))
    (parent,) = runs("experiment")
    assert parent.info.run_name == "sine-lstm-layer-2-stock"
    assert parent.data.metrics == {"tf2/test/accuracy": 0.75, "pytorch/test/accuracy": 0.25}
    assert parent.data.tags["mlflow.note.content"].startswith("**sine**: lstm as `layer`")
    assert parent.info.status == "FINISHED"


def test_a_parent_run_is_running_until_its_last_trial_ends(uri, runs):
    with Tracker(uri, "toy", planned=TWINS) as tracker:
        tracker.expect(TWINS[:2])
        for trial, event in whole(TWINS[0]):
            tracker.record(trial, event)
        assert runs("experiment")[0].info.status == "RUNNING"
        for trial, event in whole(TWINS[1]):
            tracker.record(trial, event)
        assert runs("experiment")[0].info.status == "FINISHED"


def test_a_parent_run_is_taken_up_again_and_keeps_the_seeds_done_before(record, runs):
    record(*whole(TWINS[0], 0.5), (TWINS[1], STARTED), planned=TWINS)
    record(*whole(TWINS[1], 1.0), planned=TWINS)
    (parent,) = runs("experiment")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["tf2/test/accuracy"] == 0.75


def test_specs_that_share_a_slug_have_names_of_their_own(record, runs):
    trials = [toys.trial(training={"epochs": number}) for number in (1, 2)]
    record(*(pair for trial in trials for pair in whole(trial)))
    expected = {f"{trial.spec.slug}-{trial.spec.fingerprint[:6]}" for trial in trials}
    assert {run.info.run_name for run in runs("experiment")} == expected


# --- resuming


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


# --- a database that will not do


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
        ("http://127.0.0.1:9", "no answer"),
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
    assert "\n" not in str(found.value)
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


# --- the view in MLflow's pages


def test_the_view_shows_columns_and_the_link_opens_it(uri, client):
    with Tracker(uri, "toy", "What it is.") as tracker:
        tags = client.get_experiment(tracker.experiment_id).tags
        key = tracker.way_to_look.rpartition("=")[2]
    packed = json.loads(tags[f"mlflow.sharedViewState.{key}"])["state"]
    state = json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))
    assert {"metrics.`test/accuracy`", "params.`framework`", "params.`cell`"} <= set(state["selectedColumns"])
    assert tags["mlflow.note.content"] == "What it is."


LINK = "/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=results"


@pytest.mark.parametrize(
    ("uri", "way"),
    [
        ("sqlite:///mlflow.db", f"mlflow ui, then http://127.0.0.1:5000{LINK}"),
        ("sqlite:////a/b.db", f"mlflow ui --backend-store-uri sqlite:////a/b.db, then http://127.0.0.1:5000{LINK}"),
        ("http://host:1234/", f"http://host:1234{LINK}"),
    ],
)
def test_the_way_to_look(uri, way):
    assert mlflow_view.way_to_look(uri, "7") == way
