"""Results of release 0.1 still count as done: fingerprints of each kind are held to the values they had then."""

from dataclasses import replace

import pytest
from plans import native

from experiments.parity import check
from experiments.spec import ExperimentSpec
from experiments.study import plan, schema
from experiments.tasks import DataSource, digits, sine

VERSIONS = {"tf2": "tensorflow 2.21.0, keras 3.15.1", "pytorch": "torch 2.13.0+cpu", "reference": "numpy 2.4.6"}
CHARACTERS = "4895bd80aacb6a1d1aab5d258c8b3b4fff75dc0a79fd3d0095dd39ae8dbccbd0"
REVIEWS = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
STOCK = "imdb-lstm-layer-8x8-stock"
#: Slug, framework → the fingerprint of seed 0.
KEPT = {
    (STOCK, "pytorch"): "48653fafaa0234549c77d8b55dac62186d0edb44364fb2921b68f3d631a2a2de",
    ("imdb-lstm-layer-8x8-pytorch", "tf2"): "637cca111c3027eaeac2bf26bb64ac69900185ab495e53799738e78032f7ced8",
    ("imdb-lstm-layer-8x8-pytorch", "pytorch"): "dfe079263dfe0ec186f540f5146b4f51b710ed30c3a261e7515e3a8e2ec7e437",
    ("sine-lstm-cell_loop-8-stock", "pytorch"): "c4ffaecef411aae2c3e5e26e6385721cf17c9bc56cc343a77c4a295588890b3d",
    ("digits-lstm-layer-8-stock", "pytorch"): "6e8a2488f6ceeb203283abdf555ede962fd091e13743931e7bc28ba2761671fb",
    ("chars-lstm-layer-8-keras", "tf2"): "db551a62b0ba1f01a48706c22d18c3e20e46e12353b25a0fd99bd0b8c1ff2824",
}
#: Trials whose mathematics changed: Keras's batches are those of fit, and it squares each occurrence of a word.
CHANGED = {
    (STOCK, "tf2"): "0d28002a791f6838093f9fe1288f6d63662c71383c3af7d463763c75ad6ac59f",
    ("imdb-lstm-layer-8x8-keras", "pytorch"): "bbdc75cfdefdd39edac098d65d934c768c9280ca9dd8db3e35612d58063d0d86",
    ("sine-lstm-cell_loop-8-stock", "tf2"): "4df1e5c6a4f0ba4bc257f93376196fce658e1b46972e85fdf63a09d55ea288b1",
}

SOURCE_CALLS = {
    "tf2": "011d55cd8675097c63d48076adafbd293e3a4dfbe68c426abade8a646f6df296",
    "pytorch": "ba1938f77e3d253cce3b1b7acd7d721b1629d54f3038d7910f13ddd3fe61e06a",
}
#: Framework → the fingerprint of the gradient norms measured on the LSTM trial of release 0.1.
TRAINED = "881420d80ccde1a7e15d5a37918e729b4b70012dd0730e71a6605ca378d02048"
GRADIENT_NORMS = {
    "reference": "65742ce1190c8a3037ca7a96f15b51cc317aaccfe3ca730651602cbef50fc0ab",
    "tf2": "9462cb32acfe38b35ba81a7eb0a83257e3031ffeef098444e81ba416f1c97959",
    "pytorch": "71b208d0ccd7fa4d939384f34821d5edfd7e270391a9f8beb57c73652a66336e",
}
SAME_TEXT = {
    "tf2": "ce64965c38bc6109339d0b127c5dd57b9f55a832d602741919773d603acb2e69",
    "pytorch": "5622fd506c8e8ed50e0df1fe6905eed6ecaf1b37fd7b7fb53dbf0c7cdbb84da1",
}
#: Kind, framework → the fingerprints of probes that came later, for one LSTM.
LATER_PROBES = {
    ("rounding", "tf2"): "8cd8387af85c80191deca838f79850780c29232e0c3fd01bde08728735e8dbf7",
    ("rounding", "pytorch"): "755d536192cb1654916a50724d0202cf9fc87a651db1f82bcd4ccca48ea392a7",
    ("calls", "tf2"): "b9a637c82d0fe82530bc5b3a5cc90f0194039738255b18e9bfe5d2463ade383d",
    ("calls", "pytorch"): "7780826da774a09df180f13a90564ec78e870e42251289be90c43fbed4524c9f",
}
TRAPS = {
    "gate_order": "9af44ae23e12a9e084ae57f8ef110506201e549288c912fd0c4986e8fe083c20",
    "cached_mask": "440b7bf794a7b37a4d6c32e098f07185f985945e258a88c5bd50aee7c62c9850",
}
#: Of TensorFlow's tutorial script without any line added, seed 0.
RECIPE = "a5f8e77e7f4d82ae310973de7a6d845ef07496c3535b63bf5df8e5a65529b8c6"
#: Slug → the fingerprint of the experiment alone; a timing's own depends on the machine.
SPECS = {
    STOCK: "78b92822d0ac5f68d5094132090708a0b6ecbb4c07a28c99e6147fb2c7b5a0ae",
    "imdb-lstm-tuned-8x8-stock": "8def7bd4a4c7a42b341d1040164a4cbc35c0071ea91635bb5457a04637271bce",
}


