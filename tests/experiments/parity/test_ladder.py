"""The ladder: what is climbed, faults planted and caught on their rung by name, the record, resuming, and the page."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import reports_toys
from ladder_toys import BIAS, FAULTS, KERNEL, STUDY, versions
from mlflow import MlflowClient

import frameworks
from experiments import canonical
from experiments.errors import UserError
from experiments.events import Failed, Finished, Retried, RungMeasured
from experiments.grid import Grid
from experiments.parity import check as parity_check
from experiments.parity import compare, measure
from experiments.parity import outcome as outcomes
from experiments.parity.compare import judge
from experiments.parity.grid import LadderGrid, checks_of
from experiments.parity.measure import OPTIMISERS, STEPS, Measurement, TokenTask, make_spec
from experiments.parity.outcome import CheckOutcome, Reading
from experiments.parity.tolerances import CLOSE, TRAINED
from experiments.phase import Answers
from experiments.protocol import Absent, Native
from experiments.study import plan, schema
from experiments.tracking import store
from experiments.tracking.tracker import Tracker
from reports.data import artifacts
from reports.data.links import Links
from reports.data.query import FIELDS
from reports.data.results import join_checks
from reports.pages.index import page as index
from reports.pages.parity import page as parity
from reports.render import render

CHECKOUT = Path(__file__).parents[3]
GUARD_S = 120  # a hang ends the test; nothing here is timed
CELLS = ["simple_rnn", "lstm", {"cell": "gru", "bidirectional": True, "form": "layer"}]


def make_check(cell="lstm", form="layer", conventions="keras", dtype="float64", twins=("tf2", "pytorch"), **network):
    spec = make_spec({"cell": cell, "form": form} | network, conventions, dtype)
    return parity_check.ParityCheck(spec, tuple((name, versions(name)) for name in (*twins, "reference")))


# --- what is climbed


def test_the_grid_is_the_whole_product():
    specs = LadderGrid(cells=CELLS[:2]).specs()
    found = {(s.network.cell, s.network.form, s.conventions.base, s.training.dtype) for s in specs}
    assert len(specs) == len(found) == 2 * 6 * 2 * 2


def test_alternating_meets_every_cell_and_form_in_each_dtype_and_each_conventions():
    specs = LadderGrid(cells=CELLS[:2], alternate=True).specs()
    assert len(specs) == 2 * 6 * 2
    for field in ("training.dtype", "conventions.base"):
        room, name = field.split(".")
        met = {(s.network.cell, s.network.form, getattr(getattr(s, room), name)) for s in specs}
        assert len(met) == len(specs)


def test_a_cell_may_name_its_only_form():
    specs = LadderGrid(cells=CELLS[2:], conventions=["keras"], dtypes=["float32"]).specs()
    assert [spec.variant for spec in specs] == ["gru+bidirectional"]


@pytest.mark.parametrize("cell", ["lsmt", {"cell": "lstm", "unit": 3}, "lstm_projection"])
def test_a_wrong_cell_is_one_line(tmp_path, cell):
    made = schema.Study(name="toy", description="", grid=[Grid(task="sine")], ladder=LadderGrid(cells=[cell]))
    made = made.model_copy(update={"grid": ()})  # the ladder alone
    with pytest.raises(UserError, match=r"toy\.toml: ladder: .*allow"):
        plan.lay_out(made, Path("toy.toml"), lambda *_: Native(), versions, None)


def test_what_one_twin_lacks_the_other_climbs_with_the_reference():
    def supports(name, spec):
        lacks = {"tf2": ("layer", "unrolled"), "pytorch": ("unrolled",)}.get(name, ())
        return Absent(f"{name} has none") if spec.network.form in lacks else Native()

    grid = LadderGrid(cells=["lstm"], conventions=["keras"], dtypes=["float64"])
    work = checks_of(grid, ("tf2", "pytorch"), Answers(Path(), supports, versions, None))
    pairs = {check.spec.network.form: check.pairs for check in work.jobs}
    assert pairs["layer"] == (("pytorch", "reference"),)
    assert pairs["scratch"] == (("tf2", "reference"), ("pytorch", "reference"), ("tf2", "pytorch"))
    assert "unrolled" not in pairs
    assert [(each.framework, each.job.spec.network.form) for each in work.absent] == [
        ("tf2", "layer"),
        ("tf2", "unrolled"),
        ("pytorch", "unrolled"),
    ]


def test_the_forms_share_the_references_measurement():
    jobs = [make_check(form=form).jobs()["reference"] for form in ("layer", "scratch")]
    assert jobs[0].fingerprint == jobs[1].fingerprint and jobs[0].spec.network.form == "scratch"


@pytest.mark.parametrize("change", ["spec", "version", "ladder"])
def test_the_fingerprint_covers_spec_versions_and_the_ladder(monkeypatch, change):
    check = other = make_check()
    before = check.fingerprint
    if change == "spec":
        other = make_check(dtype="float32")
    elif change == "version":
        other = parity_check.ParityCheck(check.spec, (("tf2", "2.0"), *check.versions[1:]))
    else:
        monkeypatch.setattr(parity_check, "VERSION", 99)
        other = make_check()
    assert other.fingerprint != before


# --- the tolerances


RTOL, ATOL = CLOSE["float64"]


@pytest.mark.parametrize(
    ("rung", "got", "wanted", "held"),
    [
        (0, [1.0], [1.0], True),
        (0, [1.0], [np.nextafter(1.0, 2)], False),
        (0, [0.0], [-0.0], False),
        (0, [np.nan], [np.nan], True),
        (1, [1 + 0.9 * RTOL], [1.0], True),
        (1, [1 + 1.1 * RTOL], [1.0], False),
        (2, [0.9 * ATOL], [0.0], True),
        (2, [1.1 * ATOL], [0.0], False),
        (3, [np.nan], [np.nan], False),
        (3, [np.inf], [1.0], False),
        (4, [1 + 1.1 * TRAINED["float64"].rtol], [1.0], False),
        (1, [1.0, 1.0], [1.0], False),
    ],
)
def test_a_rung_holds_within_its_tolerance(rung, got, wanted, held):
    assert judge(rung, "float64", {"w": np.array(got)}, {"w": np.array(wanted)}).held is held


def test_another_dtype_is_not_to_the_bit():
    assert not judge(0, "float32", {"w": np.ones(2)}, {"w": np.ones(2, np.float32)}).held


@pytest.mark.parametrize(("got", "wanted"), [({"a": 1, "b": 1}, {"a": 1}), ({"a": 1}, {"a": 1, "b": 1})])
def test_a_missing_weight_is_named(got, wanted):
    verdict = judge(2, "float64", *({name: np.ones(2) for name in each} for each in (got, wanted)))
    assert (verdict.held, verdict.where) == (False, "b")


def test_the_first_step_that_is_off_is_named_not_the_worst():
    losses = np.ones(STEPS)
    off = losses + np.where(np.arange(STEPS) >= 57, 1e-6 * np.arange(STEPS), 0)
    assert str(judge(4, "float64", {"loss": off}, {"loss": losses})).startswith("rung 4: the loss of step 58 ")


def test_in_float32_only_the_adaptive_optimisers_have_the_wider_bound():
    wanted = {name: np.zeros(1) for name in ("sgd: w", "sgd clipped: w", "adam: w")}
    verdict = judge(3, "float32", {name: value + 5e-6 for name, value in wanted.items()}, wanted)
    assert not verdict.held and verdict.where.startswith("sgd")
    assert judge(3, "float32", wanted | {"adam: w": np.full(1, 5e-6)}, wanted).held


# --- faults, planted in the reference and caught on their rung


@cache
def reading(fault: str, conventions: str, dtype: str) -> dict[int, dict[str, np.ndarray]]:
    """What the reference with this fault measures."""
    framework = dataclasses.replace(
        frameworks.load("reference"),
        build=lambda spec, interface, weights, seed: FAULTS[fault](spec, interface, weights),
    )
    *measured, finished = Measurement(make_check(conventions=conventions, dtype=dtype).spec, "tf2", "1").run(framework)
    assert isinstance(finished, Finished), finished
    return {event.rung: event.values for event in measured}


def verdicts(fault: str, conventions: str, dtype: str = "float64"):
    return list(compare.compare(dtype, *(reading(name, conventions, dtype) for name in (fault, "Network"))))


@pytest.mark.parametrize(
    ("fault", "conventions", "rung", "where"),
    [
        ("ReadsSwapped", "pytorch", 0, KERNEL),
        ("LoadsSwapped", "pytorch", 1, "from given states: |outputs|sequence|state"),
        ("ForgetsStates", "keras", 1, "from given states: "),
        ("ScalesGradient", "keras", 2, "head/0/bias$"),
        ("LeavesBias", "pytorch", 3, f"(sgd|adam|rmsprop|adagrad)( clipped)?: {BIAS}$"),
        ("Epsilon", "keras", 3, "adam"),
        ("ClipsTogether", "keras", 3, "(sgd|rmsprop|adam|adagrad) clipped: "),
        ("DropsNothingLater", "keras", 4, "loss$"),
    ],
)
def test_a_planted_fault_is_caught_on_its_rung_by_name(fault, conventions, rung, where):
    broken = compare.first_broken(verdicts(fault, conventions))
    assert broken.rung == rung
    assert re.match(where, broken.where)


@pytest.mark.parametrize("fault", ["LoadsSwapped", "LeavesBias", "ReadsSwapped", "DropsNothingLater"])
def test_a_planted_fault_is_caught_in_float32_too(fault):
    expected = compare.first_broken(verdicts(fault, "pytorch")).rung
    assert compare.first_broken(verdicts(fault, "pytorch", "float32")).rung == expected


def test_the_step_of_a_late_fault_is_named():
    assert "the loss of step 120 " in str(compare.first_broken(verdicts("DropsNothingLater", "keras")))


def test_what_lies_above_the_broken_rung_is_kept():
    assert [verdict.rung for verdict in verdicts("LoadsSwapped", "pytorch")] == list(parity_check.RUNGS)


def test_the_sound_reference_climbs_to_the_top():
    assert compare.first_broken(verdicts("Network", "keras")) is None


@pytest.mark.parametrize("conventions", ["keras", "pytorch"])
def test_every_optimiser_steps_and_clipping_acts(conventions):
    after = reading("Network", conventions, "float64")[3]
    before = reading("Network", conventions, "float64")[0]
    for name in OPTIMISERS:
        assert all(np.any(after[f"{name}: {key}"] != value) for key, value in before.items())
    parted = [key for key in before if not np.allclose(after[f"sgd: {key}"], after[f"sgd clipped: {key}"], rtol=1e-6)]
    assert parted, "nothing is clipped"


def test_under_keras_some_variables_are_clipped_and_some_are_not():
    gradients = reading("Network", "keras", "float64")[2]
    norms = [np.linalg.norm(value) for name, value in gradients.items() if name != "input"]
    assert min(norms) < measure.CLIPPED["clip_norm"] < max(norms)


def test_the_task_is_learnt_and_every_process_draws_the_same():
    losses = reading("Network", "keras", "float64")[4]["loss"]
    assert len(set(losses)) == STEPS and losses[-20:].mean() < 0.9 * losses[0]
    np.testing.assert_array_equal(TokenTask("float64").train.x, TokenTask("float32").train.x)


def test_a_batch_divides_the_samples():
    assert measure.SAMPLES % measure.BATCH == 0


# --- a climb's outcome


def outcome(fault="Network", check=None, **failures) -> CheckOutcome:
    check = check or make_check()
    label, dtype = check.spec.conventions.label, check.spec.training.dtype
    names = {name: reading(fault if name == "tf2" else "Network", label, dtype) for name, _ in check.versions}
    made = {name: Reading(values, 1.5, {"toy": "1"}) for name, values in names.items()}
    for name, reason in failures.items():
        made[name] = Reading({0: names[name][0]}, failure=reason, traceback="Traceback …")
    return CheckOutcome(check, made, 1.0)


def test_a_climb_to_the_top():
    found = outcome()
    assert (found.failure, found.rungs_held, found.broken) == ("", 5, None)
    assert {"rungs_climbed", "rung0/error", "rung4/error", "tf2-pytorch/rung2/error", "time/tf2_s"} <= set(
        found.metrics
    )
    assert found.metrics["rung3/error"] == 0.0
    record = artifacts.parity_check(found.files["ladder.json"].decode())
    assert len(record["losses"]["tf2"]) == STEPS and set(record["losses"]) == {"tf2", "pytorch", "reference"}
    assert set(record["pairs"]["tf2-reference"][2]["items"]) == {
        *canonical.shapes(found.check.spec, TokenTask.interface),
        "input",
    }


def test_a_broken_climb_names_rung_weight_and_step():
    found = outcome("DropsNothingLater")
    assert found.rungs_held == 4
    tags = found.tags
    assert (tags["failed_rung"], tags["failed_weight"], tags["failed_step"]) == ("4", "loss", "120")
    assert found.failure.startswith("tf2-") and "the loss of step 120" in found.failure
    assert found.metrics["rung4/error"] > 1


def test_the_sound_pair_is_not_the_one_that_is_named():
    assert outcome("Epsilon").broken[0] in ("tf2-reference", "tf2-pytorch")


def test_a_framework_that_fails_leaves_what_it_measured():
    found = outcome(pytorch="ValueError: no good")
    assert found.failure == "pytorch: ValueError: no good"
    assert found.rungs_held == 1
    assert set(found.files) == {"ladder.json", "traceback-pytorch.txt"}


def script(events):
    """An executor that has these events for every job of tf2's, and the reference's own for the others'."""

    def run(jobs):
        for job in jobs:
            own = list(job.run(frameworks.load("reference"))) if job.framework != "tf2" else events
            yield from ((0, job, event) for event in own)

    return run


