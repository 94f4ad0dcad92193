"""The parity page, of checks that passed, failed and are missing."""

import dataclasses
import json
import re

import pandas as pd
import pytest
from ladder.cases import make_check, names, outcome, text
from made_reports import toys
from made_reports.html_elements import page_of

from experiments.parity.measure import make_spec
from reports.data import artifacts
from reports.data.links import Links
from reports.data.query import FIELDS
from reports.data.results import join_records
from reports.html.blocks import Details
from reports.pages.index import page as index
from reports.pages.parity import page as parity


def results(*outcomes, missing=(), unchecked=()):
    """The page's input, without any MLflow."""
    checks = [each.check for each in outcomes]
    frame = pd.DataFrame([_row(each, place) for place, each in enumerate(outcomes)], columns=FIELDS)
    records = {f"c{place}": json.loads(each.files["ladder.json"]) for place, each in enumerate(outcomes)}
    trials = toys.planned(cells=("lstm",), sine=False)
    made = toys.results(trials, [toys.run_of(trial) for trial in trials])
    joined = join_records([*checks, *missing], frame, records)
    return dataclasses.replace(made, checks=joined, unchecked=tuple(unchecked), check_links=Links(experiment_id="8"))


def _row(each, place):
    return {
        "run_id": f"c{place}",
        "fingerprint": each.check.fingerprint,
        "status": "FAILED" if each.failure else "FINISHED",
        "complete": not each.failure,
        "failure": each.failure or None,
        "start_time": place,
        "artifact_uri": "",
    }


def flat(blocks) -> list:
    """The blocks, with what unfolds in their place."""
    return [inner for block in blocks for inner in (flat(block.blocks) if isinstance(block, Details) else [block])]


def cells(found) -> list:
    return [
        cell
        for section in parity.sections(found)
        for block in flat(section.blocks)
        for row in getattr(block, "rows", ())
        for cell in row
    ]


def rows(found) -> list:
    """The rows of the tables of checks."""
    (checks,) = (section for section in parity.sections(found) if section.name == "checks")
    return [row for block in flat(checks.blocks) for row in getattr(block, "rows", ())]


def test_a_form_that_one_framework_lacks_says_which():
    check = make_check(dtype="float32")
    (row,) = rows(results(outcome(check=check), unchecked=[("tf2", check, "none")]))
    assert row[1].note == "not in TensorFlow 2"


def test_a_form_that_no_check_can_have_has_no_row():
    lacking = make_check(form="unrolled")
    absent = [("pytorch", lacking, "no such option"), ("tf2", lacking, "none either")]
    assert len(rows(results(outcome(), unchecked=absent))) == 1


def test_green():
    found = results(outcome(check=make_check(dtype="float32")))
    (row,) = rows(found)
    assert [(cell.kind, cell.note) for cell in row[2:7]] == [("good", "")] * 5  # the summary says it of all
    assert row[3].text == "0 / 1·10⁻⁵" and row[1].href.endswith("/experiments/8/runs/c0")
    assert row[7].note == "equal within ±1.0 points, 3 seeds"
    assert "failed" not in names(found)
    assert "1 of 1 parity check passed every rung" in parity.answer(found)


def test_red():
    found = results(outcome(), outcome("DropsNothingLater", make_check(form="scratch")))
    bad = [cell for cell in cells(found) if cell.kind == "bad"]
    assert len(bad) == 1 and "fails: TensorFlow 2 and" in bad[0].note and "loss of step 120" in bad[0].note
    assert "failed" in names(found)
    answer = parity.answer(found)
    assert "1 of 2 parity checks" in answer and "The first that failed: lstm-scratch-keras-float64" in answer


def test_above_the_failed_rung_nothing_is_green():
    (row,) = rows(results(outcome("ScalesGradient")))
    assert [cell.kind for cell in row[2:7]] == ["good", "good", "bad", "quiet", "quiet"]
    assert row[2].note == "passes"


