"""A speed study that goes on where its page cannot tell two variants apart, stopped and started again."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest
import toys

import frameworks
import reports
import run_all
from experiments.speed import load
from experiments.study.plan import lay_out
from experiments.study.schema import read
from experiments.tracking.recording.tracker import Tracker
from experiments.tracking.study_run import _batches
from reports.pages.speed import further

STUDY = """
name = "toy"
description = "Two variants that are never apart."
[[speed]]
task = { name = "sine", points = 20, window = 4 }
network = { cell = "lstm", form = "layer", units = [2] }
processes = 1
steps = 4
threads = [1]
depth = "step"
looks = 3
"""
ROUNDS = "SELECT name FROM runs JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.value = 'timing'"


@pytest.fixture
def study(tmp_path, monkeypatch, new_database):
    """Runs the study of toys; the timings in the database, by name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(frameworks, "load", toys.load)
    monkeypatch.setattr(reports, "write", toys.write_reports)
    monkeypatch.setattr(load, "QUIET_S", 0.0)
    (tmp_path / "toy.toml").write_text(STUDY)
    uri = new_database(tmp_path)
    plan = lay_out(read(tmp_path / "toy.toml"), tmp_path / "toy.toml", toys.supports, lambda name: "1", lambda _: None)
    monkeypatch.setattr(further, "undecided", lambda results: [further.Open(plan.jobs("speed"), True)])

    def run(**told):
        assert run_all._run(plan, run_all._chosen(plan, []), uri, **told) == []
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
            return sorted(name for (name,) in database.execute(ROUNDS))

    return run


def names(*rounds: str) -> list[str]:
    name = "sine-lstm-layer-2-stock · {} · 1 thread · batch 512 × 4"
    return sorted(name.format(twin) + end for twin in ("tf2", "pytorch") for end in rounds)


def test_a_study_goes_on_until_its_looks_are_over(study, capsys):
    assert study() == names("", " · process 2", " · process 3")
    assert "[4/6] speed" in capsys.readouterr().out
    assert study() == names("", " · process 2", " · process 3")
    assert "nothing to run: all 2 timings are done" in capsys.readouterr().out


def test_a_study_that_is_stopped_between_its_looks_goes_on_with_what_it_lacks(study, monkeypatch, capsys):
    real, asked = reports.ask, []

    def stopped(*arguments):
        asked.append(arguments)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(reports, "ask", stopped)
        study()
    assert study() == names("", " · process 2", " · process 3")


def test_what_the_results_ask_for_is_asked_when_the_store_holds_all_of_them(study, monkeypatch):
    """A tracker that has written nothing yet, as while its server is away, is waited for before each look."""
    real, order = reports.ask, []
    monkeypatch.setattr(Tracker, "finished", lambda self, experiment: order.append(experiment))
    monkeypatch.setattr(reports, "ask", lambda *arguments: order.append("asked") or real(*arguments))
    study()
    assert order == ["speed", "asked"] * 3


def test_what_failed_ends_its_looks_but_not_the_others():
    """A batch that is never recorded is asked for once."""
    jobs = [SimpleNamespace(fingerprint=each) for each in "abc"]
    left = {each.fingerprint: each for each in jobs}
    batches = _batches([], lambda tried: [each for name, each in left.items() if name not in tried][:1])
    assert [each.fingerprint for (each,) in batches] == ["a", "b", "c"]


def test_within_stated_minutes_nothing_more_is_asked(study):
    assert study(more=False) == names("")
