"""A twin's answers are true: the framework has what is Native, lacks what is Absent, and fuses what is said to be."""

import inspect
from importlib.metadata import PackageNotFoundError

import pytest
from cases import PAIRS, TOKENS, TWINS, make_spec, twin_params

import frameworks
from experiments import twins
from experiments.cells import CELLS
from experiments.protocol import Absent, Native


def answers(twin, kind):
    """Return the twin's answers of one kind: (cell, form) → answer."""
    return {
        (cell, form): answer
        for cell, form in PAIRS
        if isinstance(answer := frameworks.supports(twin, make_spec(cell, form)), kind)
    }


def test_a_study_can_be_laid_out_where_a_framework_is_not_installed(monkeypatch):
    """Its jobs fail as they begin, and the other framework's go on."""

    def installed(package):
        if package == "keras":
            raise PackageNotFoundError(package)
        return "1.2"

    monkeypatch.setattr(twins, "version", installed)
    assert frameworks.versions("tf2") == "tensorflow 1.2, keras missing"
    assert frameworks.versions("pytorch") == "torch 1.2"


@pytest.mark.tf2
def test_keras_has_what_is_native_and_lacks_what_is_absent():
    import keras

    names = {answer.detail.partition("(")[0].rpartition(".")[2] for answer in answers("tf2", Native).values()}
    assert names - {"RNN"} == {f"{cell}{end}" for cell in ("SimpleRNN", "LSTM", "GRU") for end in ("", "Cell")}
    assert all(hasattr(keras.layers, name) for name in names)
    options = {word for name in names for word in inspect.signature(getattr(keras.layers, name)).parameters}
    assert "reset_after" in options and "unroll" in options
    lacking = [word for word in options if any(part in word for part in ("peephole", "proj", "clip", "coupled"))]
    assert not lacking, f"Keras now has {lacking}: the Absent answers are out of date"
    assert {cell for cell, _ in answers("tf2", Absent)} == {*CELLS} - {*frameworks.facts("tf2").STOCK}


@pytest.mark.pytorch
def test_torch_has_what_is_native_and_lacks_what_is_absent():
    import torch

    names = {answer.detail.partition("(")[0].rpartition(".")[2] for answer in answers("pytorch", Native).values()}
    assert names == {"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"}
    assert all(hasattr(torch.nn, name) for name in names)
    assert torch.nn.LSTM(3, 4, proj_size=2).weight_hr_l0.shape == (2, 4)  # not in its signature
    with pytest.raises(TypeError):
        torch.nn.LSTMCell(3, 4, proj_size=2)


@pytest.mark.pytorch
@pytest.mark.parametrize("units, projection", [([4, 3], 3), ([4], 5)])
def test_a_projection_to_no_fewer_is_absent_where_torch_refuses_it(units, projection):
    import torch

    network = {"units": units, "projection_size": projection}
    answer = frameworks.supports("pytorch", make_spec("lstm_projection", "layer", network=network))
    assert isinstance(answer, Absent) and "fewer" in answer.reason
    assert not isinstance(
        frameworks.supports("pytorch", make_spec("lstm_projection", "scratch", network=network)), Absent
    )
    with pytest.raises(ValueError, match="proj_size has to be smaller"):
        torch.nn.LSTM(3, units[-1], proj_size=projection)


@pytest.mark.pytorch
@pytest.mark.parametrize("option", ["peephole", "cell_clip", "unroll", "reset_after"])
def test_nn_lstm_has_no_such_option(option):
    import torch

    with pytest.raises(TypeError):
        torch.nn.LSTM(3, 4, **{option: 1})


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize(
    "conventions, network, training, words",
    [
        ({"base": "keras", "dropout": "pytorch"}, {"dropout": 0.0}, {}, "dropout rate is 0"),
        ({"base": "keras", "rmsprop": "pytorch"}, {}, {"optimiser": "adam"}, "optimiser is adam"),
        ({"base": "keras", "adagrad": "pytorch"}, {}, {"optimiser": "adam"}, "optimiser is adam"),
        ({"base": "keras", "adam": "pytorch"}, {}, {"optimiser": "sgd"}, "optimiser is sgd"),
        ({"base": "keras", "clipping": "pytorch"}, {}, {}, "no gradient is clipped"),
        ("stock", {"forget_bias": 1.0}, {}, "forget_bias"),
    ],
)
def test_a_field_with_nothing_to_act_on_is_absent_with_its_reason(twin, conventions, network, training, words):
    answer = frameworks.supports(twin, make_spec("lstm", "layer", conventions, network=network, **training))
    assert isinstance(answer, Absent) and words in answer.reason


@pytest.mark.parametrize("twin", twin_params())
def test_a_bias_override_on_a_cell_without_bias_is_absent(twin):
    spec = make_spec("minimal", "scratch", {"base": "keras", "bias": "pytorch"})
    answer = frameworks.supports(twin, spec)
    assert isinstance(answer, Absent) and "no bias" in answer.reason


#: Twin, conventions, training, and whether one kernel updates the weights of the tuned form.
UPDATES = [
    *((twin, "stock", {"optimiser": "adam"}, True) for twin in TWINS),
    *((twin, base, {"optimiser": "adam"}, False) for twin in TWINS for base in ("keras", "pytorch")),
    *((twin, {"base": "keras", "adam": "pytorch"}, {"optimiser": "adam"}, False) for twin in TWINS),
    *((twin, "stock", {"optimiser": "rmsprop"}, False) for twin in TWINS),
    ("tf2", "stock", {"optimiser": "adam", "clip_norm": 1.0}, False),
    ("tf2", "stock", {"optimiser": "sgd"}, False),
    ("pytorch", "stock", {"optimiser": "adam", "clip_norm": 1.0}, True),
    ("pytorch", "stock", {"optimiser": "sgd"}, True),
    ("pytorch", "pytorch", {"optimiser": "sgd"}, False),
]


def runs_fused(optimiser) -> bool:
    """Tell whether a twin's optimiser has one kernel for the update."""
    stock = getattr(optimiser, "optimiser", None)
    return type(optimiser).__name__ == "FusedAdam" or bool(getattr(stock, "defaults", {}).get("fused"))


@pytest.mark.parametrize(
    "twin, conventions, training, fused",
    [pytest.param(*row, marks=getattr(pytest.mark, row[0])) for row in UPDATES],
    ids=str,
)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_tuned_claims_a_fused_update_only_where_one_runs(twin, cell, conventions, training, fused):
    spec = make_spec(cell, "tuned", conventions, dropout=0.0, **training)
    answer = frameworks.supports(twin, spec)
    optimiser = frameworks.load(twin).build(spec, TOKENS, None, 0).optimiser
    assert runs_fused(optimiser) is fused, f"{twin} {cell}, {conventions}, {training}: {type(optimiser).__name__}"
    assert ("fused" in answer.detail) is fused, f"{twin} {cell}, {conventions}, {training}: {answer}"
