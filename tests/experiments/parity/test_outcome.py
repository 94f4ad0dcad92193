"""A check's record: in MLflow, on the command line, and when it is resumed."""

import dataclasses

import numpy as np
import pytest
from ladder import toys
from ladder.cases import make_check, outcome, reading
from ladder.toys import EARLY_STEPS, STUDY
from mlflow import MlflowClient
from run_all_cases import call, replaced

import frameworks
from experiments import canonical
from experiments.events import Failed, Finished, Retried, RungMeasured
from experiments.parity import measure
from experiments.parity import outcome as outcomes
from experiments.parity.measure import STEPS
from experiments.parity.tolerances import CLOSE, CLOSE_IN_CUDNN
from experiments.tracking.recording.tracker import Tracker
from reports.data import artifacts


def test_a_climb_to_the_top():
    climb = outcome()
    assert (climb.failure, climb.rungs_held, climb.broken) == ("", 5, None)
    assert {"rungs_climbed", "rung0/error", "rung4/error", "tf2-pytorch/rung2/error", "time/tf2_s"} <= set(
        climb.metrics
    )
    assert climb.metrics["rung3/error"] == 0.0
    record = artifacts.parity_check(climb.files["ladder.json"].decode())
    assert len(record["losses"]["tf2"]) == STEPS and set(record["losses"]) == {"tf2", "pytorch", "reference"}
    assert set(record["pairs"]["tf2-reference"][2]["items"]) == {
        *canonical.shapes(climb.check.spec, measure.load(climb.check.spec).interface),
        "input",
    }


@pytest.mark.parametrize(
    "device, form, wide", [("cuda", "layer", True), ("cuda", "scratch", False), ("/CPU:0", "layer", False)]
)
def test_a_layer_that_ran_on_a_gpu_has_cudnns_bound(device, form, wide):
    climb = outcome(check=make_check(form=form, dtype="float32", steps=EARLY_STEPS))
    climb.readings["tf2"].environment["device"] = device
    narrow, on_gpu = CLOSE["float32"].rtol, (CLOSE_IN_CUDNN if wide else CLOSE)["float32"].rtol
    allowed = {pair: verdicts[1].tolerance for pair, verdicts in climb.verdicts.items()}
    assert allowed == {"tf2-reference": on_gpu, "tf2-pytorch": on_gpu, "pytorch-reference": narrow}
    assert not climb.failure


def test_a_broken_climb_names_rung_weight_and_step():
    climb = outcome("DropsNothingLater")
    assert climb.rungs_held == 4
    tags = climb.tags
    assert (tags["failed_rung"], tags["failed_weight"], tags["failed_step"]) == ("4", "loss", "120")
    assert climb.failure.startswith("tf2-") and "the loss of step 120" in climb.failure
    assert climb.metrics["rung4/error"] > 1


def test_the_sound_pair_is_not_the_one_that_is_named():
    assert outcome("Epsilon").broken[0] in ("tf2-reference", "tf2-pytorch")


def test_a_check_compares_only_the_optimisers_that_it_asks_for():
    check = dataclasses.replace(make_check(), optimisers=("sgd", "adam clipped"))
    made = outcome(check=check)  # whose readings have all eight
    for verdicts in made.verdicts.values():
        steps = {name.split(":")[0] for name in verdicts[3].items}
        assert steps == set(check.optimisers) and verdicts[3].held
    rungs = made.readings["tf2"].rungs
    lacking = {key: value for key, value in rungs[3].items() if key != "sgd: embedding/table"}
    made.readings["tf2"] = dataclasses.replace(made.readings["tf2"], rungs=rungs | {3: lacking})
    assert "sgd: embedding/table" in dataclasses.replace(made).failure


def test_a_framework_that_fails_leaves_what_it_measured():
    climb = outcome(pytorch="ValueError: no good")
    assert climb.failure == "pytorch: ValueError: no good"
    assert climb.rungs_held == 1
    assert set(climb.files) == {"ladder.json", "traceback-pytorch.txt"}


def script(events):
    """An executor that has these events for every job of tf2's, and the reference's own for the others'."""

    def run(jobs):
        for job in jobs:
            own = list(job.run(frameworks.load("reference"))) if job.framework != "tf2" else events
            yield from ((0, job, event) for event in own)

    return run


def test_a_retried_job_starts_anew():
    check = make_check(steps=EARLY_STEPS)
    spoilt = RungMeasured(0, {"nothing": np.ones(1)})
    sound = [RungMeasured(rung, values) for rung, values in reading("Network", "keras", "float64", EARLY_STEPS).items()]
    done = Finished({"time/climb_s": 1.0}, {"environment.json": b"{}"})
    (climb,) = outcomes.outcomes([check], script([spoilt, Retried("it died"), *sound, done]))
    assert climb.failure == ""
    (climb,) = outcomes.outcomes([check], script([spoilt, *sound[1:], done]))
    assert climb.tags["failed_rung"] == "0"
    (climb,) = outcomes.outcomes([check], script([*sound[:2], Failed("it fell")]))
    assert (climb.failure, climb.rungs_held) == ("tf2: it fell", 2)


@pytest.fixture
def kept(tmp_path, monkeypatch, new_database):
    """A green and a red climb, recorded: their runs by slug, and what counts as done."""
    monkeypatch.chdir(tmp_path)
    uri = new_database(tmp_path)
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
def house(tmp_path_factory, new_database):
    """Two starts of a study with a ladder, the first of them with a fault, and its list."""
    folder = tmp_path_factory.mktemp("house")
    new_database(folder)
    (folder / "toy.toml").write_text(STUDY, encoding="utf-8")

    def run(*arguments, fault="Network"):
        with replaced(toys.TWINS):
            return call(folder, "toy.toml", "--only", "phase=parity", "--workers", "1", *arguments, LADDER_FAULT=fault)

    return run(fault="Epsilon"), run(), run("--list")


def test_a_broken_climb_ends_the_study_with_1_and_is_listed(house):
    faulty, *_ = house
    assert faulty.returncode == 1, faulty.stderr
    assert "0 of 2 parity checks passed every rung" in faulty.stdout
    failed = [line for line in faulty.stdout.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 2 and all("rung 3: adam" in line for line in failed)


def test_a_broken_climb_is_tried_again_and_a_whole_one_is_not(house):
    _, sound, listed = house
    assert (sound.returncode, sound.stdout.count("  done\n")) == (0, 2), sound.stderr
    assert listed.stdout.splitlines()[-4:] == [
        "done    parity     simple_rnn-layer-keras-float64  tf2, pytorch",
        "done    parity     simple_rnn-scratch-keras-float64  tf2",
        "absent  pytorch    simple_rnn-scratch-keras-float64: the toy has none",
        "2 parity checks: 2 done, 0 to run; 1 absent",
    ]
