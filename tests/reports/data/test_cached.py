"""What is made once and kept: for the same results, and until what it is made of changes."""

from dataclasses import replace
from datetime import datetime

import pandas as pd
import pytest
from made_reports import everything
from made_reports.html_elements import leave_out_drawing

from reports import render
from reports.data import cached, results
from reports.data.cached import cached_by_fields, cached_by_results, of_task
from reports.data.links import Links
from reports.html.blocks import Cell, Table
from reports.pages.parity import gradient_norms, loss_differences, rounding
from reports.pages.parity import page as parity
from reports.pages.shapes import support
from reports.pages.speed import page as speed
from reports.pages.traps import page as traps

KEPT = [gradient_norms.section, loss_differences.section, rounding.section, parity.answer, support.section]
KEPT += [speed.answer, speed.sections, traps.answer, traps.sections]


@pytest.fixture
def undrawn(monkeypatch):
    leave_out_drawing(monkeypatch)


def toy(**fields) -> results.Results:
    trials = pd.DataFrame({"seed": [1]})
    return replace(results.Results("toy", trials, trials, Links()), **fields)


def test_what_several_pages_ask_for_is_made_once_of_the_same_results():
    asked, whole = [], toy()

    @cached_by_results
    def number(given):
        asked.append(given)
        return len(given.trials)

    other = replace(whole, trials=pd.DataFrame({"seed": [1, 2, 3]}))
    assert [number(whole), number(whole), number(other), number(other)] == [1, 1, 3, 3]
    assert asked == [whole, other]


@pytest.mark.usefixtures("undrawn")
def test_a_task_s_part_is_the_same_until_one_of_its_trials_changes():
    def part(states=("done", "missing"), accuracies=(0.5, 0.6), study="toy"):
        trials = pd.DataFrame({"task": ["imdb", "sine"], "state": states})
        history = pd.DataFrame({"task": ["sine", "imdb"], "test/accuracy": accuracies})
        return of_task(toy(trials=trials, history=history, study=study), "imdb")

    first = part()
    assert first.trials.state.tolist() == ["done"] and first.history["test/accuracy"].tolist() == [0.6]
    assert part(states=("done", "done")) is first and part(accuracies=(0.7, 0.6)) is first
    failed = part(states=("failed", "missing"))
    assert failed.trials.state.tolist() == ["failed"] and part().trials.state.tolist() == ["done"]
    assert part(accuracies=(0.5, 0.7)).history["test/accuracy"].tolist() == [0.7]
    assert part(study="other").study == "other"


def test_what_is_made_of_some_fields_is_made_again_when_one_of_them_has_changed():
    asked = []

    @cached_by_fields("looks", "calls")
    def made(given):
        asked.append(given.looks)
        return [given.looks, *given.calls]

    first = made(toy(looks=2, calls={"tf2": {}}))
    assert first == [2, "tf2"] and made(toy(looks=2, calls={"tf2": {}}, study="other")) is first
    assert made(toy(looks=3, calls={"tf2": {}})) == [3, "tf2"]
    assert made(toy(looks=3, calls={"pytorch": {}})) == [3, "pytorch"]
    assert made(toy(looks=2, calls={"tf2": {}})) == first and asked == [2, 3, 3, 2]


def test_what_is_made_of_some_fields_sees_no_others():
    @cached_by_fields("looks")
    def made(given):
        return len(given.trials)

    with pytest.raises(AttributeError, match="trials"):
        made(toy())


@pytest.fixture(scope="module")
def equal():
    """The same results, gathered twice."""
    return everything.results(1), everything.results(1)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("made", KEPT, ids=lambda made: f"{made.__module__}.{made.__name__}")
def test_of_equal_results_it_is_made_once(equal, made):
    one, other = map(made, equal)
    assert one is other


@pytest.mark.usefixtures("undrawn")
def test_pages_written_again_are_those_of_what_is_known_by_then(monkeypatch):
    def pages(found):
        return render.render(found, "A toy.", datetime(2025, 1, 1))

    midway, whole = everything.results(3), everything.results(1)
    again = [pages(found) for found in (midway, whole, midway)]
    for written, found in zip(again, (midway, whole, midway), strict=True):
        monkeypatch.setattr(cached, "_KEPT", {})
        monkeypatch.setattr(cached, "_PARTS", {})
        render._table.cache_clear()
        assert written == pages(replace(found))
    assert all(again[0][name] != again[1][name] for name in again[0])


def test_an_equal_table_is_made_into_html_once():
    one, same, other = (Table.of("Errors.", ["Cell"], [[Cell("lstm", note=note)]]) for note in ("a", "a", "b"))
    assert render._table(one) is render._table(same) and "<small>a</small>" in render._table(one)
    assert "<small>b</small>" in render._table(other)
