"""The lines of code that show what calls take and return: run again, each framework in the process of its group."""

import json
import pickle
from functools import cache
from importlib import import_module
from types import SimpleNamespace

import pytest

from experiments.events import Failed, Finished
from experiments.probes import snippets
from experiments.probes.call_conventions import FILE, CallConventions
from experiments.probes.snippets import Snippet
from experiments.twins import TWINS
from reports.data import artifacts
from reports.pages.shapes import at_a_glance, calls
from reports.pages.shapes.differences import DIFFERENCES
from reports.pages.shapes.letters import filled


@cache
def answers(twin: str) -> dict:
    """The live answers, given once a process and passed through their file as a study's are."""
    return artifacts.calls(json.dumps(import_module(f"frameworks.{twin}.probes.call_conventions").answers()))


def twin_params():
    return [pytest.param(twin, marks=getattr(pytest.mark, twin)) for twin in TWINS]


def snippet_params():
    return [
        pytest.param(twin, each, marks=getattr(pytest.mark, twin), id=f"{twin}-{each.name}")
        for each in snippets.snippets()
        for twin in each.lines
    ]


def difference_params():
    return [
        pytest.param(twin, each, marks=getattr(pytest.mark, twin), id=f"{twin}-{each.title}")
        for each in DIFFERENCES
        for twin in TWINS
    ]


# --- what a reader copies


@pytest.mark.parametrize(("twin", "snippet"), snippet_params())
def test_the_copied_lines_give_what_is_shown_beside_them(twin: str, snippet: Snippet):
    (row,) = calls.table([snippet], {twin: answers(twin)}).rows
    shown = row[1 + TWINS.index(twin)]
    tensors = import_module(f"frameworks.{twin}.probes.call_conventions").TENSORS
    run = snippets.refusal if "refused" in answers(twin)[snippet.name] else snippets.run
    again = json.loads(json.dumps(run(shown.copied, tensors)))
    assert calls.outcome(again) == shown.note


@pytest.mark.parametrize("twin", twin_params())
def test_every_snippet_is_run_and_no_other(twin):
    assert list(answers(twin)) == [each.name for each in snippets.of(twin)]


@pytest.mark.parametrize("twin", twin_params())
def test_what_must_be_refused_is(twin):
    refused = {name for name, answer in answers(twin).items() if "refused" in answer}
    assert refused == {each.name for each in snippets.snippets() if twin in each.refused}


# --- the table at a glance


@pytest.mark.parametrize(("twin", "difference"), difference_params())
def test_advice_rests_on_what_the_framework_does(twin, difference):
    assert difference.assumes[twin]
    assert at_a_glance.contradicted(difference, twin, answers(twin)) == []


@pytest.mark.parametrize(("twin", "difference"), difference_params())
def test_an_entry_is_filled_by_results(twin, difference):
    place = TWINS.index(twin)
    for text in (difference.of(twin), *(difference.bites or ())[place : place + 1]):
        entry = filled(text, answers(twin))
        assert entry is not None and "{" not in entry


@pytest.mark.parametrize(("twin", "difference"), difference_params())
def test_code_in_an_entry_stands_in_the_lines_that_ran(twin, difference):
    ran = "\n".join(answers(twin)[name]["lines"] for name in at_a_glance.snippets_of(difference.of(twin)))
    names = {name for each in answers(twin).values() for name in each.get("results", {}).get("weights", {})}
    missing = [code for code in difference.of(twin).split("`")[1::2] if code not in ran and code not in names]
    assert missing == []


# --- what would be noticed


@pytest.mark.pytorch
@pytest.mark.parametrize("path, value", [("gru_gates.gates", ["z", "r", "n"]), ("dropout_of_one_layer.acts", True)])
def test_another_behaviour_contradicts_the_advice(path, value):
    snippet, name = path.split(".")
    changed = answers("pytorch") | {snippet: {"lines": "", "results": {name: value}}}
    contradicted = [each.title for each in DIFFERENCES if at_a_glance.contradicted(each, "pytorch", changed)]
    assert contradicted == [{"gru_gates": "Gate order", "dropout_of_one_layer": "`dropout=`"}[snippet]]


def test_lines_that_are_no_longer_refused_fail():
    with pytest.raises(RuntimeError, match="nothing refused"):
        snippets.refusal("y = 1", ())


# --- running lines, without a framework


def test_names_are_kept_in_order_without_loops_and_classes():
    lines = (
        "a, (b, _) = 1, ('x', 3)\nfor c in [1]:\n    d = c\nwith open('/dev/null') as e:\n    f = True\ng = object()"
    )
    assert snippets.run(lines, ()) == {"results": {"a": 1, "b": "x", "f": True}}


def test_a_refusal_is_one_line():
    refusal = snippets.refusal("raise ValueError('no\\nand more')", ())
    assert refusal == {"refused": "ValueError: no"}


@pytest.mark.parametrize("broken", ["[]", '{"a": 3}', '{"a": {"results": {}}}', '{"a": {"lines": "", "said": 1}}'])
def test_what_are_no_results_of_lines_is_refused(broken):
    with pytest.raises(ValueError):
        artifacts.calls(broken)


# --- the job


def framework(given) -> SimpleNamespace:
    return SimpleNamespace(calls=given, environment=lambda: {"threads": 1})


def test_the_job_hands_the_answers_over():
    (event,) = CallConventions("tf2", "keras 3").run(framework(lambda: {"defaults": {"lines": "", "results": {}}}))
    assert isinstance(event, Finished)
    assert json.loads(event.files[FILE]) == {"defaults": {"lines": "", "results": {}}}


def test_a_line_that_fails_fails_the_job():
    (event,) = CallConventions("tf2", "keras 3").run(framework(lambda: 1 / 0))
    assert isinstance(event, Failed)
    assert event.reason.startswith("ZeroDivisionError")


def test_jobs_are_told_apart_by_framework_version_and_lines(monkeypatch):
    jobs = [CallConventions(twin, version) for twin in TWINS for version in ("1", "2")]
    assert len({job.fingerprint for job in jobs}) == len(jobs)
    assert pickle.loads(pickle.dumps(jobs[0])).fingerprint == jobs[0].fingerprint
    monkeypatch.setitem(snippets.PREAMBLES, "tf2", "x = 1")
    assert CallConventions("tf2", "1").fingerprint != jobs[0].fingerprint
