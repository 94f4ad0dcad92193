"""The designs over the conventions' fields, and the tables of a study that ask for them."""

import itertools

import numpy as np
import pytest
import toys

from experiments.errors import UserError
from experiments.spec import ExperimentSpec
from experiments.study import factorial, plan, schema
from experiments.study.defaults import arm

HEAD = 'name = "s"\ndescription = "d"\n'
IMDB = """
[[defaults]]
task = { name = "imdb", train_reviews = 100 }
network = { cell = "lstm", form = "layer" }
seeds = 2
"""
FIELDS = ("embedding", "kernel", "recurrent_kernel", "bias", "head", "dropout", "adam", "repeated_words")


@pytest.mark.parametrize("fields", range(1, 9))
def test_every_effect_and_pair_is_told_apart(fields):
    levels = factorial.factorial(fields)
    columns, names = factorial.columns(levels)
    assert len(names) == 1 + fields + fields * (fields - 1) // 2
    np.testing.assert_array_equal(columns.T @ columns, len(levels) * np.eye(len(names)))
    assert len(set(map(tuple, levels))) == len(levels)


def test_eight_fields_take_64_arms_and_37_columns():
    levels = factorial.factorial(8)
    assert levels.shape == (64, 8) and factorial.columns(levels)[0].shape == (64, 37)
    a, b, c, d, e, f, g, h = levels.T
    np.testing.assert_array_equal(g, a * b * c * d)
    np.testing.assert_array_equal(h, a * b * e * f)


@pytest.mark.parametrize("start", [-1, 1])
def test_alone_changes_one_field_at_a_time(start):
    levels = factorial.alone(3, start)
    assert levels[0].tolist() == [start] * 3
    assert [(levels[0] != row).sum() for row in levels[1:]] == [1, 1, 1]


def trials(tmp_path, text):
    path = tmp_path / "s.toml"
    path.write_text(HEAD + text)
    study = schema.read(path)
    laid = plan.lay_out(study, path, toys.supports, lambda name: "1", lambda spec: toys.DATA)
    return laid.jobs("training")


def test_the_design_becomes_trials_with_the_same_seeds_in_every_arm(tmp_path):
    found = [trial for trial in trials(tmp_path, IMDB) if trial.framework == "pytorch"]
    assert len(found) == 64 * 2 and len({trial.fingerprint for trial in found}) == 128
    arms = {trial.spec.conventions.label for trial in found}
    assert {"keras", "pytorch"} & arms and len(arms) == 64
    for label, of_arm in itertools.groupby(
        sorted(found, key=lambda t: t.spec.conventions.label), lambda t: t.spec.conventions.label
    ):
        assert {trial.seed for trial in of_arm} == {0, 1}, label


def test_corners_are_the_plain_conventions_and_share_their_trials(tmp_path):
    grid = IMDB.replace("defaults", "grid")
    grid += '[grid.vary]\nconventions = ["keras", "pytorch"]\n'
    alone = trials(tmp_path, IMDB + 'design = "corners"\nboth = 0.0\n')
    labels = {trial.spec.conventions.label for trial in alone}
    assert labels == {"keras", "pytorch"} | {f"keras+{f}=pytorch" for f in FIELDS} | {
        f"pytorch+{f}=keras" for f in FIELDS
    }
    together = trials(tmp_path, IMDB + 'design = "corners"\nboth = 0.0\n' + grid)
    assert len(together) == len(alone) + 4, "only the other twin's are new"


def test_a_fixed_share_runs_on_both(tmp_path):
    found = trials(tmp_path, IMDB)
    both = [(trial.spec.fingerprint, trial.seed) for trial in found if trial.framework == "tf2"]
    assert 0 < len(both) < 20 and both == [
        (t.spec.fingerprint, t.seed) for t in trials(tmp_path, IMDB) if t.framework == "tf2"
    ]
    every = trials(tmp_path, IMDB + "both = 1.0\n")
    assert len(every) == 2 * 128


def test_fresh_seeds_and_chosen_fields(tmp_path):
    found = trials(tmp_path, IMDB + 'first_seed = 100\nfields = ["embedding", "dropout", "adam"]\nboth = 0.0\n')
    assert len(found) == 8 * 2 and {trial.seed for trial in found} == {100, 101}
    assert {trial.spec.conventions.base for trial in found} == {"keras"}, "other fields stay Keras's"


def test_fields_that_cannot_act_are_left_out(tmp_path):
    digits = '[[defaults]]\ntask = "digits"\nnetwork = { cell = "gru", form = "layer" }\nseeds = 1\nboth = 0.0\n'
    found = trials(tmp_path, digits)
    switched = {name for trial in found for name in trial.spec.conventions.overrides}
    assert switched == {"kernel", "recurrent_kernel", "bias", "head", "adam"} and len(found) == 16


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('fields = ["rmsprop", "adam"]', "rmsprop cannot act: the optimiser is adam"),
        ('fields = ["adam", "adam"]', "at most 8, each once"),
        ('fields = ["colour"]', "colour"),
        ('design = "some"', "allowed: 'factorial' or 'corners'"),
        ('start = ["stock"]', "allowed"),
        ("both = 2", "both"),
    ],
)
def test_bad_tables_are_one_line(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        trials(tmp_path, IMDB + text + "\n")


def test_an_arm_near_pytorchs_corner_is_written_from_it():
    corner = ExperimentSpec.model_validate(
        {"task": "imdb", "network": {"cell": "lstm", "form": "layer"}, "conventions": "keras"}
    )
    levels = dict.fromkeys(FIELDS, 1) | {"bias": -1}
    assert arm(corner, levels).conventions.label == "pytorch+bias=keras"
    assert arm(corner, dict.fromkeys(FIELDS, 1)).conventions.label == "pytorch"
