"""What the local executor does beyond the contract: where a free slot goes, when a worker is replaced."""

import json

import pytest
import toys

from experiments.events import Failed, Started
from experiments.hardware import usable_cores
from experiments.running import executor, local_worker
from experiments.running.executor import LocalExecutor


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


def test_a_worker_grown_too_big_is_replaced(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", json.dumps({}))
    monkeypatch.setattr(executor, "RECYCLE_ABOVE", 0)
    reports = LocalExecutor(toys.load, 1, 1).run([toys.trial(seed=seed) for seed in range(2)])
    assert len({event.environment["pid"] for _, _, event in reports if isinstance(event, Started)}) == 2


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
