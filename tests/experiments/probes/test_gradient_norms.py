"""Gradients through time: what is chosen, what is measured, what is kept, and what the page makes of it."""

import json

import numpy as np
import pytest
import toys
from cases import TOKENS, make_spec

import frameworks
from experiments import canonical, tasks
from experiments.events import Failed, Finished
from experiments.probes import gradient_norms
from experiments.probes import record as records
from experiments.tasks import DataSource
from experiments.training.trial import Trial
from reports.data import artifacts
from reports.data.results import Results
from reports.pages.parity import gradient_norms as page

DATA = DataSource("imdb-test", "d" * 64, None, "made for tests")


def trial(cell="lstm", form="layer", conventions="keras", seed=0, **fields):
    network = fields.pop("network", None)
    return Trial(make_spec(cell, form, conventions, network=network, **fields), "tf2", "v", seed, DATA)


def test_norms_are_one_at_the_end_and_multiply_through_a_linear_cell():
    spec = make_spec("minimal", "scratch", depth=1, dropout=0.0, dtype="float64")
    weights = canonical.draw(spec, TOKENS, 0)
    weights["rnn/0/forward/recurrent_kernel"] = 0.5 * np.eye(4)[:, None]
    model = frameworks.load("reference").build(spec, TOKENS, weights, 0)
    norms = gradient_norms.norms(model.state_jacobians(np.zeros((2, 6), np.int32)), "minimal", (4,))
    np.testing.assert_allclose(norms["h"], 0.5 ** np.arange(5, -1, -1))


def test_each_state_has_its_own_block():
    jacobians = np.zeros((1, 1, 5, 5))
    jacobians[0, 0, :2, :2], jacobians[0, 0, 2:, 2:] = 3 * np.eye(2), 7 * np.eye(3)
    assert gradient_norms.norms(jacobians, "lstm", (2, 3)) == {"h": [pytest.approx(3)], "c": [pytest.approx(7)]}


def test_the_longest_trained_trial_of_each_cell_is_chosen():
    wanted = trial("lstm", epochs=9)
    others = [
        trial("lstm", epochs=3),
        trial("lstm", epochs=9, seed=1),
        trial("lstm", conventions="stock", epochs=99),
        trial("lstm", network={"bidirectional": True}, epochs=99),
        trial("lstm", network={"encoder": "bag"}, epochs=99),
    ]
    gru = trial("gru", "scratch")
    assert gradient_norms.choose([*others, wanted, gru]) == [wanted, gru]


def test_every_framework_and_the_reference_measure_a_chosen_trial():
    jobs = gradient_norms.jobs([trial("lstm"), trial("gru")], ("tf2", "pytorch"), lambda name: f"{name} 1")
    assert [(job.spec.network.cell, job.framework) for job in jobs] == [
        (cell, name) for cell in ("lstm", "gru") for name in ("reference", "tf2", "pytorch")
    ]
    assert len({job.fingerprint for job in jobs}) == len(jobs)
    assert all(job.spec.network.units == (4,) and job.spec.training.dtype == "float64" for job in jobs)


def test_only_the_first_layers_weights_are_taken():
    whole = make_spec("lstm", "layer")
    first = gradient_norms.first_layer(whole, "scratch")
    weights = gradient_norms.first_weights(canonical.draw(whole, TOKENS, 0), first, TOKENS)
    assert {name: value.shape for name, value in weights.items()} == canonical.shapes(first, TOKENS)
    assert not weights["head/0/kernel"].any()


JOB = gradient_norms.GradientNorms(make_spec("lstm", "scratch", depth=1), "reference", "v", DATA, "source", 0)


@pytest.mark.parametrize(
    "event, failure, files",
    [
        (Finished({}, {"horizon.json": b"{}", "environment.json": b'{"threads": 1}'}), "", {"horizon.json"}),
        (Failed("out of luck", "Traceback"), "out of luck", {"traceback.txt"}),
    ],
    ids=["finished", "failed"],
)
def test_a_note_says_what_a_job_ended_with(event, failure, files):
    (note,) = records.records([JOB], lambda jobs: (each for each in [(0, jobs[0], event)]))
    assert note.failure == failure and files <= set(note.files)
    assert note.tags["kind"] == "horizon" and note.tags["fingerprint"] == JOB.fingerprint
    assert note.title == "horizon · lstm · reference"


def test_a_faulty_measurement_is_a_failure_not_a_crash(monkeypatch):
    monkeypatch.setattr(tasks, "module_of", tasks.module_of)  # loading a toy puts its own there
    *_, last = JOB.run(toys.load("reference"))
    assert isinstance(last, Failed)


def record(scale: float) -> dict:
    curve = (scale * 0.5 ** np.arange(5, -1, -1)).tolist()
    return {"start": {"h": curve, "c": curve}, "trained": {"h": curve, "c": curve}}


def results(norms) -> Results:
    return Results("s", None, None, None, gradient_norms=norms)


def test_the_page_says_by_how_much_autodiff_is_off():
    measured = {("lstm", "reference"): record(1.0), ("lstm", "tf2"): record(1.0), ("lstm", "pytorch"): record(1.25)}
    section = page.section(results(measured))
    said = section.blocks[-1].text
    assert "at most 0 in TensorFlow 2 and 0.2 in PyTorch" in said


def test_the_page_says_what_is_left_at_the_furthest_step():
    measured = {("lstm", "reference"): record(1.0), ("lstm", "tf2"): record(1.0)}
    points = page.section(results(measured)).blocks[-2]
    assert points.items == (
        "lstm, 5 steps back: h 0.03 before and 0.03 after training; c 0.03 before and 0.03 after training.",
    )


@pytest.mark.parametrize(
    "norms, words",
    [({}, "Not measured yet"), ({("lstm", "tf2"): record(1.0)}, "reference's product is missing")],
    ids=["empty", "half"],
)
def test_the_page_says_what_is_missing(norms, words):
    blocks = page.section(results(norms)).blocks
    assert words in blocks[-1].text and blocks[-1].kind == "missing"


@pytest.mark.parametrize("text", ["[]", "{}", "no JSON", json.dumps({"start": {}})])
def test_a_broken_record_is_refused(text):
    with pytest.raises(ValueError):
        artifacts.gradient_norms(text)