def test_a_retried_job_starts_anew():
    spoilt = RungMeasured(0, {"nothing": np.ones(1)})
    sound = [RungMeasured(rung, values) for rung, values in reading("Network", "keras", "float64").items()]
    done = Finished({"time/climb_s": 1.0}, {"environment.json": b"{}"})
    (found,) = outcomes.outcomes([make_check()], script([spoilt, Retried("it died"), *sound, done]))
    assert found.failure == ""
    (found,) = outcomes.outcomes([make_check()], script([spoilt, *sound[1:], done]))
    assert found.tags["failed_rung"] == "0"
    (found,) = outcomes.outcomes([make_check()], script([*sound[:2], Failed("it fell")]))
    assert (found.failure, found.rungs_held) == ("tf2: it fell", 2)


# --- the record


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An empty database; making one takes seconds, copying it none."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    store.create(path)
    return path


@pytest.fixture
def kept(tmp_path, monkeypatch, template):
    """A green and a red climb, recorded: their runs by slug, and what counts as done."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(template, "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with Tracker(uri, "toy", "What it is.") as tracker:
        tracker.keep(outcome(), "parity")
        tracker.keep(outcome("Epsilon", make_check(form="scratch")), "parity")
        finished = tracker.finished("parity")
    client = MlflowClient(uri)
    place = client.get_experiment_by_name("toy/parity").experiment_id
    yield client, {run.info.run_name: run for run in client.search_runs([place])}, finished
    client._tracking_client.store._dispose_engine()


def test_a_climb_is_one_run_and_only_the_top_is_done(kept):
    client, runs, finished = kept
    green, red = runs["lstm-layer-keras-float64"], runs["lstm-scratch-keras-float64"]
    assert (green.info.status, green.data.tags["complete"]) == ("FINISHED", "1")
    assert green.data.tags["kind"] == "climb" and green.data.params["dtype"] == "float64"
    assert green.data.metrics["rungs_climbed"] == 5
    assert finished == {make_check().fingerprint: green.info.run_id}
    assert red.info.status == "FAILED" and "complete" not in red.data.tags
    assert "rung 3: adam" in red.data.tags["failure"]
    assert red.data.metrics["rung3/error"] > 1 and red.data.metrics["rungs_climbed"] == 3
    assert [file.path for file in client.list_artifacts(red.info.run_id)] == ["ladder.json"]
    assert not client.search_runs(["0"])


def test_a_climb_whose_writer_died_is_reaped(kept):
    client, runs, _ = kept
    place = runs["lstm-layer-keras-float64"].info.experiment_id
    host = runs["lstm-layer-keras-float64"].data.tags["host"]
    left = client.create_run(place, tags={"kind": "climb", "host": host, "pid": "999999999"}).info.run_id
    with Tracker(client.tracking_uri, "toy") as tracker:
        assert tracker.reap() == 1
    assert client.get_run(left).info.status == "KILLED"


@pytest.fixture(scope="module")
def house(tmp_path_factory, template):
    """Three starts of a study with a ladder, the first of them with a fault, and its list."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(template, folder / "mlflow.db")
    (folder / "toy.toml").write_text(STUDY, encoding="utf-8")

    def run(*arguments, **environment):
        command = [sys.executable, "-c", "import ladder_toys; ladder_toys.main()", "toy.toml", "--only", "phase=parity"]
        environment = os.environ | {"PYTHONPATH": str(CHECKOUT / "tests/helpers"), "COLUMNS": "200"} | environment
        options = {"cwd": folder, "env": environment, "capture_output": True, "text": True, "timeout": GUARD_S}
        return subprocess.run([*command, "--workers", "1", *arguments], check=False, **options)

    return run(LADDER_FAULT="Epsilon"), run(), run(), run("--list")


