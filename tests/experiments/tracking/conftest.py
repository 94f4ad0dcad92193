"""Fixtures of the tests of tracking."""

import pytest
from mlflow import MlflowClient

from experiments.tracking.recording import journal
from experiments.tracking.recording.tracker import Tracker


@pytest.fixture(autouse=True)
def journals(tmp_path_factory, monkeypatch):
    """The folder of journals, where no other test's are."""
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path_factory.mktemp("cache")))
    return journal.folder()


@pytest.fixture
def uri(tmp_path, monkeypatch, new_database):
    monkeypatch.chdir(tmp_path)
    return new_database(tmp_path)


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
