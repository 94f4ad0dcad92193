"""Results of release 0.1 still count as done: fingerprints of each kind are held to the values they had there."""

import pytest
from plans import native

from experiments.parity import check
from experiments.spec import ExperimentSpec
from experiments.study import plan, schema
from experiments.tasks import DataSource, digits, sine

VERSIONS = {"tf2": "tensorflow 2.21.0, keras 3.15.1", "pytorch": "torch 2.13.0+cpu", "reference": "numpy 2.4.6"}
REVIEWS = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
STOCK = "imdb-lstm-layer-8x8-stock"
#: Slug, framework → the fingerprint of seed 0.
KEPT = {
    (STOCK, "pytorch"): "48653fafaa0234549c77d8b55dac62186d0edb44364fb2921b68f3d631a2a2de",
    ("imdb-lstm-layer-8x8-pytorch", "tf2"): "637cca111c3027eaeac2bf26bb64ac69900185ab495e53799738e78032f7ced8",
    ("imdb-lstm-layer-8x8-pytorch", "pytorch"): "dfe079263dfe0ec186f540f5146b4f51b710ed30c3a261e7515e3a8e2ec7e437",
    ("sine-lstm-cell_loop-8-stock", "pytorch"): "c4ffaecef411aae2c3e5e26e6385721cf17c9bc56cc343a77c4a295588890b3d",
}
#: Trials whose mathematics changed: Keras's batches are those of fit, and it squares each occurrence of a word.
CHANGED = {
    (STOCK, "tf2"): "0d28002a791f6838093f9fe1288f6d63662c71383c3af7d463763c75ad6ac59f",
    ("imdb-lstm-layer-8x8-keras", "pytorch"): "bbdc75cfdefdd39edac098d65d934c768c9280ca9dd8db3e35612d58063d0d86",
    ("sine-lstm-cell_loop-8-stock", "tf2"): "4df1e5c6a4f0ba4bc257f93376196fce658e1b46972e85fdf63a09d55ea288b1",
}

PROBES = {
    "tf2": "011d55cd8675097c63d48076adafbd293e3a4dfbe68c426abade8a646f6df296",
    "pytorch": "ba1938f77e3d253cce3b1b7acd7d721b1629d54f3038d7910f13ddd3fe61e06a",
}


def locate(spec) -> DataSource:
    if spec.name == "imdb":
        return DataSource("imdb-packaged", REVIEWS, None, "")
    return {"sine": sine, "digits": digits}[spec.name].locate(spec, "packaged")


@pytest.fixture(scope="module")
def smoke():
    path = schema.find("smoke")
    study = schema.read(path)
    study = study.model_copy(
        update={"grid": tuple(grid for grid in study.grid if grid.task.get("name") != "chars"), "measure": ()}
    )
    return plan.lay_out(study, path, native, VERSIONS.__getitem__, locate)


def trials(laid) -> dict[tuple[str, str], str]:
    return {(each.spec.slug, each.framework): each.fingerprint for each in laid.jobs("training") if each.seed == 0}


@pytest.mark.parametrize("slug, framework", KEPT)
def test_a_trial_that_would_train_the_same_is_still_the_same(smoke, slug, framework):
    assert trials(smoke)[slug, framework] == KEPT[slug, framework]


@pytest.mark.parametrize("slug, framework", CHANGED)
def test_a_trial_whose_mathematics_changed_runs_again(smoke, slug, framework):
    assert trials(smoke)[slug, framework] != CHANGED[slug, framework]


def test_a_parity_check_differs_by_its_version_alone(smoke, monkeypatch):
    monkeypatch.setattr(check, "VERSION", 2)
    again = {each.slug: check.ParityCheck(each.spec, each.versions).fingerprint for each in smoke.jobs("parity")}
    assert again["lstm-layer-keras-float64"] == "44ba29faf95e7455c98b0fd655fb3f9e4fe17fed35fbb234e6bd3e2a43e3f024"


def test_a_probe_is_still_the_same():
    path = schema.find("seeds")
    study = schema.read(path).model_copy(update={"grid": ()})
    laid = plan.lay_out(study, path, native, VERSIONS.__getitem__, locate)
    assert {each.framework: each.fingerprint for each in laid.jobs("probes")} == PROBES


def test_a_new_field_counts_only_where_it_is_set():
    spec = ExperimentSpec.model_validate({"task": "imdb", "network": {"cell": "lstm", "form": "layer"}})
    moved = spec.model_copy(update={"training": spec.training.model_copy(update={"moved_ulps": 1})})
    assert "moved_ulps" in moved.model_dump_json() and moved.fingerprint != spec.fingerprint
