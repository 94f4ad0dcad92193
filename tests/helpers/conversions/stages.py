"""Plain models: both frameworks' halves of their conversion tests."""

import json
import os
from itertools import product
from pathlib import Path

import numpy as np
from conversions.spoilt import linked, tampered
from typer.testing import CliRunner

from experiments.errors import UserError
from frameworks.convert import convert
from frameworks.convert.command import app

#: Each cell twice, at complementary levels of depth and direction.
CASES = ["lstm-1-one", "lstm-2-both", "gru-1-one", "gru-2-both", "simple_rnn-1-both", "simple_rnn-2-one"]
#: A case's seed: its place among all combinations.
SEEDS = {
    f"{cell}-{depth}-{sides}": place
    for place, (cell, depth, sides) in enumerate(product(("simple_rnn", "lstm", "gru"), (1, 2), ("one", "both")))
}
WORDS, TOKENS, WIDTH, UNITS, STEPS = 12, 3, 4, 5, 1
PREDICTIONS = 1e-6

rng = np.random.default_rng(0)
X = rng.integers(0, WORDS, (8, TOKENS)).astype("int32")
Y = rng.standard_normal((8, 1)).astype("float32")


def keras_model(case: str):
    """A plain Keras model; functional where it is bidirectional, else Sequential. Biases are not left at zero."""
    import keras

    keras.utils.set_random_seed(SEEDS[case])
    cell, depth, sides = case.split("-")
    layer = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    layers = [keras.layers.Embedding(WORDS, WIDTH)]
    for index in range(int(depth)):
        one = layer(UNITS, return_sequences=index + 1 < int(depth))
        layers.append(keras.layers.Bidirectional(one) if sides == "both" else one)
    layers += [keras.layers.Dropout(0.5), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(1)]
    inputs = keras.Input((TOKENS,), dtype="int32")
    if sides == "both":
        x = inputs
        for one in layers:
            x = one(x)
        model = keras.Model(inputs, x)
    else:
        model = keras.Sequential([inputs, *layers])
    draw = np.random.default_rng(SEEDS[case])
    model.set_weights([value + draw.normal(0, 0.3, value.shape) for value in model.get_weights()])
    return model


