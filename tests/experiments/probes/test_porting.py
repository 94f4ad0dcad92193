"""The porting recipes: every shown line runs, and does what it says; the probe that tries them in tutorial scripts."""

import json
import math

import numpy as np
import pytest
from cases import fit_without_graphs, twin_params

import frameworks
from experiments import tasks
from experiments.conventions import TABLE
from experiments.errors import UserError
from experiments.probes import porting, recipes
from experiments.study.phase import Answers
from experiments.tasks import DataSource, Split

INPUTS, HIDDEN = 7, 6
SHOWN = [name for name in porting.IN_PYTORCH if porting.IN_PYTORCH[name].lines]
MODELS = list(porting.OF_A_MODEL)
DATA = DataSource("imdb-test", "d" * 64, None, "made for tests", 12, 4)


def test_every_field_of_the_design_has_both_recipes_or_says_why_not():
    assert set(porting.IN_PYTORCH) == set(porting.IN_KERAS) <= set(TABLE)
    assert all(recipe.lines or recipe.rest for recipe in porting.IN_PYTORCH.values())
    assert all(recipe.arguments or recipe.rest for recipe in porting.IN_KERAS.values())


def test_lines_come_in_the_order_that_works_with_what_they_leave():
    text = porting.in_pytorch(["adam", "embedding", "dropout", "repeated_words"])
    places = [text.index(part) for part in ("SharedDropout", "# embedding", "# adam: Keras adds", "eps=1e-7")]
    assert places == sorted(places) and "# repeated_words: No option" in text
    assert porting.in_keras([]) == porting.in_pytorch([]) == ""


@pytest.mark.parametrize(("cell", "layer"), porting.LAYERS.items())
def test_keras_calls_are_grouped_and_named_by_the_cell(cell, layer):
    text = porting.in_keras(["kernel", "bias", "adam"], cell)
    forget = ", unit_forget_bias=False" if cell == "lstm" else ""
    assert f"keras.layers.{layer}(..., kernel_initializer=uniform(), bias_initializer=uniform(){forget})" in text
    assert "def uniform():" in text and "keras.optimizers.Adam(..., epsilon=1e-8)" in text


@pytest.fixture
def torch_names():
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(50, INPUTS)
            self.rnn = nn.LSTM(INPUTS, HIDDEN, num_layers=2, dropout=0.5, batch_first=True)
            self.head = nn.Linear(HIDDEN, 1)

    torch.manual_seed(0)
    sequences = [torch.tensor([1, 2]), torch.tensor([3])]
    return {"torch": torch, "nn": nn, "model": Model(), "hidden": HIDDEN, "sequences": sequences}


def glorot(values, rows, columns):
    limit = math.sqrt(6 / (rows + columns))
    return limit >= np.abs(values).max() > 0.8 * limit


def dropped_alike(rnn, torch):
    """Whether the first layer gets the same features at every step."""
    seen = []
    rnn.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    rnn(torch.ones(3, 5, INPUTS))
    values = seen[0].numpy()
    return np.ptp(values, axis=1).max() == 0 and set(np.unique(values)) == {0, 2}


@pytest.mark.pytorch
@pytest.mark.parametrize("before", [[], ["dropout"]], ids=["stacked", "apart"])
@pytest.mark.parametrize("field", SHOWN)
def test_the_lines_give_pytorch_kerass_convention(field, before, torch_names):
    exec(porting.in_pytorch([*before, field]), torch_names)
    model = torch_names["model"]
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    kernels, recurrent = (
        [value for name, value in weights.items() if kind in name] for kind in ("weight_ih", "weight_hh")
    )
    first = [value for name, value in weights.items() if "bias_ih" in name]
    holds = {
        "embedding": lambda: 0.04 < np.abs(weights["embedding.weight"]).max() <= 0.05,
        "kernel": lambda: glorot(kernels[0], INPUTS, 4 * HIDDEN) and glorot(kernels[1], HIDDEN, 4 * HIDDEN),
        "recurrent_kernel": lambda: all(np.allclose(value.T @ value, np.eye(HIDDEN), atol=1e-5) for value in recurrent),
        "bias": lambda: (
            [value.reshape(4, HIDDEN).sum(axis=1).tolist() for value in first] == [[0, HIDDEN, 0, 0]] * 2
            and not any(value.requires_grad for name, value in model.named_parameters() if "bias_hh" in name)
        ),
        "head": lambda: glorot(weights["head.weight"], HIDDEN, 1) and not weights["head.bias"].any(),
        "dropout": lambda: dropped_alike(model.rnn, torch_names["torch"]),
        "adam": lambda: torch_names["optimiser"].defaults["eps"] == 1e-7,
        "padding_side": lambda: torch_names["x"].tolist() == [[1, 2], [0, 3]],
    }
    assert holds[field]()