def test_missing_and_absent_are_said():
    lacking = make_check(form="unrolled")
    absent = [("pytorch", lacking, "no such option"), ("tf2", lacking, "none either")]
    found = results(outcome(), missing=[make_check(form="wrapped")], unchecked=absent)
    shown = text(found)
    assert "1 of 2 planned checks passed every rung, 0 did not, 1 is not yet made." in shown
    assert shown.count("no such option") == shown.count("none either") == 1
    assert "absent" in names(found)
    assert "1 more check is not yet made" in parity.answer(found)


@pytest.mark.parametrize(
    ("missing", "said"), [([], "plans no parity checks"), ([make_check()], "no parity check has been made")]
)
def test_empty(missing, said):
    found = results(missing=missing)
    assert said in parity.answer(found) and said in str(index.answers(found)[0].blocks[0].text)
    assert "losses" not in names(found)
    assert "plans no parity checks" in text(found) or "1 is not yet made" in text(found)


def test_a_framework_that_failed_is_red_from_the_rung_it_did_not_reach():
    found = results(outcome(tf2="ValueError: no good"))
    (row,) = rows(found)
    assert [(cell.kind, cell.note) for cell in row[2:4]] == [("good", "passes"), ("bad", "tf2: ValueError: no good")]
    assert not [cell for cell in row[4:7] if cell.kind == "good"]
    assert "0 of 1 parity check passed" in parity.answer(found) and "ValueError: no good" in text(found)


@pytest.mark.drawn
def test_the_page_stands_alone():
    page = page_of(results(outcome()), "parity.html")["parity.html"]
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not re.findall(r'(?:src|xlink:href)="(?!#|data:)|@import|url\((?!#)', page)
    assert max(map(len, re.findall(r"<svg.*?</svg>", page, flags=re.S))) < 60 * 1024


@pytest.mark.drawn
def test_the_losses_are_drawn():
    (drawn,) = (section for section in parity.sections(results(outcome("Epsilon"))) if section.name == "losses")
    (panel,) = drawn.blocks[0].panels
    assert "<svg" in panel.svg and "Losses of lstm: the largest relative difference is" in panel.label


def test_no_record_no_run():
    check = make_check()
    each = outcome(check=check)
    (found,) = join_records([check], pd.DataFrame([_row(each, 0)], columns=FIELDS), {})
    assert found.state == "missing"


@pytest.mark.parametrize("broken", ["{", "[]", '{"pairs": {}}'])
def test_a_record_that_is_none_is_refused(broken):
    with pytest.raises(ValueError):
        artifacts.parity_check(broken)


def test_tables_are_unfolded_only_if_a_check_failed():
    found = results(outcome(check=make_check(dtype="float32")), outcome("ScalesGradient"))
    (checks,) = (section for section in parity.sections(found) if section.name == "checks")
    shown = {block.summary.partition(",")[0]: block for block in checks.blocks if isinstance(block, Details)}
    assert {dtype: block.open for dtype, block in shown.items()} == {"float64": True, "float32": False}
    assert "1 of 1 check passed; the largest error is 0% of its tolerance" in shown["float32"].summary


def test_rung_5_is_left_out_without_trained_trials():
    found = results(outcome(check=make_check(form="scratch", dtype="float32")))
    (checks,) = (section for section in parity.sections(found) if section.name == "checks")
    (table,) = checks.blocks[-1].blocks
    assert [column.title for column in table.columns][-1] == "Rung 4"
    assert {len(row) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize("device, said", [("cpu", False), ("auto", True)])
def test_the_bound_of_cudnns_layers_is_told_where_a_check_may_take_a_gpu(device, said):
    spec = make_spec({"cell": "lstm", "form": "layer"}, "keras", "float32", device)
    check = dataclasses.replace(make_check(), spec=spec)
    assert ("cuDNN" in text(results(missing=[check]))) is said
