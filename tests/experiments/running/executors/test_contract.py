"""The contract of ``study.phase.Executor``, for every executor, with real deaths and hangs of worker processes."""

import json
import re
import socket
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import replace

import psutil
import pytest
import toys
from executors import EXECUTORS

from experiments.events import EpochEnded, Failed, Finished, Progressed, Retried, Started
from experiments.running.executors import silence

PATIENCE_S = 1.0
SILENT = re.compile(r"the worker was silent for \d+ s")
DONE = [Started, EpochEnded, EpochEnded, Finished]
TRIALS = [toys.trial(seed=seed) for seed in range(2)]
TWINS = [toys.trial(name, seed) for seed in range(2) for name in ("tf2", "pytorch")]


@pytest.fixture(params=EXECUTORS.values())
def make(request, monkeypatch, tmp_path):
    """Make an executor whose workers do the ``deeds``, in a folder of their own."""
    monkeypatch.chdir(tmp_path)

    def make(workers=1, deeds=None, patience=silence.PATIENCE_S):
        monkeypatch.setenv("TOY_DEEDS", json.dumps(deeds or {}))
        return request.param(workers, 1, patience)

    return make


@pytest.fixture
def run(make):
    """Run trials and give back all events but the signs of life."""

    def run(trials, **how):
        with make(**how) as executor:
            return events(executor, trials)

    return run


def events(executor, trials):
    return [(trial, event) for _, trial, event in executor.run(trials) if not isinstance(event, Progressed)]


def kinds(found, trial):
    return [type(event) for other, event in found if other == trial]


def reasons(found, kind):
    return [event.reason for _, event in found if isinstance(event, kind)]


def pids(found):
    """The processes that each framework's trials ran in."""
    by_framework = defaultdict(set)
    for trial, event in found:
        if isinstance(event, Started):
            by_framework[trial.framework].add(event.environment["pid"])
    return by_framework


# --- order and processes


def test_a_trial_yields_its_events_in_order(run):
    reports = run([toys.trial()])
    assert [type(event) for _, event in reports] == DONE
    assert reports[0][1].environment["threads"] == "1"
    assert reports[0][1].environment["host"] == socket.gethostname()


def test_one_framework_a_process(run):
    processes = pids(run(TWINS, workers=2))
    assert not processes["tf2"] & processes["pytorch"]


def test_one_worker_takes_each_framework_s_trials_in_order_and_imports_each_once(run):
    reports = run(TWINS)
    ended = defaultdict(list)
    for trial, event in reports:
        if isinstance(event, Finished):
            ended[trial.framework].append(trial.seed)
    assert ended == {"tf2": [0, 1], "pytorch": [0, 1]}
    assert [len(processes) for processes in pids(reports).values()] == [1, 1]


# --- failures


def test_a_trial_that_fails_leaves_its_worker_fit(run):
    trials = [*TRIALS, toys.trial(seed=2)]
    reports = run(trials, deeds={"tf2:0": "nan", "tf2:1": "raise"})
    assert reasons(reports, Failed) == ["the loss is nan at epoch 1, step 1", "ValueError: no good"]
    assert kinds(reports, trials[2]) == DONE
    assert len(pids(reports)["tf2"]) == 1


def test_a_framework_s_type_does_not_reach_the_parent(run):
    trials = [toys.trial("tf2"), toys.trial("pytorch")]
    reports = run(trials, deeds={"tf2": "version"})
    assert reasons(reports, Failed) == [
        "tf2: an event holds a toys.ToyVersion; only plain data and NumPy arrays may cross"
    ]
    assert kinds(reports, trials[1]) == DONE


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("import", "tf2 cannot be loaded: ImportError: no such wheel"),
        ("exit", "the worker died twice (exit code 3)"),
    ],
)
def test_a_framework_that_cannot_be_loaded_fails_its_trials_only(run, deed, reason):
    trials = [*TRIALS, toys.trial("pytorch")]
    reports = run(trials, workers=2, deeds={"tf2": deed})
    assert reasons(reports, Failed) == [reason, reason]
    assert kinds(reports, trials[2]) == DONE


# --- workers that are killed


def test_a_killed_worker_is_replaced_and_its_trial_tried_again(run):
    reports = run(TRIALS, deeds={"tf2:0": "kill-once"})
    assert [type(event) for _, event in reports] == [Started, Retried, *DONE, *DONE]
    assert kinds(reports, TRIALS[0]) == [Started, Retried, *DONE]
    assert reasons(reports, Retried) == ["the worker died (signal 9)"]