def test_a_broken_climb_ends_the_study_with_1_and_is_listed(house):
    faulty, *_ = house
    assert faulty.returncode == 1, faulty.stderr
    assert "0 of 2 parity checks passed every rung" in faulty.stdout
    failed = [line for line in faulty.stdout.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 2 and all("rung 3: adam" in line for line in failed)


def test_a_broken_climb_is_tried_again_and_a_whole_one_is_not(house):
    _, sound, again, listed = house
    assert (sound.returncode, sound.stdout.count("  done\n")) == (0, 2), sound.stderr
    assert "nothing to run: all 2 parity checks are done" in again.stdout
    assert listed.stdout.splitlines()[-4:] == [
        "done    parity     simple_rnn-layer-keras-float64  tf2, pytorch",
        "done    parity     simple_rnn-scratch-keras-float64  tf2",
        "absent  pytorch    simple_rnn-scratch-keras-float64: the toy has none",
        "2 parity checks: 2 done, 0 to run; 1 absent",
    ]


# --- the page


def results(*outcomes, missing=(), unchecked=()):
    """The page's input, without any MLflow."""
    checks = [each.check for each in outcomes]
    frame = pd.DataFrame([_row(each, place) for place, each in enumerate(outcomes)], columns=FIELDS)
    records = {f"c{place}": json.loads(each.files["ladder.json"]) for place, each in enumerate(outcomes)}
    trials = reports_toys.planned(cells=("lstm",), sine=False)
    made = reports_toys.results(trials, [reports_toys.run_of(trial) for trial in trials])
    joined = join_checks([*checks, *missing], frame, records)
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


def cells(found) -> list:
    return [
        cell
        for section in parity.sections(found)
        for block in section.blocks
        for row in getattr(block, "rows", ())
        for cell in row
    ]


def names(found) -> list[str]:
    return [section.name for section in parity.sections(found)]


def text(found) -> str:
    page = render(found, "", datetime(2024, 1, 1))["parity.html"]
    return " ".join(re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]+>", " ", page, flags=re.S).split())


def test_green():
    found = results(outcome(check=make_check(dtype="float32")))
    good = [cell for cell in cells(found) if cell.kind == "good"]
    assert [cell.note for cell in good[:5]] == ["holds"] * 5
    assert good[1].text == "0 / 1·10⁻⁵" and good[1].href.endswith("/experiments/8/runs/c0")
    assert good[5].note == "equal within ±1.0 points, 3 seeds"
    assert "broken" not in names(found)
    assert "all 1 climb of a cell" in parity.answer(found)


def test_red():
    found = results(outcome(), outcome("DropsNothingLater", make_check(form="scratch")))
    bad = [cell for cell in cells(found) if cell.kind == "bad"]
    assert len(bad) == 1 and "breaks: TensorFlow 2 against" in bad[0].note and "loss of step 120" in bad[0].note
    assert "broken" in names(found)
    answer = parity.answer(found)
    assert "1 of 2 climbs" in answer and "The first that broke: lstm-scratch-keras-float64" in answer


def test_above_the_broken_rung_nothing_is_green():
    row = [cell for cell in cells(results(outcome("ScalesGradient"))) if cell.href and "/runs/c0" in cell.href]
    assert [cell.kind for cell in row[:5]] == ["good", "good", "bad", "quiet", "quiet"]


def test_missing_and_absent_are_said():
    lacking = make_check(form="unrolled")
    absent = [("pytorch", lacking, "no such option"), ("tf2", lacking, "none either")]
    found = results(outcome(), missing=[make_check(form="wrapped")], unchecked=absent)
    shown = text(found)
    assert "1 of 2 planned climbs reached rung 4, 0 did not, 1 is not yet climbed." in shown
    assert "PyTorch: no such option; TensorFlow 2: none either" in shown
    assert "absent" in names(found)
    assert "1 climb more is not yet climbed" in parity.answer(found)


@pytest.mark.parametrize(("missing", "said"), [([], "plans no ladder"), ([make_check()], "has not been climbed")])
def test_empty(missing, said):
    found = results(missing=missing)
    assert said in parity.answer(found) and said in str(index.answers(found)[0].blocks[0].text)
    assert "losses" not in names(found)
    assert "plans no ladder" in text(found) or "1 is not yet climbed" in text(found)


def test_a_framework_that_failed_is_red_from_where_it_fell():
    found = results(outcome(tf2="ValueError: no good"))
    row = [cell for cell in cells(found) if cell.href and "/runs/c0" in cell.href]
    assert [(cell.kind, cell.note) for cell in row[:2]] == [("good", "holds"), ("bad", "tf2: ValueError: no good")]
    assert not [cell for cell in row[2:5] if cell.kind == "good"]
    assert "0 of 1 climb of" in parity.answer(found) and "ValueError: no good" in text(found)


def test_the_page_stands_alone():
    page = render(results(outcome()), "", datetime(2024, 1, 1))["parity.html"]
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not re.findall(r'(?:src|xlink:href)="(?!#|data:)|@import|url\((?!#)', page)
    assert max(map(len, re.findall(r"<svg.*?</svg>", page, flags=re.S))) < 60 * 1024


def test_the_losses_are_drawn():
    (drawn,) = (section for section in parity.sections(results(outcome("Epsilon"))) if section.name == "losses")
    (panel,) = drawn.blocks[0].panels
    assert "<svg" in panel.svg and "Losses of lstm: the largest relative difference is" in panel.label


def test_no_record_no_run():
    check = make_check()
    each = outcome(check=check)
    (found,) = join_checks([check], pd.DataFrame([_row(each, 0)], columns=FIELDS), {})
    assert found.state == "missing"


@pytest.mark.parametrize("broken", ["{", "[]", '{"pairs": {}}'])
def test_a_record_that_is_none_is_refused(broken):
    with pytest.raises(ValueError):
        artifacts.parity_check(broken)
