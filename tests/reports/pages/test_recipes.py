"""The porting recipes: every shown line runs, and does what it says."""

import math

import numpy as np
import pytest

from experiments.conventions import TABLE
from reports.pages.defaults import recipes

INPUTS, HIDDEN = 7, 6
SHOWN = {name for name in recipes.IN_PYTORCH if recipes.IN_PYTORCH[name].lines}


def test_every_field_of_the_design_has_both_recipes_or_says_why_not():
    assert set(recipes.IN_PYTORCH) == set(recipes.IN_KERAS) <= set(TABLE)
    both = [*recipes.IN_PYTORCH.values(), *recipes.IN_KERAS.values()]
    assert all(recipe.lines or recipe.rest for recipe in both)


def test_a_recipe_has_the_fields_in_order_and_what_they_leave():
    text = recipes.recipe(recipes.IN_PYTORCH, ["adam", "embedding", "repeated_words", "unknown"])
    assert (
        text.index("# adam: Keras adds") < text.index("eps=1e-7") < text.index("# embedding") < text.index("# repeated")
    )
    assert recipes.recipe(recipes.IN_KERAS, []) == ""


@pytest.fixture
def torch_names():
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.rnn = nn.Embedding(50, INPUTS), nn.LSTM(INPUTS, HIDDEN, batch_first=True)
            self.head = nn.Linear(HIDDEN, 1)

    torch.manual_seed(0)
    return {"torch": torch, "nn": nn, "model": Model(), "hidden": HIDDEN, "x": torch.ones(3, 5, INPUTS)}


def glorot(values, rows, columns):
    limit = math.sqrt(6 / (rows + columns))
    return np.abs(values).max() <= limit and np.abs(values).max() > 0.8 * limit


@pytest.mark.pytorch
@pytest.mark.parametrize("field", sorted(SHOWN))
def test_the_lines_give_pytorch_kerass_convention(field, torch_names):
    exec(recipes.IN_PYTORCH[field].lines, torch_names)
    model = torch_names["model"]
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    holds = {
        "embedding": lambda: 0.04 < np.abs(weights["embedding.weight"]).max() <= 0.05,
        "kernel": lambda: glorot(weights["rnn.weight_ih_l0"], INPUTS, 4 * HIDDEN),
        "recurrent_kernel": lambda: np.allclose(
            weights["rnn.weight_hh_l0"].T @ weights["rnn.weight_hh_l0"], np.eye(HIDDEN), atol=1e-5
        ),
        "bias": lambda: (
            weights["rnn.bias_ih_l0"].reshape(4, HIDDEN).sum(axis=1).tolist() == [0, HIDDEN, 0, 0]
            and not model.rnn.bias_hh_l0.requires_grad
        ),
        "head": lambda: glorot(weights["head.weight"], HIDDEN, 1) and not weights["head.bias"].any(),
        "dropout": lambda: (
            np.ptp(torch_names["x"].numpy(), axis=1).max() == 0 and set(np.unique(torch_names["x"])) == {0, 2}
        ),
        "adam": lambda: torch_names["optimiser"].defaults["eps"] == 1e-7,
    }
    assert holds[field]()


@pytest.mark.tf2
@pytest.mark.parametrize("field", sorted(SHOWN))
def test_the_lines_give_keras_pytorchs_convention(field):
    import keras

    keras.utils.set_random_seed(0)
    names = {"keras": keras, "hidden": HIDDEN, "inputs": INPUTS}
    exec(recipes.IN_KERAS[field].lines, names)
    if "rnn" in names:
        names["rnn"].build((None, 5, INPUTS))
        kernel, recurrent, bias = map(np.asarray, names["rnn"].get_weights())
    if "head" in names:
        names["head"].build((None, HIDDEN))
    limit = HIDDEN**-0.5

    def uniform(values):
        return 0.7 * limit < np.abs(values).max() <= limit

    holds = {
        "embedding": lambda: abs(np.asarray(names["embedding"](np.arange(10_000))).std() - 1) < 0.01,
        "kernel": lambda: uniform(kernel),
        "recurrent_kernel": lambda: uniform(recurrent),
        "bias": lambda: uniform(bias),
        "head": lambda: all(np.abs(value).max() <= limit and value.any() for value in names["head"].get_weights()),
        "dropout": lambda: names["between"].rate == 0.5,
        "adam": lambda: names["optimiser"].epsilon == 1e-8,
    }
    assert holds[field]()