def test_a_trial_that_kills_twice_fails_and_the_others_go_on(run):
    reports = run(TRIALS, deeds={"tf2:0": "kill"})
    assert kinds(reports, TRIALS[0]) == [Started, Retried, Started, Failed]
    assert kinds(reports, TRIALS[1]) == DONE
    assert reasons(reports, Failed) == ["the worker died twice (signal 9)"]
    assert "last words" in reports[3][1].traceback


# --- workers that hang


@pytest.mark.parametrize("deed", ["stop", "hang", "halve"])
def test_a_trial_that_hangs_twice_fails_and_the_others_go_on(run, deed):
    """A stopped process, a deadlock, and a process that is stopped while it sends an event."""
    reports = run(TRIALS, deeds={"tf2:0": deed}, patience=PATIENCE_S)
    assert kinds(reports, TRIALS[0]) == [Started, Retried, Started, Failed]
    assert kinds(reports, TRIALS[1]) == DONE
    assert all(SILENT.fullmatch(reason) for reason in reasons(reports, Retried) + reasons(reports, Failed))


def test_a_trial_that_hung_once_is_done_at_the_second_try(run):
    reports = run(TRIALS, deeds={"tf2:0": "stop-once"}, patience=PATIENCE_S)
    assert [type(event) for _, event in reports] == [Started, Retried, *DONE, *DONE]


def test_a_hanging_worker_holds_up_no_other(run):
    trials = [*TRIALS, toys.trial("pytorch")]
    reports = run(trials, workers=2, deeds={"tf2:0": "stop"}, patience=PATIENCE_S)
    assert [kinds(reports, trial) for trial in trials[1:]] == [DONE, DONE]
    assert kinds(reports, trials[0])[-1] == Failed


def test_a_worker_that_compiles_for_long_is_left_alone(run):
    assert toys.COMPILE_S > 2 * PATIENCE_S
    reports = run(TRIALS, deeds={"tf2:0": "compile-once"}, patience=PATIENCE_S)
    assert [type(event) for _, event in reports] == [*DONE, *DONE]


def test_time_in_which_the_parent_does_something_else_is_no_silence(make):
    """Such as waiting for the tracking server."""
    with make(patience=PATIENCE_S) as executor, closing(executor.run(TRIALS)) as reports:
        kept = []
        for _, trial, event in reports:
            kept += [] if isinstance(event, Progressed) else [(trial, event)]
            if isinstance(event, Started):
                time.sleep(2 * PATIENCE_S)
    assert [type(event) for _, event in kept] == [*DONE, *DONE]


def test_a_call_that_computes_for_ever_is_ended(run, monkeypatch):
    monkeypatch.setattr(silence, "BUSY", 3)
    reports = run(TRIALS[:1], deeds={"tf2:0": "spin"}, patience=PATIENCE_S / 2)
    assert [type(event) for _, event in reports if isinstance(event, Retried | Failed)] == [Retried, Failed]
    assert all(SILENT.fullmatch(reason) for reason in reasons(reports, Retried) + reasons(reports, Failed))


def test_a_framework_that_hangs_while_it_loads_does_not_hold_up_a_large_job(run):
    """The job fills the pipe, which nobody reads."""
    trials = [replace(toys.trial(), version="x" * 10_000_000), toys.trial("pytorch")]
    reports = run(trials, deeds={"tf2": "stop"}, patience=PATIENCE_S)
    assert kinds(reports, trials[0]) == [Retried, Failed]
    assert kinds(reports, trials[1]) == DONE


# --- interruption


@pytest.mark.parametrize("deed", ["sleep", "stop", "spin"])
def test_closing_ends_the_workers_whatever_they_do(make, deed):
    with make(deeds={"tf2:0": deed}) as executor, closing(executor.run(TRIALS)) as reports:
        started = next(event for _, _, event in reports if isinstance(event, Started))
    assert not psutil.pid_exists(started.environment["pid"])


def test_an_executor_that_was_interrupted_runs_again(make):
    with make() as executor:
        with closing(executor.run(TRIALS)) as reports:
            next(event for _, _, event in reports if isinstance(event, Started))
        assert [type(event) for _, event in events(executor, TRIALS)] == [*DONE, *DONE]
