"""A trial's events: their order, their metrics by contract, and what its faults become."""

import json

import numpy as np
import pytest
import toys
from safetensors.numpy import load

from experiments import tasks
from experiments.events import EpochEnded, Failed, Finished, Started
from experiments.tasks.task import Conclusion
from experiments.training import trial
from experiments.training.trial import Trial


@pytest.fixture(autouse=True)
def toy_task(monkeypatch):
    monkeypatch.setattr(tasks, "module_of", lambda spec: toys.ToyRoom)
    tasks.load.cache_clear()
    yield
    tasks.load.cache_clear()


def run(monkeypatch, deed: str = "", **fields) -> list:
    monkeypatch.setenv("TOY_DEEDS", json.dumps({"tf2:0": deed}))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return list(trial.run(Trial(toys.spec(**fields), "tf2", "v", 0, toys.DATA), toys.load("tf2")))


def test_events_come_in_order_with_the_contracts_metrics(monkeypatch):
    started, first, second, finished = run(monkeypatch)
    assert isinstance(started, Started) and set(started.metrics) == {"time/build_s", "model/parameters"}
    assert started.environment["device"] == "cpu" and "threads" in started.environment
    epoch = {"train/loss", "train/accuracy", "test/loss", "test/accuracy", "time/epoch_s"}
    assert [(event.epoch, set(event.metrics)) for event in (first, second)] == [(1, epoch), (2, epoch)]
    assert isinstance(finished, Finished) and set(finished.metrics) == {"time/first_step_s", "time/step_s"}
    assert set(finished.files) == {"spec.toml", "weights.safetensors", "shapes.json", "forecast.json"}
    np.testing.assert_array_equal(load(finished.files["weights.safetensors"])["head/0/kernel"], np.ones((2, 1)))


def test_the_epochs_loss_is_the_mean_over_its_samples(monkeypatch):
    _, first, second, _ = run(monkeypatch)  # the toy's loss halves with each of its two steps an epoch
    assert (first.metrics["train/loss"], second.metrics["train/loss"]) == (0.375, 0.09375)


def test_what_takes_long_is_measured_after_the_last_epoch_alone(monkeypatch):
    concluded = Conclusion({"test/rollout_mse": 0.5})
    monkeypatch.setattr(toys.ToyTask, "conclude", lambda self, model: concluded)
    _, first, second, _ = run(monkeypatch)
    assert "test/rollout_mse" not in first.metrics and second.metrics["test/rollout_mse"] == 0.5


@pytest.mark.parametrize(
    "deed, reason, traceback",
    [
        ("nan", "the loss is nan at epoch 1, step 1", False),
        ("raise", "ValueError: no good", True),
    ],
)
def test_a_fault_ends_the_trial_as_failed_with_its_reason(monkeypatch, deed, reason, traceback):
    *_, failed = run(monkeypatch, deed)
    assert isinstance(failed, Failed) and failed.reason == reason
    assert ("Traceback" in failed.traceback) is traceback


def test_a_batch_larger_than_the_data_is_said(monkeypatch):
    *_, failed = run(monkeypatch, training={"epochs": 1, "batch_size": 9, "pipeline": "tf.data"}, conventions="keras")
    assert isinstance(failed, Failed) and "allowed: a batch_size of at most 8" in failed.reason


def test_no_event_follows_a_failure(monkeypatch):
    events = run(monkeypatch, "nan")
    assert [type(event) for event in events if not isinstance(event, EpochEnded)] == [Started, Failed]