def locate(spec) -> DataSource:
    if spec.name in ("imdb", "chars"):
        return DataSource(spec.name, {"imdb": REVIEWS, "chars": CHARACTERS}[spec.name], None, "")
    return {"sine": sine, "digits": digits}[spec.name].locate(spec, "packaged")


@pytest.fixture(scope="module")
def smoke():
    path = schema.find("smoke")
    return plan.lay_out(schema.read(path), path, native, VERSIONS.__getitem__, locate)


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


@pytest.mark.parametrize("slug", SPECS)
def test_a_timed_experiment_is_still_the_same(smoke, slug):
    assert {each.spec.fingerprint for each in smoke.jobs("speed") if each.spec.slug == slug} == {SPECS[slug]}


def test_gradient_norms_of_the_same_trial_are_still_the_same(smoke):
    jobs = [each for each in smoke.jobs("probes") if (each.kind, each.spec.network.cell) == ("horizon", "lstm")]
    assert {each.framework: replace(each, source=TRAINED).fingerprint for each in jobs} == GRADIENT_NORMS


def test_texts_of_a_trial_that_would_train_the_same_are_still_the_same(smoke):
    jobs = [each for each in smoke.jobs("probes") if (each.kind, each.spec.network.cell) == ("writing", "simple_rnn")]
    assert {each.framework: each.fingerprint for each in jobs} == SAME_TEXT


def test_the_answers_of_source_calls_are_still_the_same():
    path = schema.find("seeds")
    study = schema.read(path).model_copy(update={"grid": ()})
    laid = plan.lay_out(study, path, native, VERSIONS.__getitem__, locate)
    assert {each.framework: each.fingerprint for each in laid.jobs("probes")} == SOURCE_CALLS


@pytest.mark.parametrize("kind, framework", LATER_PROBES)
def test_later_probes_of_the_same_network_are_still_the_same(smoke, kind, framework):
    (job,) = (each for each in smoke.jobs("probes") if (each.kind, each.framework) == (kind, framework))
    assert job.fingerprint == LATER_PROBES[kind, framework]


def test_the_same_traps_are_still_the_same(smoke):
    assert {each.trap: each.fingerprint for each in smoke.jobs("traps")} == TRAPS


def test_the_same_recipe_is_still_the_same():
    path = schema.find("defaults")
    study = schema.read(path).model_copy(update={"grid": (), "defaults": ()})
    laid = plan.lay_out(study, path, native, VERSIONS.__getitem__, locate)
    first = next(each for each in laid.jobs("probes") if each.kind == "recipe")
    assert (first.framework, first.fields, first.seed, first.fingerprint) == ("tf2", (), 0, RECIPE)


def test_a_new_field_counts_only_where_it_is_set():
    spec = ExperimentSpec.model_validate({"task": "imdb", "network": {"cell": "lstm", "form": "layer"}})
    moved = spec.model_copy(update={"training": spec.training.model_copy(update={"moved_ulps": 1})})
    assert "moved_ulps" in moved.model_dump_json() and moved.fingerprint != spec.fingerprint
