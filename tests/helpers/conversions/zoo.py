"""Models made outside, converted and run as a user does: both frameworks' halves."""

import importlib
import sys
from pathlib import Path

import numpy as np
from conversions.stages import Stage

from frameworks.convert import convert
from frameworks.convert.outline import Said

ROWS, TIME = 6, 5


def inputs(shape: tuple, padding: float | None, words: int, right_only: bool = False) -> np.ndarray:
    """Rows without padding, padded left, right and within, one step long, and all padding."""
    rng = np.random.default_rng(7)
    rows, time = shape[0] or ROWS, shape[1] or TIME
    if len(shape) == 2:
        x = rng.integers(1, words, (rows, time)).astype("int32")
    else:
        x = rng.standard_normal((rows, time, shape[2])).astype("float32")
    if padding is not None:
        x[0, 3:] = padding
        x[1, 1:] = padding
        if not right_only:
            x[2, :2] = padding
            x[3, 2] = padding
            x[4] = padding
    return x


def keras_first(stage: Stage) -> None:
    """Save and run Keras's models, and convert them to canonical weights."""
    import keras
    from conversions.keras_models import CONVERT, WORDS

    for name, make in CONVERT.items():
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        model = spread(make())
        masks = [layer.mask_value for layer in model.layers if isinstance(layer, keras.layers.Masking)]
        padding = masks[0] if masks else (0 if "masked" in name else None)
        x = inputs(model.input_shape if name != "a dict" else (None, None), padding, WORDS)
        stage.arrays[f"{name}/inputs"] = x
        outputs = model({"review": x})["score"] if name == "a dict" else model(x)
        stage.arrays[f"{name}/keras"] = outputs.numpy()
        model.save(stage.path(name, "keras.keras"))
        report = convert(stage.path(name, "keras.keras"), stage.path(name, "keras.safetensors"))
        stage.found[f"{name}/report"] = [report.error, report.sequences, *report.notes]
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.GRU(4, reset_after=False)])
    spread(model).save(stage.folder / "reset.keras")
    convert(stage.folder / "reset.keras", stage.folder / "reset.safetensors")


def keras_refusals(stage: Stage) -> None:
    """Refuse Keras's models that are no plain chain."""
    import keras
    from conversions.keras_models import REFUSE

    for name, make in REFUSE.items():
        keras.utils.clear_session()
        spread(make()).save(stage.path(name, "model.keras"))
        stage.refused(name, stage.path(name, "model.keras"), stage.folder / "refused.safetensors")


def spread(model):
    """Move the weights away from their start, where biases are zero."""
    draw = np.random.default_rng(5)
    model.set_weights([value + draw.normal(0, 0.3, value.shape) for value in model.get_weights()])
    return model


def torch_stage(stage: Stage) -> None:
    """Go on with Keras's models in the modules that were written for them; save and run modules made outside."""
    import torch
    from conversions.torch_models import MODELS, WORDS, said

    before = np.load(stage.folder / "keras_first.npz")
    for name in sorted({key.split("/")[0] for key in before.files}):
        source, state = stage.path(name, "keras.safetensors"), stage.path(name, "torch.pt")
        code = stage.folder / f"{identifier(name)}.py"
        report = convert(source, state, module=code)
        stage.found[f"{name}/there"] = [report.error, *report.notes]
        model = imported(code).Model()
        weights = torch.load(state)
        if any(value.dtype == torch.float64 for value in weights.values()):
            model = model.double()
        model.load_state_dict(weights)
        stage.arrays[f"{name}/torch"] = run(model, before[f"{name}/inputs"])
        stage.refused(f"bare {name}", source, stage.folder / "refused.pt")
    for name, (make, _) in MODELS.items():
        torch.manual_seed(1)
        model = make()
        words = hasattr(model, "words")
        x = inputs((None, None) if words else (None, None, 3), 0 if "packed" in name else None, WORDS, right_only=True)
        stage.arrays[f"torch {name}/inputs"], stage.arrays[f"torch {name}/torch"] = x, run(model, x)
        torch.save(model.state_dict(), stage.path(name, "born.pt"))
        report = convert(stage.path(name, "born.pt"), stage.path(name, "born.safetensors"), said=said(name))
        stage.found[f"torch {name}/report"] = [report.error, *report.notes]
    stage.refused("reset before", stage.folder / "reset.safetensors", stage.folder / "refused.pt")
    convert(stage.path("tanh between", "born.pt"), stage.path("tanh between", "bare.safetensors"))
    torch_commands(stage)
    project(stage)
    tamper(stage)
    spoil(stage)


def torch_commands(stage: Stage) -> None:
    """What the command line writes and says of models that mask."""
    graph, masked = (stage.path(name, "keras.safetensors") for name in ("masked graph", "masked lstm"))
    stage.command("module", graph, stage.folder / "cli.pt", "--module", stage.folder / "cli.py")
    stage.command("masked", masked, stage.folder / "masked.pt")
    stage.command("unchecked", masked, stage.folder / "unchecked.pt", "--no-check")


