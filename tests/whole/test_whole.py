"""The whole way through, as a user goes it: every table of the smoke study, made smaller, and all again.

On the real twins, with MLflow and the reports.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from conversions import processes
from run_all_cases import BRIEFLY, call
from safetensors.numpy import load_file

from experiments.cells import CELLS
from experiments.parity.grid import FORMS
from experiments.spec import ExperimentSpec
from experiments.study import schema
from experiments.study.phases import PHASES
from experiments.twins import FRAMEWORKS

TWINS = ("tf2", "pytorch")
ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.study, pytest.mark.timeout(1800)]


def run_all(folder: Path, code: str) -> subprocess.CompletedProcess:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests/helpers")])
    environment = os.environ | {"RNN_TWINS_CACHE": str(folder / "cache"), "COLUMNS": "160", "PYTHONPATH": paths}
    command = [sys.executable, "-c", code, "tiny.toml", "--workers", "1", "--threads", "1"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1500)


SMALLER = {
    "imdb": {"tokens": 4, "train_reviews": 32, "test_reviews": 32},
    "sine": {"points": 60, "window": 4},
    "chars": {"characters": 500, "window": 5},
    "digits": {"train_images": 32},
}


def smaller() -> str:
    """The smoke study with smaller tasks, and a ladder of one form for each of its cells.

    TensorFlow traces where padding is masked, where states are carried, in the ladder and where it is timed;
    ``test_parity`` traces every form, over fifty steps. What is timed runs on one thread, since on cores that are busy
    several spin while they wait for each other, and not against itself, which takes as many processes again.
    """
    study = tomllib.loads(schema.find("smoke").read_text(encoding="utf-8")) | {"name": "tiny"}
    for grid in study["grid"]:
        if "padding_treatment" not in grid["task"]:  # where reviews must be shorter than the padded ones
            grid["task"] |= SMALLER.get(grid["task"]["name"], {})
            if not grid["task"].get("stateful", grid["task"]["name"] == "chars"):
                grid["training"]["execution"] = "eager"
    study["speed"][0]["vary"]["network.form"] = ["layer"]
    study["speed"][0] |= {"threads": [1], "against_itself": False}
    study["ladder"] |= {"steps": 12, "forms": ["layer", "scratch"]}
    study["ladder"]["optimisers"] = 2  # of each check, others from one to the next
    study["ladder"]["cells"][0] = {"cell": "lstm", "form": "layer"}
    return tomli_w.dumps(study)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, new_database, packaged):
    """A folder in which the study has run; its pages, drawn between the phases, would take half the time.

    One worker at a time: two would import each framework twice as often.
    """
    folder = tmp_path_factory.mktemp("tiny")
    new_database(folder)
    (folder / "tiny.toml").write_text(smaller(), encoding="utf-8")
    shutil.copytree(Path(packaged.path).parent, folder / "cache")
    done = run_all(folder, BRIEFLY)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder, done.stdout


@pytest.fixture(scope="module")
def again(tiny):
    """What a second start says, which writes the pages."""
    folder, _ = tiny
    done = call(folder, "tiny.toml", RNN_TWINS_CACHE=str(folder / "cache"))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def runs(tiny):
    """The study's runs, parents and trials."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tiny[0] / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny/training")
    found = list(client.search_runs([experiment.experiment_id], max_results=1000))
    parents = [run for run in found if run.data.tags["kind"] == "experiment"]
    return client, parents, [run for run in found if run.data.tags["kind"] == "trial"]


def test_every_planned_trial_is_complete(runs):
    _, parents, trials = runs
    assert {run.info.status for run in (*parents, *trials)} == {"FINISHED"}
    assert all(run.data.tags["complete"] == "1" for run in trials)
    ran = {(run.data.params["cell"], run.data.params["form"], run.data.tags["framework"]) for run in trials}
    forms = {("lstm", form, twin) for form in FORMS for twin in TWINS}
    assert ran >= forms | {(cell, "layer", twin) for cell in ("simple_rnn", "gru") for twin in TWINS}
    assert ran >= {("minimal", "cell_loop", twin) for twin in TWINS}
    assert {cell for cell, _, _ in ran} == set(CELLS)
    assert {run.data.params["conventions"] for run in trials} >= {"stock", "keras", "pytorch"}


def test_every_run_is_of_a_kind_that_a_phase_names(runs):
    client, *_ = runs
    places = [each.experiment_id for each in client.search_experiments() if each.name.startswith("tiny/")]
    kinds = {run.data.tags["kind"] for run in client.search_runs(places, max_results=5000)} - {"experiment"}
    assert kinds == {kind for phase in PHASES for kind in phase.kinds} - {"printed", "recipe"}  # smoke has neither


def test_a_child_hangs_under_the_parent_of_its_spec(runs):
    _, parents, trials = runs
    specs = {run.info.run_id: run.data.tags["spec_fingerprint"] for run in parents}
    assert len(set(specs.values())) == len(specs)
    assert all(specs[run.data.tags["mlflow.parentRunId"]] == run.data.tags["spec_fingerprint"] for run in trials)


def test_the_twins_agree_under_imposed_conventions_in_the_record(runs):
    client, _, trials = runs
    losses: dict[tuple, dict[str, list[float]]] = {}
    for run in trials:
        if run.data.params["conventions"] != "stock" and run.data.params["task"] in ("imdb", "chars"):
            history = sorted(client.get_metric_history(run.info.run_id, "train/loss"), key=lambda metric: metric.step)
            key = (run.data.tags["spec_fingerprint"], run.data.params["seed"])
            losses.setdefault(key, {})[run.data.tags["framework"]] = [metric.value for metric in history]
    both = [pair for pair in losses.values() if set(TWINS) <= set(pair)]  # nn.LSTM alone projects as a stock layer
    assert len(both) >= 10
    worst = max(np.max(np.abs(np.divide(pair["tf2"], pair["pytorch"]) - 1)) for pair in both)
    assert worst < 1e-4, f"the twins' epoch losses part by {worst:.1e}"