@pytest.mark.tf2
@pytest.mark.parametrize("field", SHOWN)
def test_the_arguments_give_keras_pytorchs_convention(field):
    import keras

    keras.utils.set_random_seed(0)
    ((call, text),) = porting.keras_arguments([field]).items()
    names = {"keras": keras, "hidden": HIDDEN}
    exec(porting.KERAS_NAMES, names)
    sizes = {
        "Embedding": (10_000, 100),
        "LSTM": (HIDDEN,),
        "Dense": (1,),
        "Adam": (),
        "pad_sequences": ([[1, 2], [3]],),
    }
    sizes = sizes[call.rpartition(".")[2]]
    made = eval(f"{call}(*sizes, {text})", names | {"sizes": sizes})
    if call == "keras.layers.LSTM":
        made.build((None, 5, HIDDEN))
        kernel, recurrent, bias = map(np.asarray, made.get_weights())
    elif call == "keras.layers.Dense":
        made.build((None, HIDDEN))
    limit = HIDDEN**-0.5

    def uniform(values):
        return 0.7 * limit < np.abs(values).max() <= limit

    holds = {
        "embedding": lambda: abs(np.asarray(made(np.arange(10_000))).std() - 1) < 0.01,
        "kernel": lambda: uniform(kernel) and not np.array_equal(kernel, recurrent),
        "recurrent_kernel": lambda: uniform(recurrent),
        "bias": lambda: uniform(bias),
        "head": lambda: all(np.abs(value).max() <= limit and value.any() for value in made.get_weights()),
        "dropout": lambda: made.dropout == 0,
        "adam": lambda: made.epsilon == 1e-8,
        "padding_side": lambda: made.tolist() == [[1, 2], [3, 0]],
    }
    assert holds[field]()


def reviews(count: int) -> Split:
    rng = np.random.default_rng(count)
    return Split(rng.integers(1, 30, (count, 6), np.int32), rng.integers(0, 2, (count, 1)).astype("float32"))


class ToyTask:
    """Twelve reviews of random words, and four to test on."""

    train, test = reviews(12), reviews(4)


def planned(fields=(("embedding",), MODELS), **changes):
    table = recipes.Recipes(
        task={"name": "imdb", "words": 30, "tokens": 6},
        network={"cell": "lstm", "form": "layer", "units": [4, 4], "embedding_size": 5} | changes,
        training={"epochs": 1, "batch_size": 4},
        fields=fields,
        seeds=2,
    )
    study = type("Study", (), {"recipes": [table], "frameworks": ("tf2", "pytorch", "reference")})
    return recipes.jobs(study, Answers("mine.toml", None, lambda name: "v", lambda task: DATA))


def test_each_script_is_trained_without_lines_and_with_each_set():
    jobs = planned()
    assert [(job.seed, job.fields, job.framework) for job in jobs[:3]] == [
        (0, (), "tf2"),
        (0, (), "pytorch"),
        (0, ("embedding",), "tf2"),
    ]
    assert len(jobs) == len({job.fingerprint for job in jobs}) == 2 * 3 * 2
    assert set(jobs[-1].fields) == set(MODELS)


@pytest.mark.parametrize("change", [{"units": [4, 3]}, {"bidirectional": True}, {"head": "mlp"}, {"cell": "minimal"}])
def test_a_network_that_the_scripts_lack_is_refused(change):
    with pytest.raises(UserError, match=r"mine\.toml: recipes 1: the tutorial scripts read reviews"):
        planned(**change)


@pytest.mark.parametrize("field", ["padding_side", "rmsprop"])
def test_a_field_without_lines_for_the_scripts_is_refused(field):
    with pytest.raises(UserError, match=rf"mine\.toml: recipes 1: fields: {field}; allowed: dropout, embedding, "):
        planned(fields=[["embedding", field]])


@pytest.mark.parametrize("twin", twin_params())
def test_the_scripts_train_with_all_lines_and_record_their_accuracy(twin, monkeypatch):
    monkeypatch.setattr(tasks, "load", lambda *_: ToyTask)
    framework = frameworks.load(twin)
    fit_without_graphs(twin, monkeypatch)
    chosen = [job for job in planned() if job.framework == twin and job.seed == 0 and job.fields != ("embedding",)]
    files = [next(job.run(framework)).files[recipes.FILE] for job in chosen]
    bare, ported = map(json.loads, files)
    assert (bare["fields"], set(ported["fields"])) == ([], set(MODELS))
    assert all(record["accuracy"] in (0, 0.25, 0.5, 0.75, 1) for record in (bare, ported))
