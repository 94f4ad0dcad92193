"""Models made outside convert, with code that predicts the same, or are refused in one line."""

import numpy as np
import pytest
from conversions.processes import assert_same
from conversions.stages import PREDICTIONS, Stage

pytestmark = pytest.mark.study

FROM_KERAS = [
    "masked lstm",
    "masked graph",
    "masked both ways",
    "masked every step",
    "masked every step both ways",
    "masked every step zeros",
    "masked relu",
    "masked backwards",
    "masked cells",
    "masked sum",
    "masked nested",
    "masking -1",
    "masking both ways",
    "nested",
    "nested graph",
    "relu both ways",
    "ave",
    "mul",
    "backwards",
    "backwards every step",
    "every step",
    "time distributed",
    "cells",
    "one cell",
    "no bias",
    "no bias gru",
    "float64",
    "many activations",
    "dropouts",
    "dropout between",
    "state unused",
    "fixed",
    "unrolled",
    "a dict",
    "no head",
    "mixed",
]
FROM_PYTORCH = [
    "packed lstm",
    "packed gru",
    "packed rnn",
    "packed values",
    "packed every step",
    "packed both ways",
    "relu",
    "every step",
    "tanh between",
    "no bias",
    "float64",
    "cells",
    "no head",
]
#: Models that weights alone do not carry, beside the masked ones: what the line says.
NOT_BARE = {
    "relu both ways": "has the activation relu",
    "ave": "merges its directions by ave",
    "mul": "merges its directions by mul",
    "backwards": "runs backwards",
    "backwards every step": "runs backwards",
    "every step": "returns every step to what follows",
    "time distributed": "returns every step to what follows",
}
NOT_BARE |= dict.fromkeys((name for name in FROM_KERAS if name.startswith("mask")), "marks padding to be skipped")
REFUSED = {
    "two in parallel": "layer sum joins 2",
    "residual": "joins 2 inputs (embedding",
    "pooling": "layer mean (GlobalAveragePooling1D, weights: none) is unsupported",
    "called twice": "layer shared is called twice",
    "flipped": "flip (Flip) is an operation on tensors",
    "shared model": "layer inner is called twice",
    "cell state": "layer states: its output 2 (a state) is used",
    "encoder, decoder": "layer decoder is called with initial_state",
    "training": "layer noisy is called with training=True",
    "own mask": "has a mask of its own",
    "sliced": "get_item (GetItem) is an operation on tensors",
    "two outputs": "model two has 2 outputs",
    "stateful": "layer kept: stateful=True carries states",
    "last output zeroed": "layer zeroed: zero_output_for_mask zeroes the last output",
    "relu6": "layer capped: a ReLU with max_value",
    "leaky": "activation leaky_relu",
    "softmax over time": "layer attend: a Softmax over axis 1",
    "half precision": "layer half computes in mixed_float16",
    "reversed mask": "layer back: go_backwards reverses its outputs but not their mask",
    "unlike halves": "layer halves: its directions differ in use_bias",
    "time-distributed lstm": "layer each (TimeDistributed",
    "masked between": "layer early is out of place: late follows",
    "mask destroyed": "destroys the mask of layer embedding",
    "two masks": "two layers mark padding",
    "relu lstm": "layer unbounded: activation relu",
    "hard gates": "layer hard: recurrent_activation hard_sigmoid; allowed: sigmoid",
    "not merged": "joins 2 inputs",
    "one answer": "predicts the same for every input",
}
SPOILT = ["gates of the lstm", "gates of the gru", "biases"]
TAMPERED = {
    "code": "its description is broken at steps.3.training_only.what: String should match pattern",
    "step": "its description is broken at steps",
    "other": "its description names other layers than its weights",
    "rate": "dropout.rate: Input should be a valid number",
    "endless": "its description is broken at its start: Invalid JSON",
}


@pytest.fixture
def zoo(conversions) -> Stage:
    """What the conversions of models made outside found."""
    return conversions["zoo"]


@pytest.fixture
def refusals(conversions) -> Stage:
    """What was said of every model that is no plain chain."""
    return conversions["refusals"]


def assert_equal_predictions(name: str, one: np.ndarray, other: np.ndarray) -> None:
    """Assert that two frameworks predict the same, and not the same for all inputs."""
    assert one.shape == other.shape
    error = np.abs(one - other).max()
    assert one.std() > 1000 * PREDICTIONS, f"{name} predicts the same for all"
    assert error <= PREDICTIONS, f"{name}: predictions off by {error:.1e}"


@pytest.mark.parametrize("name", FROM_KERAS)
def test_a_keras_model_predicts_the_same_from_canonical_weights(name, zoo):
    error, sequences, *notes = zoo.found[f"{name}/report"]
    assert error <= PREDICTIONS and sequences >= 5 and notes == []


@pytest.mark.parametrize("name", FROM_KERAS)
def test_a_keras_model_predicts_the_same_in_the_module_written_for_it(name, zoo):
    assert_equal_predictions(name, zoo.arrays[f"{name}/keras"], zoo.arrays[f"{name}/torch"])
    assert zoo.found[f"{name}/there"][0] <= PREDICTIONS


@pytest.mark.parametrize("name", FROM_PYTORCH)
@pytest.mark.parametrize("how", ["keras", "code"])
def test_a_pytorch_module_predicts_the_same_in_the_model_written_for_it(name, how, zoo):
    assert_equal_predictions(name, zoo.arrays[f"torch {name}/torch"], zoo.arrays[f"torch {name}/{how}"])


