"""Specs, studies, conventions and canonical weights: what they accept, refuse, name and draw."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from cases import TOKENS, make_spec
from hypothesis import given
from hypothesis import strategies as st
from plans import DATA, experiments_of

from experiments import canonical, tasks
from experiments.cells import CELLS
from experiments.conventions import TABLE, Conventions
from experiments.draws import batch_order, dropout_masks, generator, orthogonal
from experiments.errors import UserError
from experiments.parity.grid import FORMS
from experiments.protocol import Absent, Native
from experiments.spec import ExperimentSpec, to_toml
from experiments.study import plan, schema
from experiments.study.select import select
from experiments.tasks import DataSource
from experiments.training.batches import steps_per_epoch
from experiments.training.trial import Trial

HEAD = 'name = "mine"\ndescription = "d"\n'
GRID = HEAD + '[[grid]]\ntask = "imdb"\nnetwork = { cell = "lstm", form = "layer" }\n'


def read(tmp_path: Path, text: str) -> list:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return experiments_of(path)


BAD = {
    "unknown cell": (GRID.replace('"lstm"', '"lstmm"'), ["network.cell", "'lstmm'", "simple_rnn", "gru"]),
    "unknown form": (GRID.replace('"layer"', '"loop"'), ["network.form", "'loop'", "cell_loop", "scratch"]),
    "unknown task": (GRID.replace('"imdb"', '"imbd"'), ["task", "'imbd'", "imdb", "sine"]),
    "misspelt key": (GRID.replace("form =", "fromm ="), ["network.fromm", "no such key", "form"]),
    "misspelt top key": ("seed = 3\n" + GRID, ["seed", "no such key", "seeds"]),
    "misspelt grid key": (GRID + 'conventionz = "keras"\n', ["conventionz", "no such key", "conventions"]),
    "misspelt task key": (
        GRID.replace('"imdb"', '{ name = "imdb", wrods = 5 }'),
        ["task.wrods", "no such key", "words"],
    ),
    "negative epochs": (GRID + "training = { epochs = -1 }\n", ["training.epochs", "-1", "greater than 0"]),
    "bad dropout": (GRID.replace("form =", "dropout = 1.5, form ="), ["network.dropout", "1.5", "less than 1"]),
    "five layers": (GRID.replace("form =", "units = [1, 2, 3, 4, 5], form ="), ["network.units", "at most 4"]),
    "override on stock": (
        GRID + 'conventions = { base = "stock", embedding = "keras" }\n',
        ["conventions", "stock", "overridden"],
    ),
    "unknown convention": (GRID + 'conventions = "tensorflow"\n', ["conventions.base", "'tensorflow'", "pytorch"]),
    "embedding on sine": (
        GRID.replace('"imdb"', '"sine"').replace("form =", "embedding_size = 4, form ="),
        ["embedding_size", "sine"],
    ),
    "projection without size": (GRID.replace('"lstm"', '"lstm_projection"'), ["projection_size", "whole number"]),
    "peephole on a GRU": (GRID.replace('"lstm"', '"gru", cell_clip = 1.0'), ["cell_clip", "gru", "allowed: none"]),
    "a table misspelt": (GRID + "vary = { network = [{ cel = 1 }] }\n", ["network.cel", "no such key"]),
    "vary nothing": (GRID + 'vary = { "network.cell" = [] }\n', ["vary", "at least 1"]),
    "vary misspelt": (GRID + 'vary = { "network.cel" = ["gru"] }\n', ["network.cel", "no such key"]),
    "no task": (GRID.replace('task = "imdb"\n', ""), ["grid", "task", "missing"]),
    "sweep misspelt": (GRID + 'sweep = { "network.unit" = [[3]] }\n', ["network.unit", "no such key"]),
    "no grid": (HEAD, ["grid", "missing"]),
    "not TOML": ("name = ", ["not valid TOML", "Invalid value"]),
    "bad name": (GRID.replace('"mine"', '"../x"'), ["name", "pattern"]),
    "unknown framework": ('frameworks = ["jax"]\n' + GRID, ["frameworks", "'jax'", "pytorch"]),
    "window too long": (
        GRID.replace('"imdb"', '{ name = "sine", points = 10, window = 10 }'),
        ["task", "window 10", "points"],
    ),
}


@pytest.mark.parametrize("text, words", BAD.values(), ids=BAD)
def test_a_bad_study_is_one_line_with_file_key_and_what_is_allowed(tmp_path, text, words):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "mine.toml" in message
    missing = [word for word in words if word not in message]
    assert not missing, message


def test_an_unknown_study_names_ours():
    with pytest.raises(UserError, match=r"quick.*smoke"):
        schema.find("quik")


@pytest.mark.parametrize("name", ["smoke", "quick", "full"])
def test_our_studies_are_valid_and_cover_every_cell_and_form(name):
    path = schema.find(name)
    specs = [spec for spec, _ in experiments_of(path)]
    assert {spec.network.cell for spec in specs} == set(CELLS)
    assert {spec.network.form for spec in specs} == set(FORMS)
    assert {spec.task.name for spec in specs} == set(tasks.MODULES)
    assert len({spec.fingerprint for spec in specs}) == len(specs)


@pytest.mark.parametrize("name, seeds", [("quick", 3), ("full", 6)])
def test_the_table_has_its_seeds(name, seeds):
    path = schema.find(name)
    found = {
        (spec.network.cell, spec.conventions.label): count
        for spec, count in sorted(experiments_of(path), key=lambda pair: pair[1])
        if spec.task.name == "imdb" and spec.network.form == "layer"
    }
    wanted = {(cell, base) for cell in ("simple_rnn", "lstm", "gru") for base in ("stock", "keras", "pytorch")}
    assert {key for key, count in found.items() if count >= seeds} >= wanted


def test_the_grid_varies_the_last_field_fastest_and_drops_repeats(tmp_path):
    text = GRID + '[grid.vary]\n"network.cell" = ["lstm", "gru"]\nconventions = ["stock", "keras"]\n'
    found = [spec.slug for spec, _ in read(tmp_path, text + text.removeprefix(HEAD))]
    ends = ["lstm-layer-64x64-stock", "lstm-layer-64x64-keras", "gru-layer-64x64-stock", "gru-layer-64x64-keras"]
    assert found == [f"imdb-{end}" for end in ends]


def test_a_varied_table_joins_its_part_and_another_task_replaces_it(tmp_path):
    base = '[[grid]]\ntask = { name = "sine", window = 9 }\nnetwork = { form = "scratch", units = [3] }\n[grid.vary]\n'
    text = base + 'network = [{ cell = "gru" }, { cell = "lstm_projection", projection_size = 2 }]\n'
    found = [spec for spec, _ in read(tmp_path, HEAD + text + 'task = ["sine", { name = "sine", window = 7 }]\n')]
    networks = [spec.network for spec in found]
    assert [(each.cell, each.projection_size) for each in networks[::2]] == [("gru", None), ("lstm_projection", 2)]
    assert {(each.form, each.units) for each in networks} == {("scratch", (3,))}
    assert [spec.task.window for spec in found] == [50, 7] * 2


def test_swept_fields_change_one_at_a_time_and_varied_ones_with_each_other(tmp_path):
    text = '[[grid]]\nnetwork = { form = "layer", units = [4] }\n[grid.vary]\ntask = ["imdb", "sine"]\n'
    text += '"network.cell" = ["lstm", "gru"]\n'
    text += '[grid.sweep]\n"network.units" = [[2], [4]]\n"training.batch_size" = [8, 16]\n'
    found = [
        (spec.task.name, spec.network.cell, spec.network.units, spec.training.batch_size)
        for spec, _ in read(tmp_path, HEAD + text)
    ]
    own = {"imdb": 128, "sine": 512}
    assert found == [
        (task, cell, *point)
        for task in ("imdb", "sine")
        for cell in ("lstm", "gru")
        for point in (((2,), own[task]), ((4,), own[task]), ((4,), 8), ((4,), 16))
    ]


def make_plan(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")

    def supports(framework, spec):
        return Absent("none here") if (framework, spec.network.form) == ("pytorch", "unrolled") else Native()

    return plan.lay_out(schema.read(path), path, supports, lambda name: f"{name} 1", lambda task: DATA)


def test_a_plan_holds_trials_for_each_framework_and_seed_and_says_what_is_absent(tmp_path):
    plan = make_plan(tmp_path, "seeds = 2\n" + GRID + 'vary = { "network.form" = ["layer", "unrolled"] }\n')
    names = [(trial.spec.network.form, trial.name) for trial in plan.jobs("training")]
    layer = [("layer", f"{name} · seed {seed}") for name in ("tf2", "pytorch") for seed in (0, 1)]
    assert names == [*layer, ("unrolled", "tf2 · seed 0"), ("unrolled", "tf2 · seed 1")]
    assert [each[:3] for each in plan.absent("training")] == [
        ("pytorch", "imdb-lstm-unrolled-64x64-stock", "none here")
    ]
    assert len({trial.fingerprint for trial in plan.jobs("training")}) == len(plan.jobs("training"))


@pytest.mark.parametrize(
    "only, count",
    [
        ([], 8),
        (["framework=tf2"], 4),
        (["framework=tf2", "framework=pytorch"], 8),
        (["framework=tf2", "seed=1"], 2),
        (["conventions=keras", "cell=lstm", "form=layer", "task=imdb"], 4),
    ],
)
def test_only_selects(tmp_path, only, count):
    plan = make_plan(tmp_path, "seeds = 2\n" + GRID + 'vary = { conventions = ["stock", "keras"] }\n')
    assert len(select(plan.jobs("training"), only)) == count


@pytest.mark.parametrize("only", ["cell", "sell=lstm", "cell=", "cell=gru", "seed=7"])
def test_only_refuses_what_no_trial_has(tmp_path, only):
    plan = make_plan(tmp_path, GRID)
    with pytest.raises(UserError, match=r"--only .*allowed"):
        select(plan.jobs("training"), [only])


VARIANTS = {
    "spec": {"spec": make_spec("lstm", "layer", "pytorch")},
    "framework": {"framework": "pytorch"},
    "version": {"version": "v2"},
    "seed": {"seed": 1},
    "data": {"data": DataSource("imdb-test", "e" * 64, None, "")},
}


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_a_fingerprint_covers_spec_framework_version_seed_and_data(change):
    base = {"spec": make_spec("lstm", "layer"), "framework": "tf2", "version": "v1", "seed": 0, "data": DATA}
    assert Trial(**base).fingerprint == Trial(**base).fingerprint
    assert Trial(**base | change).fingerprint != Trial(**base).fingerprint


def test_a_moved_data_file_is_the_same_data():
    base = {"spec": make_spec("lstm", "layer"), "framework": "tf2", "version": "v1", "seed": 0}
    moved = DataSource("other name", DATA.digest, "/elsewhere", "moved")
    assert Trial(**base, data=DATA).fingerprint == Trial(**base, data=moved).fingerprint


conventions = st.builds(
    lambda base, overrides: Conventions(base=base, **(overrides if base != "stock" else {})),
    st.sampled_from(["stock", "keras", "pytorch"]),
    st.dictionaries(st.sampled_from(sorted(TABLE)), st.sampled_from(["keras", "pytorch"])),
)


@given(conventions, st.sampled_from(tuple(CELLS)), st.sampled_from(FORMS), st.floats(1e-6, 10))
def test_a_spec_survives_its_own_toml_and_json(convention, cell, form, rate):
    spec = make_spec(cell, form, convention.model_dump(), learning_rate=rate)
    assert ExperimentSpec.model_validate_json(spec.model_dump_json()) == spec
    assert ExperimentSpec.model_validate(tomllib.loads(to_toml(spec))) == spec


@given(conventions)
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


def test_an_ablation_moves_only_its_own_draw():
    base = canonical.draw(make_spec("lstm", "layer", "pytorch"), TOKENS, 0)
    ablated = canonical.draw(make_spec("lstm", "layer", {"base": "pytorch", "embedding": "keras"}), TOKENS, 0)
    moved = [name for name in base if not np.array_equal(base[name], ablated[name])]
    assert moved == ["embedding/table"]
    assert np.abs(ablated["embedding/table"]).max() <= 0.05


@pytest.mark.parametrize("field", TABLE)
def test_the_readme_shows_the_table_as_it_is(field):
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert f"| `{field}` | {TABLE[field]['keras']} | {TABLE[field]['pytorch']} |" in readme


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
