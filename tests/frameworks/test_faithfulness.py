"""Is an imposed convention the framework's own? Its own training step, by ``fit`` or ``torch.optim``, against ours."""

import numpy as np
import pytest
from cases import BATCH, TIME, TOKENS, WORDS, make_spec

import frameworks
from experiments import canonical
from experiments.draws import generator
from experiments.parity.tolerances import CLOSE
from experiments.protocol import Batch
from experiments.training.batches import steps_per_epoch

CELLS = ("simple_rnn", "lstm", "gru")
OPTIMISERS = {"sgd": 2**-3, "adam": 2**-7, "rmsprop": 2**-7, "adagrad": 2**-7}  # exact in Keras's float32 rate
CLIPS = {"free": {}, "clipped": {"clip_norm": 0.05}, "globally": {"clip_norm": 0.05, "clip_global": True}}
#: Every cell with every optimiser, and each of both once with every clipping.
STEPS = [
    (cell, optimiser, list(CLIPS)[(i + j) % len(CLIPS)])
    for i, cell in enumerate(CELLS)
    for j, optimiser in enumerate(OPTIMISERS)
]


def spec_of(cell: str, conventions: str, optimiser: str, clip: str):
    return make_spec(
        cell,
        "layer",
        conventions,
        depth=1,
        dropout=0.0,
        optimiser=optimiser,
        learning_rate=OPTIMISERS[optimiser],
        execution="eager",
        dtype="float64",
        epochs=1,
        batch_size=BATCH,
        **CLIPS[clip],
    )