@pytest.mark.parametrize("name", FROM_KERAS)
def test_weights_alone_are_written_where_they_are_enough(name, zoo):
    message = zoo.found[f"refused/bare {name}"]
    if name not in NOT_BARE:
        assert message == "nothing"
        return
    assert NOT_BARE[name] in message and "\n" not in message
    assert message.endswith("which weights alone do not carry; allowed: --module OUT.py, --no-check")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_chain_is_refused_in_one_line_that_names_the_layer(name, refusals):
    message = refusals.found[f"refused/{name}"]
    assert REFUSED[name] in message and "\n" not in message


def test_every_model_of_the_helpers_is_listed(zoo, refusals):
    converted = {key.removesuffix("/there") for key in zoo.found if key.endswith("/there")}
    assert converted == {*FROM_KERAS, *(f"torch {name}" for name in FROM_PYTORCH)}
    assert {key.removeprefix("refused/") for key in refusals.found} == set(REFUSED)


@pytest.mark.parametrize("name", SPOILT)
def test_the_check_sees_a_fault_in_the_conversion(name, zoo):
    message = zoo.found[f"refused/spoilt {name}"]
    assert "spoilt.pt: predictions differ from those of" in message and message.endswith("allowed: 1e-05")
    assert not (zoo.folder / "spoilt.pt").exists() and not (zoo.folder / "spoilt.py").exists()


@pytest.mark.parametrize("name", TAMPERED)
def test_a_description_that_was_tampered_with_is_refused(name, zoo):
    assert TAMPERED[name] in zoo.found[f"refused/tampered {name}"]
    assert not (zoo.folder / "no.py").exists()


def test_nothing_is_written_where_something_is_refused(zoo, refusals):
    assert not (refusals.folder / "refused.safetensors").exists() and not (zoo.folder / "refused.keras").exists()
    left = [path for folder in (zoo.folder, refusals.folder) for path in folder.iterdir() if path.name[0] == "."]
    assert not left


def test_a_model_that_does_not_mask_is_no_place_for_masked_weights(zoo):
    assert "refused.keras: predictions differ from those of" in zoo.found["refused/into unmasked"]


def test_what_a_model_says_is_not_said_again(zoo):
    assert "says what its model computes; allowed: without --nonlinearity" in zoo.found["refused/said of a model"]


def test_a_gru_that_resets_before_goes_back_to_keras_alone(zoo):
    assert "refused.pt: PyTorch has no layer for gru_reset_before" in zoo.found["refused/reset before"]
    assert_same(zoo.folder / "reset.safetensors", zoo.folder / "reset-again.safetensors")


def test_a_projection_goes_through_canonical_weights_and_is_refused_by_keras(zoo):
    assert_equal_predictions("projection", zoo.arrays["projection/born"], zoo.arrays["projection/torch"])
    assert "TensorFlow 2 has no layer for lstm_projection" in zoo.found["refused/projection"]


def test_what_stays_behind_is_said(zoo):
    _, note = zoo.found["dropouts/there"]
    assert note == "left behind, acts in training alone: GaussianNoise of gaussian_noise, recurrent_dropout 0.3 of lstm"
    _, note = zoo.found["torch cells/report"]
    assert note.endswith("holds weights alone; assumed: one chain, tanh, the last output, no padding")


def test_the_command_line_writes_a_module_and_checks_it(zoo):
    """The command of docs/walks.md, which runs it from one framework to the other, from canonical weights."""
    code, printed, error = zoo.found["command/module"]
    assert (code, error) == (0, "")
    wrote, wrote_code, checked = printed.splitlines()
    assert (wrote, wrote_code) == (f"wrote {zoo.folder / 'cli.pt'}", f"wrote {zoo.folder / 'cli.py'}")
    assert checked.startswith("checked: predictions of 16 sequences differ by at most ")
    assert "pack_padded_sequence(x, lengths" in (zoo.folder / "cli.py").read_text()


def test_the_command_line_writes_a_keras_model_of_what_it_is_told(zoo):
    code, printed, error = zoo.found["command/told"]
    assert (code, error) == (0, "")
    assert printed.splitlines()[2].startswith("checked: predictions of 16 sequences differ by at most ")
    assert 'layers.Dense(4, activation="tanh")' in (zoo.folder / "cli_keras.py").read_text()


def test_the_command_line_refuses_weights_alone_of_a_masked_model(zoo):
    code, printed, error = zoo.found["command/masked"]
    assert (code, printed, error.count("\n"), (zoo.folder / "masked.pt").exists()) == (2, "", 1, False)
    assert "layer embedding marks padding to be skipped" in error


def test_the_command_line_says_what_it_did_not_check(zoo):
    code, printed, error = zoo.found["command/unchecked"]
    assert (code, error, (zoo.folder / "unchecked.pt").exists()) == (0, "", True)
    assert printed.splitlines()[1:] == [
        "not checked: no prediction was compared",
        "the model around these weights needs: sigmoid after dense layer 0",
        "not carried by weights alone: layer embedding marks padding to be skipped",
    ]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--activations", "tanh"], "--activations names 1; allowed: 3, one for each dense layer"),
        (["--activations", "cube,relu,linear"], "--activations cube,relu,linear; allowed: linear, relu, tanh"),
        ([], "does not say what stands between its 3 dense layers; allowed: --activations"),
        (["--module", "model.txt"], "model.txt: allowed for --module: a .py in a folder that exists"),
    ],
)
def test_the_command_line_asks_for_what_a_state_dict_does_not_say(options, message, zoo):
    """Before any framework is needed: none is imported here."""
    target = zoo.folder / "asked.keras"
    zoo.command("asked", zoo.path("tanh between", "bare.safetensors"), target, *options)
    code, _, error = zoo.found["command/asked"]
    assert (code, error.count("\n"), target.exists()) == (2, 1, False)
    assert message in error
