"""Specs, conventions, draws and canonical weights: fingerprints, TOML, distributions."""

import tomllib

import numpy as np
import pytest
from cases import TOKENS, make_spec
from hypothesis import given
from hypothesis import strategies as st
from plans import DATA
from pydantic import create_model

from experiments import canonical
from experiments.cells import CELLS
from experiments.conventions import TABLE, Conventions
from experiments.draws import batch_order, dropout_masks, generator, orthogonal
from experiments.parity.grid import FORMS
from experiments.spec import ExperimentSpec, to_toml
from experiments.tasks import DataSource, imdb_store
from experiments.tasks.imdb import KNOWN
from experiments.tasks.sine import SineSpec
from experiments.training.batches import steps_per_epoch
from experiments.training.trial import Trial

VARIANTS = {
    "spec": {"spec": make_spec("lstm", "layer", "pytorch")},
    "framework": {"framework": "pytorch"},
    "version": {"version": "v2"},
    "seed": {"seed": 1},
    "data": {"data": DataSource("imdb-test", "e" * 64, None, "")},
}


CONVENTIONS = st.builds(
    lambda base, overrides: Conventions(base=base, **(overrides if base != "stock" else {})),
    st.sampled_from(["stock", "keras", "pytorch"]),
    st.dictionaries(st.sampled_from(sorted(TABLE)), st.sampled_from(["keras", "pytorch"])),
)


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_a_fingerprint_covers_spec_framework_version_seed_and_data(change):
    base = {"spec": make_spec("lstm", "layer"), "framework": "tf2", "version": "v1", "seed": 0, "data": DATA}
    assert Trial(**base).fingerprint == Trial(**base).fingerprint
    assert Trial(**base | change).fingerprint != Trial(**base).fingerprint


def test_a_moved_data_file_is_the_same_data():
    base = {"spec": make_spec("lstm", "layer"), "framework": "tf2", "version": "v1", "seed": 0}
    moved = DataSource("other name", DATA.digest, "/elsewhere", "moved")
    assert Trial(**base, data=DATA).fingerprint == Trial(**base, data=moved).fingerprint


@given(CONVENTIONS, st.sampled_from(tuple(CELLS)), st.sampled_from(FORMS), st.floats(1e-6, 10))
def test_a_spec_survives_its_own_toml_and_json(convention, cell, form, rate):
    spec = make_spec(cell, form, convention.model_dump(), learning_rate=rate)
    assert ExperimentSpec.model_validate_json(spec.model_dump_json()) == spec
    assert ExperimentSpec.model_validate(tomllib.loads(to_toml(spec))) == spec


@given(CONVENTIONS)
def test_an_override_equal_to_its_base_is_none(convention):
    assert convention.base not in convention.overrides.values()
    assert all(convention.owner(field, "keras") == owner for field, owner in convention.overrides.items())
    assert convention.label.count("=") == len(convention.overrides)


@given(st.integers(1, 3000), st.integers(1, 400), st.integers(0, 9))
def test_batches_visit_every_sample_once(samples, size, seed):
    batches = list(batch_order("default", samples, size, generator(seed, "x")))
    assert sorted(np.concatenate(batches)) == list(range(samples))
    assert {len(batch) for batch in batches[:-1]} <= {size}


