"""Trials run in worker processes, and real deaths of those: one framework a process, one second try."""

import json
from collections import defaultdict
from contextlib import closing

import psutil
import pytest
import toys

from experiments.events import EpochEnded, Failed, Finished, Progressed, Retried, Started
from experiments.hardware import usable_cores
from experiments.running import executor
from experiments.running.executor import LocalExecutor


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run trials under ``deeds`` and give back all events but the signs of life."""
    monkeypatch.chdir(tmp_path)

    def run(trials, workers=1, deeds=None):
        monkeypatch.setenv("TOY_DEEDS", json.dumps(deeds or {}))
        with LocalExecutor(toys.load, workers, 1) as executor:
            return [(trial, event) for _, trial, event in executor.run(trials) if not isinstance(event, Progressed)]

    return run


def kinds(found, trial):
    return [type(event) for other, event in found if other == trial]


def pids(found):
    """The processes that each framework's trials ran in."""
    by_framework = defaultdict(set)
    for trial, event in found:
        if isinstance(event, Started):
            by_framework[trial.framework].add(event.environment["pid"])
    return by_framework


DONE = [Started, EpochEnded, EpochEnded, Finished]


def test_a_trial_yields_its_events_in_order(run):
    found = run([toys.trial()])
    assert [type(event) for _, event in found] == DONE
    assert found[0][1].environment["threads"] == "1"


def test_one_framework_a_process(run):
    trials = [toys.trial(name, seed) for seed in range(2) for name in ("tf2", "pytorch")]
    found = pids(run(trials, workers=2))
    assert not found["tf2"] & found["pytorch"]


def test_one_worker_finishes_a_framework_before_the_next_and_imports_each_once(run):
    trials = [toys.trial(name, seed) for seed in range(2) for name in ("tf2", "pytorch")]
    found = run(trials)
    ended = [(trial.framework, trial.seed) for trial, event in found if isinstance(event, Finished)]
    assert ended == [("tf2", 0), ("tf2", 1), ("pytorch", 0), ("pytorch", 1)]
    assert [len(processes) for processes in pids(found).values()] == [1, 1]


@pytest.mark.parametrize(
    ("waiting", "employed", "expected"),
    [
        ({"tf2": 3, "pytorch": 3}, [], "tf2"),
        ({"tf2": 3, "pytorch": 3}, ["tf2"], "pytorch"),
        ({"tf2": 0, "pytorch": 1}, ["pytorch"], "pytorch"),
        ({"tf2": 9, "pytorch": 2}, ["tf2"], "tf2"),
        ({"tf2": 0, "pytorch": 0}, ["tf2"], None),
    ],
)
def test_a_free_slot_goes_where_most_wait_for_each_worker(waiting, employed, expected):
    queue = executor._Waiting([toys.trial(name, seed) for name in waiting for seed in range(9)])
    for name, left in waiting.items():
        for _ in range(9 - left):
            queue.take(name)
    assert queue.neediest(employed) == expected


def test_a_killed_worker_is_replaced_and_its_trial_tried_again(run):
    trials = [toys.trial(seed=seed) for seed in range(2)]
    found = run(trials, deeds={"tf2:0": "kill-once"})
    assert kinds(found, trials[0]) == [Started, Retried, *DONE]
    assert kinds(found, trials[1]) == DONE
    assert next(event for _, event in found if isinstance(event, Retried)).reason == "the worker died (signal 9)"


def test_a_trial_that_kills_twice_fails_and_the_others_go_on(run):
    trials = [toys.trial(seed=seed) for seed in range(2)]
    found = run(trials, deeds={"tf2:0": "kill"})
    assert kinds(found, trials[0]) == [Started, Retried, Started, Failed]
    assert kinds(found, trials[1]) == DONE
    failure = next(event for _, event in found if isinstance(event, Failed))
    assert failure.reason == "the worker died twice (signal 9)"
    assert "last words" in failure.traceback


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("import", "tf2 cannot be loaded: ImportError: no such wheel"),
        ("exit", "the worker died twice (exit code 3)"),
    ],
)
def test_a_framework_that_cannot_be_loaded_fails_its_trials_only(run, deed, reason):
    trials = [toys.trial("tf2", 0), toys.trial("tf2", 1), toys.trial("pytorch", 0)]
    found = run(trials, workers=2, deeds={"tf2": deed})
    assert [event.reason for _, event in found if isinstance(event, Failed)] == [reason, reason]
    assert kinds(found, trials[2]) == DONE


@pytest.mark.parametrize(
    ("deed", "reason"), [("nan", "the loss is nan at epoch 1, step 1"), ("raise", "ValueError: no good")]
)
def test_a_trial_that_fails_leaves_its_worker_fit(run, deed, reason):
    trials = [toys.trial(seed=seed) for seed in range(2)]
    found = run(trials, deeds={"tf2:0": deed})
    assert [event.reason for _, event in found if isinstance(event, Failed)] == [reason]
    assert kinds(found, trials[1]) == DONE
    assert len(pids(found)["tf2"]) == 1


def test_a_framework_s_type_does_not_reach_the_parent(run):
    trials = [toys.trial("tf2"), toys.trial("pytorch")]
    found = run(trials, deeds={"tf2": "version"})
    reason = "tf2: an event holds a toys.ToyVersion; only plain data and NumPy arrays may cross"
    assert [event.reason for _, event in found if isinstance(event, Failed)] == [reason]
    assert kinds(found, trials[1]) == DONE


def test_a_worker_grown_too_big_is_replaced(run, monkeypatch):
    monkeypatch.setattr(executor, "RECYCLE_ABOVE", 0)
    assert len(pids(run([toys.trial(seed=seed) for seed in range(2)]))["tf2"]) == 2


def test_closing_ends_the_workers(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", '{"tf2:0": "sleep"}')
    with closing(LocalExecutor(toys.load, 1, 1).run([toys.trial()])) as events:
        started = next(event for _, _, event in events if isinstance(event, Started))
    assert not psutil.pid_exists(started.environment["pid"])


def test_the_cores_are_shared_out():
    executor = LocalExecutor(toys.load)
    assert executor.workers == usable_cores()
    assert executor.threads == 1
