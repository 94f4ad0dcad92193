"""The benchmark of scale at a small size: what it measures, nothing of how long it takes."""

import sqlite3
from contextlib import closing
from importlib.util import find_spec

import pytest
from executors import NEEDS_RAY

from experiments.cost import scale
from experiments.cost.scale import EVENTS, Gauge, events, shorts, through, written
from experiments.events import Finished, Started
from experiments.tracking.recording.tracker import Tracker


@pytest.fixture(autouse=True)
def at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(scale, "JOB_S", 0.0)
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))


def test_the_toy_trials_are_all_different_and_as_long_as_told():
    jobs = shorts(50)
    assert len({job.fingerprint for job in jobs}) == 50 and len({job.spec.slug for job in jobs}) == 3
    assert {job.framework for job in jobs} == {"tf2", "pytorch"}


def test_a_toy_reports_what_a_trial_would():
    job = shorts(2)[0]
    first, *_, last = reported = list(job.run(scale.load(job.framework)))
    assert isinstance(first, Started) and isinstance(last, Finished) and len(reported) == EVENTS == len(list(events()))


def test_memory_is_read_three_times_and_the_rate_leaves_out_the_start():
    gauge = Gauge(20)
    for _ in range(20):
        gauge.tick()
    assert [jobs for jobs, _, _ in gauge.read] == [2, 10, 20]
    gauge.read = [(2, 10.0, 50 * 2**20), (10, 13.0, 0), (20, 19.0, 53 * 2**20)]
    assert gauge.rate == 2.0 and gauge.growth == 3.0


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=NEEDS_RAY)])
def test_every_job_goes_through(executor):
    assert through(shorts(20), executor).done == 20


def test_every_event_is_written(tmp_path, new_database):
    uri, jobs = new_database(tmp_path), shorts(20)
    assert written(jobs, uri).done == 20
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        complete = connection.execute("SELECT count(*) FROM tags WHERE key = 'complete'").fetchone()
        epochs = connection.execute("SELECT count(*) FROM metrics WHERE key = 'train/loss'").fetchone()
    assert complete == (20,) and epochs == (40,)


def test_the_parent_run_s_means_are_those_of_all_its_seeds(tmp_path, new_database):
    jobs, uri = shorts(20), new_database(tmp_path)
    with Tracker(uri, "means", planned=jobs) as tracker:
        tracker.expect(jobs)
        for number, job in enumerate(jobs):
            for event in events():
                if hasattr(event, "epoch"):
                    event.metrics["test/rollout_mse"] = float(number)
                tracker.record(job, event)
    key, place = "tf2/test/rollout_mse", "SELECT value FROM metrics WHERE key = ? ORDER BY timestamp"
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        means = [value for (value,) in connection.execute(place, (key,))]
    seen = [list(range(0, last + 1, 2)) for last in range(20)]
    assert means == [sum(numbers) / len(numbers) for numbers in seen]


def test_the_figures_are_named_after_what_they_measure(monkeypatch):
    gauge = Gauge(2)
    gauge.read = [(1, 0.0, 0), (2, 0.01, 2**20)]
    monkeypatch.setattr(scale, "through", lambda *_, **__: gauge)
    monkeypatch.setattr(scale, "written", lambda *_: gauge)
    figures = scale.figures(20, 3, "http://127.0.0.1:1")
    assert all(len(figure.values) == 3 and figure.met for figure in figures)
    assert len(figures) == 2 * (4 + bool(find_spec("ray")))