def torch_model(case: str):
    """A plain PyTorch module."""
    import torch
    from torch import nn

    torch.manual_seed(SEEDS[case])
    cell, depth, sides = case.split("-")

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            layer = {"simple_rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
            self.words = nn.Embedding(WORDS, WIDTH)
            self.recurrent = layer(WIDTH, UNITS, int(depth), batch_first=True, bidirectional=sides == "both")
            self.top = nn.Sequential(nn.Linear(UNITS * (1 + (sides == "both")), 3), nn.Tanh(), nn.Linear(3, 1))

        def forward(self, x):
            _, last = self.recurrent(self.words(x))
            h = last[0] if cell == "lstm" else last
            return self.top(torch.cat(list(h[-2:]), -1) if sides == "both" else h[-1])

    return Model()


class Stage:
    """One framework's half: its models, trained by plain SGD, and what it saw."""

    def __init__(self, folder: Path):
        self.folder, self.found, self.arrays = folder, {}, {}

    def path(self, case: str, kind: str) -> Path:
        return self.folder / f"{case}-{kind}"

    def see(self, case: str, when: str, predicted: np.ndarray, losses: list[float]) -> None:
        self.arrays[f"{case}/{when}"] = predicted
        self.found[f"{case}/{when}"] = losses

    def refused(self, name: str, *arguments) -> None:
        """Keep what a conversion that must fail says."""
        self.found[f"refused/{name}"] = "nothing"
        try:
            convert(*arguments)
        except UserError as error:
            self.found[f"refused/{name}"] = str(error)

    def command(self, name: str, *arguments) -> None:
        """Keep what the command line answers: its exit code, what it prints, and its error."""
        done = CliRunner().invoke(app, list(map(str, arguments)))
        self.found[f"command/{name}"] = [done.exit_code, done.stdout, done.stderr]

    def write(self, stage: str) -> None:
        np.savez(self.folder / f"{stage}.npz", **self.arrays)
        (self.folder / f"{stage}.json").write_text(json.dumps(self.found))


def keras_train(model) -> list[float]:
    """The loss before each step and after the last."""
    import tensorflow as tf

    def loss():
        return tf.reduce_mean((model(X, training=False) - Y) ** 2)

    losses = []
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            value = loss()
        losses.append(float(value))
        for variable, gradient in zip(
            model.trainable_variables, tape.gradient(value, model.trainable_variables), strict=True
        ):
            variable.assign_sub(0.02 * tf.convert_to_tensor(gradient))
    return [*losses, float(loss())]


def torch_train(model) -> list[float]:
    """The loss before each step and after the last."""
    import torch

    optimiser = torch.optim.SGD(model.parameters(), lr=0.02)
    losses = []
    for step in range(STEPS + 1):
        loss = ((model(torch.tensor(X)) - torch.tensor(Y)) ** 2).mean()
        losses.append(float(loss.detach()))
        if step < STEPS:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return losses


def keras_first(stage: Stage) -> None:
    """Train in Keras and convert to canonical weights."""
    import keras

    for case in CASES:
        model = keras_model(case)
        losses = keras_train(model)
        stage.see(case, "keras trained", model(X).numpy(), losses)
        model.save(stage.path(case, "keras.keras"))
        model.save_weights(stage.path(case, "keras.weights.h5"))
        convert(stage.path(case, "keras.keras"), stage.path(case, "keras.safetensors"))
        convert(stage.path(case, "keras.weights.h5"), stage.path(case, "keras-h5.safetensors"))
    keras_refusals(stage, keras.layers, keras)


def keras_refusals(stage: Stage, layers, keras) -> None:
    """Models that have no canonical form, and files that are made to harm."""
    mark = stage.folder / "harmed"
    harm = layers.Lambda(lambda x, mark=str(mark): (open(mark, "w").close(), x)[1])  # noqa: PTH123
    models = {
        "normalised": [layers.LSTM(2, return_sequences=True), layers.LayerNormalization(), layers.GRU(2)],
        "activation": [layers.LSTM(2, activation="relu")],
        "convolution": [layers.Conv1D(2, 2), layers.LSTM(2)],
        "dense first": [layers.Dense(2), layers.LSTM(2)],
        "no recurrence": [layers.Dense(2)],
        "reset_before": [layers.GRU(2, reset_after=False)],
        "two kinds": [layers.GRU(2, return_sequences=True), layers.LSTM(2)],
        "lambda": [layers.LSTM(2), harm],
    }
    for name, parts in models.items():
        model = keras.Sequential([keras.Input((TOKENS, 3)), *parts])
        model.save(stage.folder / f"{name}.keras")
        model.save_weights(stage.folder / f"{name}.weights.h5")
        if name == "reset_before":
            convert(stage.folder / f"{name}.keras", stage.folder / f"{name}.safetensors")
        elif name not in ("two kinds", "lambda"):
            stage.refused(name, stage.folder / f"{name}.keras", stage.folder / "refused.safetensors")
    mark.unlink()  # Keras ran the lambda as the model was made; reading the file must not
    stage.refused("lambda", stage.folder / "lambda.keras", stage.folder / "refused.safetensors")
    two = stage.folder / "two kinds.weights.h5"
    stage.refused("two kinds", two, stage.folder / "refused.safetensors")
    convert(two, stage.folder / "two kinds.safetensors", stage.folder / "two kinds.keras")
    tampered(stage.folder / "reset_before.keras", stage.folder / "tampered.keras", mark)
    stage.refused("tampered", stage.folder / "tampered.keras", stage.folder / "refused.safetensors")
    linked(stage.path(CASES[0], "keras.weights.h5"), stage.folder / "linked.weights.h5")
    stage.refused("linked", stage.folder / "linked.weights.h5", stage.folder / "refused.safetensors")
    (stage.folder / "broken.keras").write_bytes((stage.folder / "activation.keras").read_bytes()[:300])
    stage.refused("broken.keras", stage.folder / "broken.keras", stage.folder / "refused.safetensors")
    stage.found["harmed by Keras's file"] = mark.exists()


def torch_stage(stage: Stage) -> None:
    """Go on with Keras's models, and train others; convert both."""
    import torch

    for case in CASES:
        model = torch_model(case)
        losses = torch_train(model)
        stage.see(case, "torch trained", model(torch.tensor(X)).detach().numpy(), losses)
        mine, theirs = stage.path(case, "torch.pt"), stage.path(case, "from-keras.pt")
        torch.save(model.state_dict(), mine)
        convert(mine, stage.path(case, "torch.safetensors"))
        convert(stage.path(case, "keras.safetensors"), theirs, mine)
        convert(theirs, stage.path(case, "keras-back.safetensors"))
        default = stage.path(case, "default.safetensors")
        convert(stage.path(case, "torch.safetensors"), default)
        convert(default, stage.path(case, "torch-back.safetensors"))
        model.load_state_dict(torch.load(theirs))
        before = model(torch.tensor(X)).detach().numpy()
        stage.see(case, "torch went on", before, torch_train(model))
    torch_others(stage, torch)
    torch_refusals(stage, torch)


def torch_others(stage: Stage, torch) -> None:
    """Cells, projections and safetensors, whose order is lost."""
    nn = torch.nn
    cells = nn.ModuleDict({"first": nn.GRUCell(3, 4, bias=False), "second": nn.GRUCell(4, 2), "out": nn.Linear(2, 1)})
    torch.save(cells.state_dict(), stage.folder / "cells.pt")
    convert(stage.folder / "cells.pt", stage.folder / "cells.safetensors")
    convert(stage.folder / "cells.safetensors", stage.folder / "cells-back.pt", stage.folder / "cells.pt")
    back = torch.load(stage.folder / "cells-back.pt")
    stage.found["cells"] = all(torch.equal(back[name], value) for name, value in cells.state_dict().items())
    projected = nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True)
    torch.save(projected.state_dict(), stage.folder / "projected.pt")
    convert(stage.folder / "projected.pt", stage.folder / "projected.safetensors")
    convert(stage.folder / "projected.safetensors", stage.folder / "projected-back.pt", stage.folder / "projected.pt")
    back = torch.load(stage.folder / "projected-back.pt")
    stage.found["projected"] = all(torch.equal(back[name], value) for name, value in projected.state_dict().items())


