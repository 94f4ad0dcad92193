"""Studies: what they accept, refuse, expand to and select."""

from pathlib import Path

import pytest
from plans import DATA, experiments_of

from experiments import tasks
from experiments.cells import CELLS
from experiments.errors import UserError
from experiments.parity.grid import FORMS
from experiments.protocol import Absent, Native
from experiments.study import plan, schema
from experiments.study.select import select

HEAD = 'name = "mine"\ndescription = "d"\n'


GRID = HEAD + '[[grid]]\ntask = "imdb"\nnetwork = { cell = "lstm", form = "layer" }\n'


def read(tmp_path: Path, text: str) -> list:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return experiments_of(path)


BAD = {
    "a number for a source": ("imdb = 5\n" + GRID, ["imdb: 5", "a string"]),
    "a cell for a network": (GRID + 'vary = { network = ["lstm"] }\n', ["network: 'lstm'", "a table of cell, form"]),
    "a number for a table": (GRID + "training = 3\n", ["grid 1.training: 3", "a table"]),
    "a number for a ladder": ("ladder = 3\n" + GRID, ["ladder: 3", "a table of cells, forms"]),
    "a number for a name": (GRID + "conventions = 3\n", ["grid 1.conventions: 3; allowed: a string or a table"]),
    "a number for a task": (GRID.replace('"imdb"', "3"), ["grid 1.task: 3; allowed: a string or a table"]),
    "a number for a list": (GRID.replace("form =", "units = 64, form ="), ["network.units: 64", "a list"]),
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


@pytest.mark.parametrize("name", ["smoke", "quick", "full", "epochs"])
def test_our_studies_repeat_no_experiment(name):
    fingerprints = [spec.fingerprint for spec, _ in experiments_of(schema.find(name))]
    assert len(set(fingerprints)) == len(fingerprints)


@pytest.mark.parametrize("name", ["smoke", "quick", "full"])
def test_our_studies_train_every_cell_and_task(name):
    specs = [spec for spec, _ in experiments_of(schema.find(name))]
    assert {spec.network.cell for spec in specs} == set(CELLS)
    assert {spec.task.name for spec in specs} == set(tasks.MODULES)


@pytest.mark.parametrize("name", ["smoke", "full"])
def test_every_form_is_trained(name):
    assert {spec.network.form for spec, _ in experiments_of(schema.find(name))} == set(FORMS)


PLAIN = ("simple_rnn", "lstm", "gru")


@pytest.mark.parametrize(
    "name, cells, seeds", [("quick", ("lstm", "gru"), 3), ("full", PLAIN, 6), ("epochs", PLAIN, 5)]
)
def test_the_table_has_its_seeds(name, cells, seeds):
    path = schema.find(name)
    found = {
        (spec.network.cell, spec.conventions.label): count
        for spec, count in sorted(experiments_of(path), key=lambda pair: pair[1])
        if spec.task.name == "imdb" and spec.network.form == "layer"
    }
    wanted = {(cell, base) for cell in cells for base in ("stock", "keras", "pytorch")}
    assert {key for key, count in found.items() if count >= seeds} >= wanted


def test_quick_trains_every_cell_on_the_reviews_and_the_plain_ones_both_ways():
    networks = [spec.network for spec, _ in experiments_of(schema.find("quick")) if spec.task.name == "imdb"]
    assert {each.cell for each in networks} == set(CELLS)
    assert {each.cell for each in networks if each.bidirectional} == set(PLAIN)


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
    pairs = [("layer", "tf2"), ("layer", "pytorch"), ("unrolled", "tf2")]
    assert names == [(form, f"{name} · seed {seed}") for seed in (0, 1) for form, name in pairs]
    assert [each[:3] for each in plan.absent("training")] == [
        ("pytorch", "imdb-lstm-unrolled-64x64-stock", "none here")
    ]
    assert len({trial.fingerprint for trial in plan.jobs("training")}) == len(plan.jobs("training"))


def test_the_first_table_goes_seed_by_seed_and_every_seeds_twins_stand_side_by_side(tmp_path):
    later = GRID.removeprefix(HEAD).replace('"lstm"', '"gru"')
    text = "seeds = 2\n" + GRID + 'vary = { conventions = ["stock", "keras"] }\n' + later + later.replace("gru", "lstm")
    trials = make_plan(tmp_path, text).jobs("training")
    found = [(trial.spec.network.cell, trial.spec.conventions.label, trial.seed) for trial in trials]
    table = [("lstm", label, seed) for seed in (0, 1) for label in ("stock", "keras")]
    assert found[::2] == found[1::2] == [*table, ("gru", "stock", 0), ("gru", "stock", 1)]
    assert [trial.framework for trial in trials] == ["tf2", "pytorch"] * 6


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