def test_either_twin_can_load_the_others_weights(runs, tmp_path):
    client, _, trials = runs
    of_framework = {
        run.data.tags["framework"]: load_file(
            client.download_artifacts(run.info.run_id, "weights.safetensors", tmp_path)
        )
        for run in trials
        if run.data.params["conventions"] == "keras" and run.data.params["seed"] == "0"
    }
    shapes = {name: {key: value.shape for key, value in found.items()} for name, found in of_framework.items()}
    assert shapes["tf2"] == shapes["pytorch"] and len(shapes["tf2"]) > 5


#: Loads models where this project is not installed, and writes what they predict. MLflow's database stays with the
#: test: to open it takes as long as loading ten models.
LOAD = """
import gc, json, sys
gc.disable()
sys.modules |= dict.fromkeys(("experiments", "frameworks", "reports"))
import mlflow, numpy as np
framework, folder, models = sys.argv[1:]
given, found = np.load(f"{folder}/inputs.npz"), {}
for run, model in json.loads(models).items():
    if framework == "tf2":
        import mlflow.tensorflow
        found[run] = mlflow.tensorflow.load_model(model)(given[run]).numpy()
    else:
        import mlflow.pytorch, torch
        found[run] = mlflow.pytorch.load_model(model)(torch.tensor(given[run])).detach().numpy()
np.savez(f"{folder}/outputs.npz", **found)
"""


@pytest.mark.parametrize("framework", TWINS)
def test_one_trial_of_each_experiment_has_a_model_that_predicts_by_its_weights(tiny, runs, tmp_path, framework):
    from mlflow.artifacts import download_artifacts

    from frameworks.convert.inputs import draw
    from frameworks.models import outline
    from frameworks.reference.convert.predict import predict

    uri, models, inputs, expected, absent = f"sqlite:///{tiny[0] / 'mlflow.db'}", {}, {}, {}, {}
    trials = [each for each in runs[2] if each.data.tags["framework"] == framework]
    for trial in trials:
        folder, key = Path(trial.info.artifact_uri.removeprefix("file://")), trial.info.run_id
        if (folder / "model/MLmodel").exists():
            spec = ExperimentSpec.model_validate(tomllib.loads((folder / "spec.toml").read_text(encoding="utf-8")))
            weights, described = load_file(folder / "weights.safetensors"), outline(spec, FRAMEWORKS[framework].owner)
            models[key] = download_artifacts(f"runs:/{key}/model", tracking_uri=uri)
            inputs[key] = draw(weights, [described])[-1]
            (expected[key],) = predict(weights, described, [inputs[key]])
        elif (folder / "model/absent.txt").exists():
            absent[key] = (folder / "model/absent.txt").read_text(encoding="utf-8")
    specs = {trial.data.tags["spec_fingerprint"] for trial in trials}
    assert len(inputs) + len(absent) == len(specs) and len(inputs) > 2 * len(absent)
    assert all(text.count("\n") == 1 for text in absent.values())
    np.savez(tmp_path / "inputs.npz", **inputs)
    loaded = processes.run("-c", LOAD, framework, str(tmp_path), json.dumps(models))
    assert loaded.returncode == 0, loaded.stderr[-2000:]
    outputs = np.load(tmp_path / "outputs.npz")
    for name, values in expected.items():
        np.testing.assert_allclose(outputs[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_ladder_is_climbed_to_the_top_by_every_spec(runs):
    client, _, _ = runs
    experiment = client.get_experiment_by_name("tiny/parity")
    found = client.search_runs([experiment.experiment_id])
    checks = [run for run in found if run.data.tags["kind"] == "climb"]
    assert {run.data.tags["kind"] for run in found} == {"climb", "horizon", "writing", "rounding", "calls"}
    assert all(run.data.tags["complete"] == "1" for run in found)
    assert len(checks) == 4 and {run.data.metrics["rungs_climbed"] for run in checks} == {5}
    assert max(run.data.metrics["rung4/error"] for run in checks) <= 1


def test_a_second_start_runs_nothing(again):
    assert not re.search(r"^\[\d+/\d+\]", again, re.MULTILINE), again
    assert "nothing to run" in again


def test_the_reports_stand_and_link_to_the_runs(tiny, again, runs):
    folder, output = tiny
    assert "reports/index.html" in again and "mlflow ui" in output
    names = {path.name for path in (folder / "reports").glob("*.html")}
    expected = ("index", "parity", "accuracy", "speed", "shapes", "traps", "chars", "claims")
    assert names == {f"{name}.html" for name in expected}
    front = (folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert "by character, in all of 6 texts" in front
    counted = re.findall(r"(\d+) of (\d+) ([a-z ]+?)s?\b(?:,| and| done)", front.partition("<footer>")[2])
    assert [noun for *_, noun in counted] == [phase.noun for phase in PHASES]
    assert all(done == planned for done, planned, _ in counted), counted
    assert "Autodiff differs from the reference" in (folder / "reports" / "parity.html").read_text(encoding="utf-8")
    shapes = (folder / "reports" / "shapes.html").read_text(encoding="utf-8")
    missing = [word for word in ("weight_ih_l0", "recurrent_kernel", "r z n", "Absent") if word not in shapes]
    assert not missing
    ids = {run.info.run_id for run in runs[2]}
    linked = set(re.findall(r"runs/([0-9a-f]{32})", shapes))
    assert linked and linked <= ids
