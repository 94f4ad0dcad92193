"""A trained network as an MLflow model: it loads without this project's code, and predicts the same."""

from dataclasses import replace

import numpy as np
import pytest
from cases import make_spec, twin_params

import frameworks
from experiments import tasks
from experiments.draws import generator
from experiments.events import Finished
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from experiments.training import models
from experiments.training.trial import Trial
from frameworks.models import outline

#: TensorFlow 2.21 under NumPy 2, in whatever saves a Keras model.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROWS = 4
MASKED = {"name": "imdb", "words": 20, "tokens": 6, "padding_treatment": "masked"}
CHARS = {"task": {"name": "chars", "window": 6}, "network": {"cell": "lstm", "form": "layer", "units": [4]}}


def of(network=None, task=None, **fields) -> ExperimentSpec:
    """A tiny spec of an LSTM, changed."""
    spec = make_spec(**{"cell": "lstm", "form": "layer", "conventions": "pytorch", "network": network, **fields})
    told = spec.model_dump(mode="json", exclude_none=True)
    return ExperimentSpec.model_validate(told | {"task": task or told["task"]})


def values(**network) -> ExperimentSpec:
    task = {"name": "sine", "points": 40, "window": 6}
    return ExperimentSpec.model_validate(
        {"task": task, "network": {"cell": "lstm", "form": "layer", "units": [4]} | network, "conventions": "pytorch"}
    )


#: Every part of a network that stock layers have, twice where the twins' layers differ.
KEPT = {
    "stock": of(conventions="stock"),
    "keras": of(conventions="keras"),
    "two layers alike": of({"units": [4, 4]}),
    "gru from scratch": of(cell="gru", form="scratch"),
    "simple_rnn both ways": of({"bidirectional": True}, cell="simple_rnn", form="wrapped"),
    "mlp": of({"head": "mlp"}, conventions="keras"),
    "one hot": of({"encoder": "one_hot"}),
    "float64": of(dtype="float64"),
    "masked on the left": of(task=MASKED),
    "masked on the right": of({"bidirectional": True}, task=MASKED | {"padding_side": "right"}),
    "characters": ExperimentSpec.model_validate(CHARS | {"conventions": "keras"}),
    "values": values(),
}


def inputs(spec: ExperimentSpec, interface: Interface) -> tuple[np.ndarray, np.ndarray | None]:
    """A random batch, and its lengths where padding, word 0, is masked."""
    rng = generator(0, "inputs of a model")
    if interface.input == "values":
        return rng.standard_normal((ROWS, interface.time, interface.features)).astype(spec.training.dtype), None
    x = rng.integers(1, interface.features, (ROWS, interface.time)).astype(np.int32)
    if not spec.task.masked:
        return x, None
    lengths = np.arange(1, ROWS + 1, dtype=np.int32)
    for row, length in zip(x, lengths, strict=True):
        row[slice(None, -length) if spec.task.padding_side == "left" else slice(length, None)] = 0
    return x, lengths


def written(files, folder):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def predicted(twin: str, folder, x: np.ndarray) -> np.ndarray:
    """What a model that MLflow has loaded predicts."""
    if twin == "tf2":
        import mlflow.tensorflow

        return np.asarray(mlflow.tensorflow.load_model(str(folder))(x))
    import mlflow.pytorch
    import torch

    with torch.no_grad():
        return mlflow.pytorch.load_model(str(folder))(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("twin", twin_params())
def test_a_loaded_model_predicts_as_the_network(twin, name, tmp_path):
    spec, framework = KEPT[name], frameworks.load(twin)
    interface = tasks.interface(spec.task)
    network, (x, lengths) = framework.build(spec, interface, None, 0), inputs(spec, interface)
    expected = network.predict(x, lengths)
    got = predicted(twin, written(framework.model_files(spec, network.weights()), tmp_path), x)
    assert got.shape == expected.shape and np.ptp(expected) > 5e-4
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("twin", twin_params())
def test_the_same_trial_gives_the_same_bytes(twin):
    spec, framework = KEPT["stock"], frameworks.load(twin)

    def network():
        return framework.build(spec, tasks.interface(spec.task), None, 0)

    first = framework.model_files(spec, network().weights())
    alive = network()  # its weights' names are equal strings, which a pickle must not tell from the model's own
    assert framework.model_files(spec, alive.weights()) == first


@pytest.mark.pytorch
def test_a_projection_is_kept_where_layers_have_it(tmp_path):
    spec = of(cell="lstm_projection")
    framework = frameworks.load("pytorch")
    network = framework.build(spec, tasks.interface(spec.task), None, 0)
    x, _ = inputs(spec, tasks.interface(spec.task))
    got = predicted("pytorch", written(framework.model_files(spec, network.weights()), tmp_path), x)
    np.testing.assert_allclose(got, network.predict(x), rtol=1e-5, atol=1e-5)


REASONS = {
    "a bag of words is no stock layer": of({"encoder": "bag"}),
    "one-hot vectors without a table": of({"encoder": "one_hot", "embedding_size": None}, form="scratch"),
    "clip no state": of({"cell_clip": 1.0}, form="scratch"),
    "has no id of its own": ExperimentSpec.model_validate(
        CHARS | {"task": CHARS["task"] | {"padding_treatment": "masked", "stateful": False}}
    ),
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_no_stock_layer_computes_has_a_reason(reason):
    with pytest.raises(Exception, match=reason):
        outline(REASONS[reason], "keras")


def finished(keeps_model: bool, model_files) -> Finished:
    """The last event of a trial of the NumPy reference."""
    spec = ExperimentSpec.model_validate(
        {
            "task": {"name": "sine", "points": 40, "window": 4},
            "network": {"cell": "lstm", "form": "scratch", "units": [2]},
            "training": {"epochs": 1, "batch_size": 32},
            "conventions": "keras",
        }
    )
    trial = Trial(spec, "reference", "1", 0, tasks.locate(spec.task), keeps_model)
    (*_, last) = trial.run(replace(frameworks.load("reference"), model_files=model_files))
    assert isinstance(last, Finished), last
    return last


def broken(spec, weights):
    raise ValueError("no good\nat all")


@pytest.mark.parametrize(
    ("keeps", "model_files", "absent"),
    [
        (False, broken, None),
        (True, None, "MLflow knows no model of reference's\n"),
        (True, broken, "ValueError: no good\n"),
        (True, lambda spec, weights: {"MLmodel": b"{}"}, None),
    ],
    ids=["not asked", "none", "broken", "kept"],
)
def test_a_trial_keeps_its_model_or_says_why_not(keeps, model_files, absent):
    files = finished(keeps, model_files).files
    assert (models.ABSENT in files) == (absent is not None)
    assert files.get(models.ABSENT, b"").decode() == (absent or "")
    assert ("model/MLmodel" in files) == (keeps and absent is None)