def repeated() -> Batch:
    """Few words, so that each stands several times in the batch."""
    rng = generator(0, "faithfulness")
    x = rng.integers(0, WORDS // 5, (BATCH, TIME)).astype(np.int32)
    return Batch(x, rng.integers(0, 2, (BATCH, 1)).astype(np.float64))


def ours(twin: str, spec, batch: Batch) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The twin's native variables before and after one step under the imposed conventions."""
    model = frameworks.load(twin).build(spec, TOKENS, canonical.draw(spec, TOKENS, 0), 0)
    before = [np.array(natives(binding)) for binding in model.bindings]
    model.train_step(batch)
    return before, [np.array(natives(binding)) for binding in model.bindings]


def natives(binding) -> np.ndarray:
    value = binding.variable
    return value.detach().numpy().copy() if hasattr(value, "detach") else value.numpy().copy()


#: Keras holds β₁, β₂ and Adagrad's first accumulator as float32 numbers even where the weights are float64.
KERAS_CONSTANTS = 2e-7


def assert_close(names: str, got: list[np.ndarray], wanted: list[np.ndarray], atol=CLOSE["float64"].atol) -> None:
    rtol = CLOSE["float64"].rtol
    assert len(got) == len(wanted)
    for place, (a, b) in enumerate(zip(got, wanted, strict=True)):
        error = np.max(np.abs(a - b) - rtol * np.abs(b))
        assert error <= atol, f"{names}: variable {place} is off by {error:.2e}"


@pytest.mark.tf2
@pytest.mark.parametrize("cell, optimiser, clip", STEPS)
def test_a_step_of_kerass_fit_is_ours_under_its_conventions(cell, optimiser, clip):
    import keras

    spec, batch = spec_of(cell, "keras", optimiser, clip), repeated()
    before, after = ours("tf2", spec, batch)
    layer = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    model = keras.Sequential(
        [
            keras.layers.Input((TIME,), dtype="int32"),
            keras.layers.Embedding(WORDS, spec.network.embedding_size, dtype="float64"),
            layer(spec.network.units[0], dtype="float64"),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )
    model.set_weights(before)
    kind = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    kind["adagrad"] = keras.optimizers.Adagrad
    limits = {"free": {}, "clipped": {"clipnorm": 0.05}, "globally": {"global_clipnorm": 0.05}}[clip]
    loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
    model.compile(kind[optimiser](spec.training.learning_rate, **limits), loss, run_eagerly=True)
    model.train_on_batch(batch.x, batch.y)  # the step of fit
    constants = {"atol": KERAS_CONSTANTS} if optimiser in ("adam", "adagrad") else {}
    assert_close(f"keras, {cell}, {optimiser}, {clip}", after, model.get_weights(), **constants)


@pytest.mark.pytorch
@pytest.mark.parametrize("clip", ["free", "clipped"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_of_torch_optim_is_ours_under_its_conventions(cell, optimiser, clip):
    import torch
    from torch import nn

    spec, batch = spec_of(cell, "pytorch", optimiser, clip), repeated()
    before, after = ours("pytorch", spec, batch)
    layer = {"simple_rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
    (units,) = spec.network.units
    embedding = nn.Embedding(WORDS, spec.network.embedding_size)
    recurrent, head = layer(spec.network.embedding_size, units, batch_first=True), nn.Linear(units, 1)
    modules = nn.ModuleList([embedding, recurrent, head]).double()
    parameters = list(modules.parameters())
    with torch.no_grad():
        for parameter, value in zip(parameters, before, strict=True):
            parameter.copy_(torch.from_numpy(value))
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
    kind["adagrad"] = torch.optim.Adagrad
    stepper = kind[optimiser](parameters, lr=spec.training.learning_rate)
    outputs = head(recurrent(embedding(torch.from_numpy(batch.x)))[0][:, -1])
    nn.functional.binary_cross_entropy_with_logits(outputs, torch.from_numpy(batch.y)).backward()
    if clip == "clipped":
        nn.utils.clip_grad_norm_(parameters, 0.05)
    stepper.step()
    assert_close(f"torch, {cell}, {optimiser}, {clip}", after, [each.detach().numpy() for each in parameters])


@pytest.mark.tf2
@pytest.mark.parametrize("form", ["layer", "tuned"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_form_of_stock_keras_never_changes_the_mathematics(cell, form):
    """The tuned form's fused Adam squares each occurrence of a repeated word as Keras's own does."""
    training = {"optimiser": "adam", "learning_rate": 2**-7, "dtype": "float64", "execution": "eager"}
    stock = make_spec(cell, form, "stock", depth=1, dropout=0.0, **training)
    imposed = make_spec(cell, "scratch", "keras", depth=1, dropout=0.0, **training)
    build, batch, weights = frameworks.load("tf2").build, repeated(), canonical.draw(imposed, TOKENS, 0)
    models = [build(spec, TOKENS, weights, 0) for spec in (stock, imposed)]
    for _ in range(2):
        for model in models:
            model.train_step(batch)
    got, wanted = (model.weights() for model in models)
    assert_close(f"{cell}, {form}", [got[name] for name in wanted], list(wanted.values()), 5 * KERAS_CONSTANTS)


@pytest.mark.parametrize("pipeline, steps", [("default", 2), ("tf.data", 1)])
def test_the_sines_949_windows_are_two_steps_of_fit_and_one_of_the_tutorials_pipeline(pipeline, steps):
    assert steps_per_epoch(make_spec("lstm", "layer", batch_size=512, pipeline=pipeline), 949) == steps


@pytest.mark.parametrize("twin", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("tf2", "pytorch")])
@pytest.mark.parametrize("pipeline, sizes", [("default", [4, 4, 3]), ("tf.data", [4, 4])])
def test_stock_batches_are_fits_and_the_loaders(twin, pipeline, sizes):
    spec = make_spec("lstm", "layer", "stock", batch_size=4, pipeline=pipeline)
    model = frameworks.load(twin).build(spec, TOKENS, None, 0)
    x = np.arange(11 * TIME, dtype=np.int32).reshape(11, TIME) % WORDS
    y = np.arange(11, dtype=np.float32)[:, None]
    epochs = [[batch.y[:, 0] for batch in model.batches(x, y)] for _ in range(2)]
    assert [len(part) for part in epochs[0]] == sizes
    orders = [np.concatenate(parts) for parts in epochs]
    assert all(len(set(order)) == len(order) for order in orders)
    assert not np.array_equal(*orders)
