"""Fixtures of the tests of reports."""

import pytest
from made_reports import toys
from made_reports.cases import write

from experiments.tracking.recording.tracker import Tracker
from reports.data import load


@pytest.fixture
def unread(monkeypatch):
    """As in a process that has read no run's files yet."""
    monkeypatch.setattr(load, "_parsed", load._parsed.__wrapped__)


@pytest.fixture(scope="session")
def studied(tmp_path_factory, new_database):
    """A whole study's database, recorded by the tracker."""
    uri = new_database(tmp_path_factory.mktemp("studied"))
    trials = toys.planned(cells=("lstm", "gru"))
    with Tracker(uri, "toy", "A toy.", trials) as tracker:
        tracker.expect(trials)
        for trial in trials:
            toys.record(tracker, toys.run_of(trial))
    return uri, trials


@pytest.fixture(scope="session")
def folder(studied, tmp_path_factory):
    """The whole study's pages."""
    uri, trials = studied
    place = tmp_path_factory.mktemp("pages")
    write(trials, place, uri)
    return place


@pytest.fixture(scope="session")
def pages(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}