def project(stage: Stage) -> None:
    """An LSTM that projects: to canonical weights and back, in the module that is written for it."""
    import torch
    from conversions.torch_models import WIDTH, WORDS, Classifier

    model = Classifier(torch.nn.LSTM(WIDTH, 6, 2, batch_first=True, bidirectional=True, proj_size=3), 6, 2)
    x = inputs((None, None), None, WORDS)
    stage.arrays["projection/born"] = run(model, x)
    born, canonical, state, code = (
        stage.folder / f"projection{kind}" for kind in (".pt", ".safetensors", "2.pt", ".py")
    )
    torch.save(model.state_dict(), born)
    convert(born, canonical)
    convert(canonical, state, module=code)
    again = imported(code).Model()
    again.load_state_dict(torch.load(state))
    stage.arrays["projection/torch"] = run(again, x)


def run(model, x: np.ndarray) -> np.ndarray:
    import torch

    dtype = next(model.parameters()).dtype if x.dtype.kind == "f" else torch.int64
    model.eval()
    with torch.no_grad():
        return model(torch.tensor(x, dtype=dtype)).numpy()


def imported(code: Path):
    """Import a written file as a user does."""
    sys.path.insert(0, str(code.parent))
    try:
        return importlib.import_module(code.stem)
    finally:
        sys.path.pop(0)


def identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in f"written {name}")


def tamper(stage: Stage) -> None:
    """Canonical files whose description is made to harm, or of another model."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    source = stage.path("dropouts", "keras.safetensors")
    with safe_open(source, "numpy") as file:
        description, cell = file.metadata()["model"], file.metadata()["cell"]
    for name, old, new in (
        ("code", '"GaussianNoise"', '"x\\nimport os; os.abort()"'),
        ("step", '"kind":"dense"', '"kind":"system"'),
        ("other", '"both_ways":true', '"both_ways":false'),
        ("rate", '"rate":0.5', '"rate":"os.abort()"'),
        ("endless", "}", ""),
    ):
        assert old in description, (name, description)
        target = stage.folder / f"tampered {name}.safetensors"
        save_file(load_file(source), target, {"cell": cell, "model": description.replace(old, new, 1)})
        stage.refused(f"tampered {name}", target, stage.folder / "refused.pt", None, None, None, stage.folder / "no.py")


def spoil(stage: Stage) -> None:
    """Conversions with a fault put into them: the check must see each."""
    from unittest.mock import patch

    from frameworks.pytorch import weights

    gates = weights.NATIVE_GATES
    faults = {
        "gates of the lstm": {"NATIVE_GATES": gates | {"lstm": ("i", "g", "f", "o")}},
        "gates of the gru": {"NATIVE_GATES": gates | {"gru": ("z", "r", "n")}},
        "biases": {"NATIVE_NAMES": weights.NATIVE_NAMES | {"bias": "bias_hh", "recurrent_bias": "bias_ih"}},
    }
    for name, changed in faults.items():
        source = "no bias" if name == "gates of the lstm" else "ave"
        with patch.multiple(weights, **changed):
            code = stage.folder / "spoilt.py"
            arguments = (stage.path(source, "keras.safetensors"), stage.folder / "spoilt.pt")
            stage.refused(f"spoilt {name}", *arguments, None, None, None, code)


def keras_again(stage: Stage) -> None:
    """Go on with PyTorch's modules in Keras, in a model without ``like`` and in the code written for it."""
    import keras

    before = np.load(stage.folder / "torch.npz")
    for name in [key.split("/")[0] for key in before.files if key.startswith("torch ") and key.endswith("/inputs")]:
        source, model = stage.path(name.removeprefix("torch "), "born.safetensors"), stage.path(name, "keras.keras")
        code = stage.folder / f"{identifier(name)}.py"
        stage.found[f"{name}/there"] = convert(source, model, module=code).error
        x = before[f"{name}/inputs"]
        stage.arrays[f"{name}/keras"] = keras.saving.load_model(model)(x).numpy()
        own = imported(code).build_model()
        own.load_weights(model)
        stage.arrays[f"{name}/code"] = own(x).numpy()
    stage.refused("projection", stage.folder / "projection.safetensors", stage.folder / "refused.keras")
    convert(stage.folder / "reset.safetensors", stage.folder / "reset-again.keras")
    convert(stage.folder / "reset-again.keras", stage.folder / "reset-again.safetensors")
    told = ("--activations", "tanh,tanh,linear", "--module", stage.folder / "cli_keras.py")
    stage.command("told", stage.path("tanh between", "bare.safetensors"), stage.folder / "cli.keras", *told)
    masked, plain = stage.path("masked lstm", "keras.keras"), stage.folder / "unmasked.keras"
    convert_into_unmasked(stage, masked, plain)


def convert_into_unmasked(stage: Stage, masked: Path, plain: Path) -> None:
    """A model of the same weights that does not mask is no place for masked ones, and says so of itself."""
    import keras

    layers = keras.layers
    parts = [layers.Embedding(12, 4), layers.LSTM(5), layers.Dense(1, activation="sigmoid")]
    keras.Sequential([keras.Input((None,), dtype="int32"), *parts]).save(plain)
    stage.refused("into unmasked", masked, stage.folder / "refused.keras", plain)
    stage.refused("said of a model", masked, stage.folder / "refused.safetensors", None, None, Said(packed=True))
    convert(masked, stage.folder / "unchecked.weights.h5", check=False)
