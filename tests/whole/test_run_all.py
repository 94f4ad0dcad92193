"""Studies of toys run by the front door: to the end, interrupted, killed."""

import os
import signal
import time
from collections import Counter

import psutil
import pytest
import toys
from run_all_cases import GUARD_S

from experiments.running.pages import MARKS
from experiments.running.processes import STOPPING
from experiments.training import checkpoints


def gone(pid):
    """Whether a process ends, soon."""
    until = time.monotonic() + GUARD_S
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


def test_a_study_runs_and_is_reported(first):
    assert (first.result.returncode, first.result.stderr) == (0, "")
    assert len(first.runs()) == 6
    assert {(status, complete) for _, _, status, complete in first.runs()} == {("FINISHED", "1")}
    assert (first.folder / "reports/index.html").read_text() == "toy"
    assert "/#/experiments/1/runs?workflowType=machine_learning" in first.result.stdout
    assert "accuracy 0.75 ± 0" in first.result.stdout


def test_what_is_done_is_not_run_again(done):
    found = done.call("toy.toml", deeds={"tf2": "import", "pytorch": "import"})
    assert (found.returncode, found.stderr) == (0, "")
    assert "nothing to run: all 6 trials are done" in found.stdout
    assert len(done.runs()) == 6


def test_fresh_runs_what_is_done_again_and_from_the_start(done, monkeypatch, tmp_path):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    ours, other = (toys.trial(seed=seed).fingerprint for seed in (0, 1))
    for fingerprint in (ours, other):
        checkpoints.save(fingerprint, {}, checkpoints.Progress())
    found = done.call("toy.toml", "--fresh", "--only", "seed=0", deeds={"reports": "raise", "tf2:0": "wait_for_pages"})
    assert (found.returncode, found.stderr) == (0, "")
    assert len(done.runs()) == 6 + 3
    assert not checkpoints.path(ours).exists() and checkpoints.path(other).exists()
    # In the same run: pages that cannot be written before the end are said once, and stand at the end.
    assert found.stdout.count("the pages could not be written: ValueError: no page") == 1
    assert (done.folder / "reports/index.html").read_text() == "toy"


def test_failures_are_shown_and_the_others_go_on(house):
    found = house.study(deeds={"tf2:0": "nan", "tf2:1": "raise", "pytorch:0": "kill", "pytorch:1": "kill-once"})
    assert found.returncode == 1
    assert {line for line in found.stdout.splitlines() if line.startswith("failed")} == {
        "failed: sine-lstm-layer-2-stock  tf2 · seed 0: the loss is nan at epoch 1, step 1",
        "failed: sine-lstm-layer-2-stock  tf2 · seed 1: ValueError: no good",
        "failed: sine-lstm-layer-2-stock  pytorch · seed 0: the worker died twice (signal 9)",
        "failed: sine-lstm-unrolled-2-stock  tf2 · seed 0: the loss is nan at epoch 1, step 1",
        "failed: sine-lstm-unrolled-2-stock  tf2 · seed 1: ValueError: no good",
    }
    assert "pytorch · seed 1  the worker died (signal 9); tried once more" in found.stdout
    assert Counter(status for *_, status, _ in house.runs()) == {"FAILED": 5, "KILLED": 2, "FINISHED": 1}


def until_recorded(house, statuses: list[str]) -> None:
    """Wait until the parent has written down what its workers told it."""
    deadline = time.monotonic() + GUARD_S
    while [status for *_, status, _ in house.runs()] != statuses:
        assert time.monotonic() < deadline, house.runs()
        time.sleep(0.1)


def until_said(house, text: str, without: str = "\0") -> None:
    """Wait until the front page holds one text, and not the other."""
    page, deadline = house.folder / "reports/index.html", time.monotonic() + GUARD_S
    while not page.exists() or text not in (found := page.read_text()) or without in found:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_killed_parent_loses_only_what_was_in_flight(house):
    process = house.start("toy.toml", "--workers", "1", deeds={"tf2:1": "sleep"})
    worker = house.asleep()
    until_recorded(house, [*["FINISHED"] * 2, "RUNNING"])
    until_said(house, MARKS[0])
    process.kill()
    process.communicate()
    assert gone(worker)
    until_said(house, "", without=MARKS[0])
    assert [status for *_, status, _ in house.runs()] == [*["FINISHED"] * 2, "RUNNING"]
    assert house.study().returncode == 0
    assert [status for *_, status, _ in house.runs()] == [*["FINISHED"] * 2, "KILLED", *["FINISHED"] * 4]
    assert not house.ask("SELECT * FROM runs WHERE status = 'RUNNING'")


def test_three_signals_interrupt():
    assert set(STOPPING) == {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_clean(house, number):
    process = house.start("toy.toml", "--workers", "1", deeds={"tf2:1": "sleep"})
    worker = house.asleep()
    until_recorded(house, [*["FINISHED"] * 2, "RUNNING"])
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, err = process.communicate(timeout=GUARD_S)
    page = house.folder / "reports/index.html"
    assert not page.exists() or MARKS[0] not in page.read_text()
    assert process.returncode == 130
    assert err == "interrupted; the same command continues where this one stopped\n"
    assert gone(worker)
    assert [status for *_, status, _ in house.runs()] == [*["FINISHED"] * 2, "KILLED"]
    assert not house.ask("SELECT * FROM runs WHERE status = 'RUNNING'")
