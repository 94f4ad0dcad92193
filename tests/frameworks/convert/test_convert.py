"""Weights convert from one framework to the other and back, for models made outside this project."""

import zipfile

import numpy as np
import pytest
from conversions.processes import assert_same, run
from conversions.stages import CASES, PREDICTIONS, STEPS, Stage
from safetensors.numpy import load_file, save_file

from experiments.errors import UserError
from frameworks.convert import convert

pytestmark = pytest.mark.study


@pytest.fixture
def stages(conversions) -> Stage:
    """What the conversions of plain models found."""
    return conversions["plain"]


REFUSED = {
    "normalised": "(LayerNormalization, weights: gamma, beta) is unsupported; allowed: Embedding, SimpleRNN",
    "activation": "activation relu; allowed: tanh",
    "convolution": "(Conv1D, weights: kernel, bias) is unsupported",
    "dense first": "follows; allowed: embedding, then recurrent layers, then dense",
    "no recurrence": "holds no recurrent layer",
    "lambda": "lambda.keras: `Lambda` layer: code inside a file is not run; allowed: Embedding, SimpleRNN",
    "tampered": "tampered.keras: Could not locate class 'system': code inside a file is not run",
    "linked": "/layers/dense/vars/0 is missing or lies outside the file",
    "two kinds": "the order of gru, lstm cannot be told from weights alone; give their model with --like MODEL.keras",
    "broken.keras": "broken.keras: broken or of another format",
    "torch pickle": "holds more than tensors, posix.system, and was not loaded; allowed: what torch.save(model.state",
    "torch checkpoint": "is not a state dict: it holds keys model_state_dict, epoch; allowed: a flat dict",
    "torch normalised": "norm.weight (4,) is of an unsupported layer; allowed: embedding, nn.RNN",
    "torch gates": "gates.pt: the module: 10 rows for 5 hidden units; allowed: 1 (RNN), 3 (GRU) or 4 (LSTM) rows per",
    "torch linear first": "a: a linear layer before the recurrent ones; allowed: an embedding",
    "torch parallel": "rnn/1/forward/kernel takes 3 features but gets 4; allowed: a stack",
    "torch half": "weight_ih_l0 is torch.bfloat16; allowed: float16, float32, float64",
    "torch no recurrence": "holds no recurrent layer",
    "torch broken": "broken.pt: broken or of another format",
    "to torch reset_before": "PyTorch has no layer for gru_reset_before; allowed: simple_rnn, lstm, gru",
    "other sides": "head/0/kernel: the weights have (5, 3), the model (10, 3); allowed: the same",
    "other sizes": "head/0/bias: the weights have (3,), the model (2,); allowed: the same",
    "other depth": "its recurrent layers are lstm, lstm; the weights' are lstm",
    "to keras projection": "TensorFlow 2 has no layer for lstm_projection; allowed: simple_rnn, lstm, gru",
    "to keras cell": "its recurrent layers are gru_reset_before; the weights' are gru",
    "to keras alone": "does not say what stands between its 2 dense layers; allowed: --activations",
}


@pytest.mark.parametrize("start, end", [("keras trained", "torch went on"), ("torch trained", "keras went on")])
@pytest.mark.parametrize("case", CASES)
def test_predictions_are_equal_and_training_continues(case, start, end, stages):
    predicted, again = stages.arrays[f"{case}/{start}"], stages.arrays[f"{case}/{end}"]
    error = np.abs(predicted - again).max()
    assert predicted.std() > 1000 * PREDICTIONS, f"{case}: {start} predicts the same for all"
    assert error <= PREDICTIONS, f"{case}: {start}, {end}: predictions off by {error:.1e}"
    before, after = stages.found[f"{case}/{start}"], stages.found[f"{case}/{end}"]
    assert before[-1] == pytest.approx(after[0], abs=PREDICTIONS), f"{case}: the loss at the switch"
    losses = before + after[1:]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[STEPS] < losses[0], f"{case}: {losses}"


@pytest.mark.parametrize("case", CASES)
def test_a_round_trip_keeps_every_bit(case, stages):
    trained = stages.path(case, "keras.safetensors")
    assert np.array_equal(stages.arrays[f"{case}/round"], stages.arrays[f"{case}/keras trained"])
    assert_same(trained, stages.path(case, "keras-h5.safetensors"))
    assert_same(trained, stages.path(case, "keras-back.safetensors"))
    assert_same(trained, stages.path(case, "round.safetensors"))
    assert_same(stages.path(case, "torch.safetensors"), stages.path(case, "torch-back.safetensors"))


def test_other_ways_to_write_a_stack_keep_every_bit_too(stages):
    assert stages.found["cells"] and stages.found["projected"]
    assert_same(stages.folder / "reset_before.safetensors", stages.folder / "reset-back.safetensors")
    names = load_file(stages.folder / "two kinds.safetensors")
    assert {name: value.shape for name, value in names.items() if name.endswith("/kernel")} == {
        "rnn/0/forward/kernel": (3, 3, 2),
        "rnn/1/forward/kernel": (2, 4, 2),
    }


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_is_refused_in_one_line(name, stages):
    message = stages.found[f"refused/{name}"]
    assert REFUSED[name] in message and "\n" not in message


def test_no_code_inside_a_file_is_run(stages):
    assert stages.found["harmed by Keras's file"] is False
    assert stages.found["harmed by PyTorch's file"] is False
    assert not (stages.folder / "refused.safetensors").exists()
    assert not [path for path in stages.folder.iterdir() if path.name.startswith(".")]


def test_the_command_line_goes_straight_from_pytorch_to_keras(stages):
    case, straight = "gru-2-both", stages.folder / "straight.keras"
    like = ("--like", stages.path(case, "keras.keras"))
    done = run("-m", "frameworks.convert", stages.path(case, "torch.pt"), straight, *like)
    assert (done.returncode, done.stderr) == (0, "")
    wrote, checked = done.stdout.splitlines()
    assert wrote == f"wrote {straight}" and checked.startswith("checked: predictions of 8 sequences differ by at most ")
    with zipfile.ZipFile(straight) as one, zipfile.ZipFile(stages.path(case, "from-torch.keras")) as other:
        assert one.read("model.weights.h5") == other.read("model.weights.h5")


def test_a_file_that_is_not_there_is_named(stages):
    stages.command("nowhere", stages.folder / "nowhere.pt", stages.folder / "refused.pt")
    assert stages.found["command/nowhere"] == [2, "", f"error: {stages.folder / 'nowhere.pt'}: no such file\n"]


def test_canonical_weights_must_name_their_cell_and_have_its_shapes(tmp_path):
    path, target = tmp_path / "weights.safetensors", tmp_path / "out.pt"
    arrays = {"rnn/0/forward/kernel": np.zeros((3, 4, 2)), "rnn/0/forward/recurrent_kernel": np.zeros((2, 4, 2))}
    save_file(arrays, path)
    with pytest.raises(UserError, match="names no cell; give it with --cell: simple_rnn, lstm"):
        convert(path, target)
    with pytest.raises(UserError, match=r"kernel: \(\d, 4, 2\); allowed: \(\d, 3, 2\)"):
        convert(path, target, cell="gru")
    with pytest.raises(UserError, match="PyTorch has no layer for lstm_coupled"):
        arrays = {name: value[:, 1:] for name, value in arrays.items()}
        save_file(arrays, path, {"cell": "lstm_coupled"})
        convert(path, target)
    assert not target.exists()
