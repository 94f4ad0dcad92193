"""What the local executor does beyond the contract: where a free slot goes, when a worker is replaced."""

import json
import multiprocessing
import os
import signal
import time

import psutil
import pytest
import toys

from experiments.events import Failed, Finished, Retried, Started
from experiments.hardware import usable_cores
from experiments.running.executors import local_executor, local_worker
from experiments.running.executors.local_executor import LocalExecutor
from experiments.running.executors.waiting import Waiting


@pytest.mark.parametrize(
    ("waiting", "employed", "expected"),
    [
        ({"tf2": 3, "pytorch": 3}, [], "tf2"),
        ({"tf2": 3, "pytorch": 3}, ["tf2"], "pytorch"),
        ({"tf2": 0, "pytorch": 1}, ["pytorch"], "pytorch"),
        ({"tf2": 9, "pytorch": 2}, ["tf2", "pytorch"], "tf2"),
        ({"tf2": 9, "pytorch": 2}, ["tf2"], "pytorch"),
        ({"tf2": 0, "pytorch": 0}, ["tf2"], None),
    ],
)
def test_a_free_slot_goes_to_a_framework_without_one_then_to_where_most_wait(waiting, employed, expected):
    queue = Waiting([toys.trial(name, seed) for name in waiting for seed in range(9)])
    for name, left in waiting.items():
        for _ in range(9 - left):
            queue.take(name)
    assert queue.neediest(employed) == expected


def test_a_worker_grown_too_big_is_replaced(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", json.dumps({}))
    monkeypatch.setattr(local_executor, "RECYCLE_ABOVE", 0)
    reports = LocalExecutor(toys.load, 1, 1).run([toys.trial(seed=seed) for seed in range(2)])
    assert len({event.environment["pid"] for _, _, event in reports if isinstance(event, Started)}) == 2


@pytest.mark.parametrize(("keep", "processes"), [(True, 1), (False, 2)])
def test_an_idle_worker_is_kept_for_the_next_run_where_that_is_wanted(monkeypatch, tmp_path, keep, processes):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", json.dumps({}))
    with LocalExecutor(toys.load, 1, 1, keep=keep) as executor:
        started = [_started(executor.run([toys.trial(seed=seed)])) for seed in range(2)]
    assert len(set(started)) == processes
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_a_kept_worker_makes_room_and_one_that_died_is_no_failure(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", json.dumps({}))
    with LocalExecutor(toys.load, 1, 1, keep=True) as executor:
        first = _started(executor.run([toys.trial("tf2")]))
        second = _started(executor.run([toys.trial("pytorch")]))
        assert not psutil.pid_exists(first)
        os.kill(second, signal.SIGKILL)
        while second in {child.pid for child in multiprocessing.active_children()}:
            time.sleep(0.01)
        events = [event for _, _, event in executor.run([toys.trial("pytorch", 1)])]
    assert not any(isinstance(event, Retried) for event in events) and isinstance(events[-1], Finished)


def test_kept_workers_are_ended_before_one_is_alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", json.dumps({}))
    with LocalExecutor(toys.load, 1, 1, keep=True) as executor:
        kept = _started(executor.run([toys.trial()]))
        alone = executor.alone(1)
        assert not psutil.pid_exists(kept)
        assert len({_started(alone.run([toys.trial()])) for _ in range(2)}) == 2


def _started(reports):
    """The process that a run's only trial ran in."""
    (pid,) = {event.environment["pid"] for _, _, event in reports if isinstance(event, Started)}
    return pid


def test_the_failure_of_a_worker_that_hangs_shows_where(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", json.dumps({"tf2:0": "hang"}))
    monkeypatch.setattr(local_worker, "GRACE_S", 60)  # never waited for: a deadlocked process ends when it is asked to
    *_, (_, _, failure) = LocalExecutor(toys.load, 1, 1, patience=1).run([toys.trial()])
    assert isinstance(failure, Failed)
    assert "in misbehave" in failure.traceback


def test_the_cores_are_shared_out():
    executor = LocalExecutor(toys.load)
    assert executor.workers == usable_cores()
    assert executor.threads == 1


def test_alone_keeps_the_patience():
    alone = LocalExecutor(toys.load, 4, 1, patience=7).alone(2)
    assert (alone.workers, alone.threads, alone.patience) == (1, 2, 7)
