"""Faults amid the writing of a real database, and of what is read back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from safetensors.numpy import save
from tracking_cases import TRIAL, whole

from experiments.errors import UserError
from experiments.tracking import outage
from experiments.tracking.recording import tracker
from experiments.tracking.recording.tracker import Tracker

AWAY = MlflowException("[Errno 111] Connection refused")


def fail(wanted):
    if wanted:
        raise AWAY


@pytest.mark.parametrize("at", range(6, 40, 3))
@pytest.mark.parametrize("done", [False, True])
def test_sqlite_too_holds_each_metric_once(uri, client, monkeypatch, at, done):
    """The store in memory rests on what is seen here: MLflow takes an equal metric, param, tag and input once."""
    calls = [0]
    original = MlflowClient

    class Faulty:
        def __init__(self, uri):
            self._real = original(uri)

        def __getattr__(self, name):
            def call(*arguments, **options):
                calls[0] += 1
                fail(calls[0] == at and not done)
                answer = getattr(self._real, name)(*arguments, **options)
                fail(calls[0] == at and done)
                return answer

            return call

    monkeypatch.setattr(tracker, "MlflowClient", Faulty)
    monkeypatch.setattr(outage, "FIRST_PAUSE_S", 0.0)
    with Tracker(uri, "toy", "What it is.", [TRIAL]) as study:
        study.say = [].append
        study.expect([TRIAL])
        for trial, event in whole(TRIAL):
            study.record(trial, event)
    found = client.search_runs([study.experiment_id], order_by=["attributes.start_time ASC"])
    assert [(run.info.status, run.info.run_name) for run in found] == [
        ("FINISHED", TRIAL.spec.slug),
        ("FINISHED", TRIAL.name),
    ]
    histories = [client.get_metric_history(run.info.run_id, name) for run in found for name in run.data.metrics]
    assert sorted((each.key, each.step, each.value) for history in histories for each in history) == [
        ("model/parameters", 0, 7.0),
        ("test/accuracy", 1, 0.75),
        ("test/accuracy", 2, 0.75),
        ("tf2/test/accuracy", 0, 0.75),
        ("time/build_s", 0, 0.5),
        ("time/epoch_s", 1, 2.0),
        ("time/epoch_s", 2, 2.0),
        ("time/first_step_s", 0, 0.25),
        ("train/loss", 1, 1.0),
        ("train/loss", 2, 0.5),
    ]
    assert len(found[1].inputs.dataset_inputs) == 1


@pytest.fixture
def trained(uri):
    """A study with a complete trial, and the trial's run."""
    with Tracker(uri, "toy", planned=[TRIAL]) as study:
        study.say = [].append
        study.expect([TRIAL])
        (started, *epochs, (trial, end)) = whole(TRIAL)
        files = {"weights.safetensors": save({"w": np.ones(2)})}
        for each, event in (started, *epochs, (trial, replace(end, files=files))):
            study.record(each, event)
        yield study, *study.finished().values()


def test_weights_that_are_lost_end_the_study(trained):
    study, run = trained
    next(Path("mlruns").rglob("weights.safetensors")).unlink()
    with pytest.raises(UserError, match="failures occurred while downloading"):
        study.weights(run)


def test_weights_are_waited_for(trained, monkeypatch):
    study, run = trained
    answers = iter([AWAY])

    def away(*arguments, **options):
        for error in answers:
            raise error
        return download_artifacts(*arguments, **options)

    monkeypatch.setattr(tracker, "download_artifacts", away)
    monkeypatch.setattr(outage, "FIRST_PAUSE_S", 0.01)
    assert list(study.weights(run)) == ["w"]