def torch_refusals(stage: Stage, torch) -> None:
    """State dicts that have no canonical form, canonical weights that PyTorch has no place for, and a harmful file."""
    nn, mark = torch.nn, stage.folder / "harmed"

    class Harm:
        def __reduce__(self):
            return os.system, (f"touch {mark}",)

    lstm = nn.LSTM(3, 4).state_dict()
    held = {
        "pickle": lstm | {"x": Harm()},
        "checkpoint": {"model_state_dict": lstm, "epoch": 3},
        "normalised": nn.ModuleDict({"rnn": nn.LSTM(3, 4), "norm": nn.LayerNorm(4)}).state_dict(),
        "gates": {"weight_ih_l0": torch.zeros(10, 3), "weight_hh_l0": torch.zeros(10, 5)},
        "linear first": nn.ModuleDict({"a": nn.Linear(3, 3), "rnn": nn.LSTM(3, 4)}).state_dict(),
        "parallel": nn.ModuleDict({"a": nn.GRU(3, 4), "b": nn.GRU(3, 4)}).state_dict(),
        "half": {name: value.bfloat16() for name, value in lstm.items()},
        "no recurrence": nn.Linear(3, 4).state_dict(),
    }
    for name, state in held.items():
        torch.save(state, stage.folder / f"{name}.pt")
        stage.refused(f"torch {name}", stage.folder / f"{name}.pt", stage.folder / "refused.safetensors")
    stage.found["harmed by PyTorch's file"] = mark.exists()
    (stage.folder / "broken.pt").write_bytes((stage.folder / "pickle.pt").read_bytes()[:200])
    stage.refused("torch broken", stage.folder / "broken.pt", stage.folder / "refused.safetensors")
    state = torch.load(stage.path("lstm-1-one", "torch.pt"))
    state |= {"top.0.weight": torch.zeros(2, UNITS), "top.0.bias": torch.zeros(2), "top.2.weight": torch.zeros(1, 2)}
    torch.save(state, stage.folder / "sizes.pt")
    lstm, refused = stage.path("lstm-1-one", "keras.safetensors"), stage.folder / "refused.pt"
    stage.refused("to torch reset_before", stage.folder / "reset_before.safetensors", refused)
    stage.refused("other depth", lstm, refused, stage.path("lstm-2-both", "torch.pt"))
    torch.save(torch_model("lstm-1-both").state_dict(), stage.folder / "sides.pt")
    stage.refused("other sides", lstm, refused, stage.folder / "sides.pt")
    stage.refused("other sizes", lstm, refused, stage.folder / "sizes.pt")


def keras_again(stage: Stage) -> None:
    """Go on with PyTorch's models, and close the circle."""
    import keras

    for case in CASES:
        like = stage.path(case, "keras.keras")
        convert(stage.path(case, "torch.safetensors"), stage.path(case, "from-torch.keras"), like)
        model = keras.saving.load_model(stage.path(case, "from-torch.keras"))
        stage.see(case, "keras went on", model(X).numpy(), keras_train(model))
        convert(stage.path(case, "keras-back.safetensors"), stage.path(case, "round.weights.h5"), like)
        model = keras_model(case)
        model.load_weights(stage.path(case, "round.weights.h5"))
        stage.arrays[f"{case}/round"] = model(X).numpy()
        convert(stage.path(case, "round.weights.h5"), stage.path(case, "round.safetensors"))
    model = stage.folder / "reset_before.keras"
    convert(stage.folder / "reset_before.safetensors", stage.folder / "reset-back.keras", model)
    convert(stage.folder / "reset-back.keras", stage.folder / "reset-back.safetensors")
    stage.refused("to keras projection", stage.folder / "projected.safetensors", stage.folder / "refused.keras", model)
    stage.refused("to keras cell", stage.path("gru-1-one", "torch.safetensors"), stage.folder / "refused.keras", model)
    stage.refused("to keras alone", stage.path("gru-1-one", "torch.safetensors"), stage.folder / "refused.keras")