@given(st.integers(1, 3000), st.integers(1, 400), st.integers(0, 9))
def test_tf_datas_batches_drop_the_last_partial_one_and_reach_no_further_than_the_buffer(samples, size, seed):
    batches = list(batch_order("tf.data", samples, size, generator(seed, "x")))
    order = np.concatenate(batches) if batches else np.empty(0, int)
    assert [len(batch) for batch in batches] == [size] * (samples // size)
    assert len(set(order.tolist())) == len(order)
    assert np.all(order - np.arange(len(order)) < 1000)  # a sample is drawn at most a buffer's length early


@pytest.mark.parametrize("owner, shapes", [("keras", [(7, 1, 5), (7, 1, 4)]), ("pytorch", [None, (7, 6, 4)])])
def test_dropout_masks_have_their_owners_shapes_and_keep_the_mean(owner, shapes):
    masks = dropout_masks(owner, 0.25, (5, 4), 7, 6, "float32", generator(0, "x"))
    assert [None if mask is None else mask.shape for mask in masks] == shapes
    big = dropout_masks(owner, 0.25, (500, 400), 100, 6, "float32", generator(0, "x"))[1]
    assert big.dtype == np.float32
    assert set(np.unique(big)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(big.mean() - 1) < 0.01


@pytest.mark.parametrize("shape", [(4, 12), (12, 4), (5, 5)])
def test_orthogonal_is_orthogonal(shape):
    q = orthogonal(generator(0, "x"), *shape)
    product = q @ q.T if shape[0] <= shape[1] else q.T @ q
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-12)


WANTED = {
    ("lstm", "keras"): {"bias": 1}, ("lstm", "pytorch"): {"bias": 1, "recurrent_bias": 1},
    ("gru", "keras"): {"bias": 1, "recurrent_bias": 1}, ("gru", "pytorch"): {"bias": 1, "recurrent_bias": 1},
    ("simple_rnn", "keras"): {"bias": 1}, ("simple_rnn", "pytorch"): {"bias": 1, "recurrent_bias": 1},
    ("minimal", "keras"): {}, ("minimal", "pytorch"): {},
}  # fmt: skip


@pytest.mark.parametrize("cell, owner", WANTED)
def test_canonical_shapes_and_the_number_of_biases(cell, owner):
    found = canonical.shapes(make_spec(cell, "layer", owner), TOKENS)
    gates = len(canonical.GATES[cell])
    wanted = {
        "embedding/table": (20, 5),
        "rnn/0/forward/kernel": (5, gates, 4),
        "rnn/0/forward/recurrent_kernel": (4, gates, 4),
        "rnn/1/forward/kernel": (4, gates, 3),
        "rnn/1/forward/recurrent_kernel": (3, gates, 3),
        "head/0/kernel": (3, 1),
        "head/0/bias": (1,),
    }
    for layer, units in enumerate((4, 3)):
        wanted |= {f"rnn/{layer}/forward/{name}": (gates, units) for name in WANTED[cell, owner]}
    assert found == wanted


@pytest.mark.parametrize(
    "field, own",
    [
        ("embedding", {"embedding/table"}),
        ("kernel", {"rnn/0/forward/kernel", "rnn/1/forward/kernel"}),
        ("recurrent_kernel", {"rnn/0/forward/recurrent_kernel", "rnn/1/forward/recurrent_kernel"}),
        ("head", {"head/0/kernel", "head/0/bias"}),
    ],
)
def test_an_ablation_moves_only_its_own_draw(field, own):
    base, keras = (canonical.draw(make_spec("lstm", "layer", each), TOKENS, 0) for each in ("pytorch", "keras"))
    ablated = canonical.draw(make_spec("lstm", "layer", {"base": "pytorch", field: "keras"}), TOKENS, 0)
    assert {name for name in base if not np.array_equal(base[name], ablated[name])} == own
    assert all(np.array_equal(keras[name], ablated[name]) for name in own)


def test_the_forget_gates_bias_may_be_chosen():
    chosen = canonical.draw(make_spec("lstm", "layer", "pytorch", network={"forget_bias": 2.5}), TOKENS, 0)
    assert (chosen["rnn/0/forward/bias"][1] == 2.5).all() and not chosen["rnn/0/forward/recurrent_bias"][1].any()


def test_draws_follow_the_table():
    keras = canonical.draw(make_spec("lstm", "layer", "keras", dtype="float64"), TOKENS, 0)
    np.testing.assert_array_equal(keras["rnn/0/forward/bias"], [[0] * 4, [1] * 4, [0] * 4, [0] * 4])
    assert np.abs(keras["rnn/0/forward/kernel"]).max() <= np.sqrt(6 / (5 + 16))
    recurrent = keras["rnn/0/forward/recurrent_kernel"].reshape(4, 16)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-12)
    pytorch = canonical.draw(make_spec("lstm", "layer", "pytorch", dtype="float64"), TOKENS, 0)
    limits = {name: np.abs(value).max() for name, value in pytorch.items()}
    assert limits.pop("embedding/table") > 1
    assert all(value <= (0.5 if "/0/forward" in name else 3**-0.5) for name, value in limits.items())
    with pytest.raises(ValueError, match="stock"):
        canonical.draw(make_spec("lstm", "layer", "stock"), TOKENS, 0)


@pytest.mark.parametrize("pipeline, steps", [("tf.data", 2), ("default", 3)])
def test_steps_per_epoch(pipeline, steps):
    spec = make_spec("lstm", "layer", batch_size=10, pipeline=pipeline)
    assert steps_per_epoch(spec, 25) == steps


@pytest.mark.parametrize("owner", ["keras", "pytorch"])
def test_streams_have_a_window_of_every_row_in_each_step(owner):
    spec = make_spec("lstm", "layer", owner, batch_size=10)
    assert steps_per_epoch(spec, 25, stateful=True) == 2
    with pytest.raises(ValueError, match=r"rows have a window each.*at most 9"):
        steps_per_epoch(spec, 9, stateful=True)


def test_no_step_left_is_an_error():
    with pytest.raises(ValueError, match="allowed: a batch_size of at most 25"):
        steps_per_epoch(make_spec("lstm", "layer", batch_size=26, pipeline="tf.data"), 25)


def test_a_text_path_with_any_character_survives_the_toml():
    spec = ExperimentSpec.model_validate(
        {"task": {"name": "chars", "text": 'texts/🦉 "quoted".txt'}, "network": {"cell": "lstm", "form": "layer"}}
    )
    assert ExperimentSpec.model_validate(tomllib.loads(to_toml(spec))) == spec


@pytest.mark.parametrize("name", ["units", "batch_size", "seed", "framework", "conventions", "task"])
def test_a_tasks_field_whose_name_is_taken_keeps_its_parameter(name):
    clashing = create_model("Clashing", __base__=SineSpec, **{name: (int, 7)})
    spec = make_spec("lstm", "layer").model_copy(update={"task": clashing()})
    assert spec.params[f"task.{name}"] == 7 and spec.params["units"] == "4x3" and spec.params.get("task") == "sine"


@pytest.mark.parametrize("name", ["packaged.npz", "packaged", "keras"])
def test_a_file_named_like_a_source_is_not_that_source(tmp_path, name):
    (tmp_path / name).write_bytes(b"a file")
    assert imdb_store._find(str(tmp_path / name)).name not in KNOWN
