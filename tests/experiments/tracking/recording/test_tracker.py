"""What the tracker writes of trials and their parents."""

import json
import socket
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import psutil
import pytest
import toys
from mlflow import MlflowClient
from tracking_cases import STARTED, TRIAL, TWINS, epoch, whole

from experiments.errors import NotWritten
from experiments.events import Failed, Retried
from experiments.tracking.recording import tracker as module
from experiments.tracking.recording.tracker import Tracker


@pytest.fixture(scope="module")
def kept(tmp_path_factory, new_database):
    """One trial gone well: the folder, a client, the trial's run and its parent run."""
    folder = tmp_path_factory.mktemp("kept")
    uri = new_database(folder)
    with Tracker(uri, "toy", "What it is.", [TRIAL]) as tracker:
        tracker.expect([TRIAL])
        for trial, event in whole(TRIAL):
            tracker.record(trial, event)
    client = MlflowClient(uri)
    parent, run = client.search_runs([tracker.experiment_id], order_by=["attributes.start_time ASC"])
    yield SimpleNamespace(folder=folder, client=client, parent=parent, run=run)
    client._tracking_client.store._dispose_engine()


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
    assert names == ["model", "spec.toml", "weights.safetensors"]
    folder = kept.folder / "mlruns/toy/training" / kept.run.info.run_id / "artifacts"
    assert (folder / "weights.safetensors").read_bytes() == b"w"
    assert (folder / "model/data/model.keras").read_bytes() == b"k"


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

    monkeypatch.setattr(module, "END_PATIENCE_S", 0.0)
    said = r"mlflow\.db: disk full; 1 event waits on disk in .*; the same command writes them"
    with pytest.raises(NotWritten, match=said), Tracker(uri, "toy") as tracker:
        monkeypatch.setattr(tracker._client, "set_terminated", fail)
        for trial, event in whole(TRIAL):
            tracker.record(trial, event)
    assert "complete" not in runs()[0].data.tags


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
