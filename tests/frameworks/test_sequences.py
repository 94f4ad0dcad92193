"""A head at every step and states that are carried: both twins against the reference, and what a spec allows."""

import itertools

import numpy as np
import pytest
import sequence_toys as toys
from cases import PAIRS, TWINS, Case, close, flat, params
from hypothesis import given
from hypothesis import strategies as st
from plans import experiments_of
from pydantic import ValidationError

import frameworks
from experiments import canonical
from experiments.conventions import Conventions
from experiments.draws import generator, stateful_order
from experiments.parity.grid import LadderGrid
from experiments.parity.measure import given_states
from experiments.protocol import Absent, Batch, Native
from experiments.spec import ExperimentSpec
from experiments.study import plan, schema
from experiments.training.batches import draw_masks

CELLS = ("simple_rnn", "lstm", "gru", "lstm_projection")
FIELDS = {"lstm_projection": {"projection_size": 2}}
#: Every form of the LSTM, and every cell: test_conformance holds each form of each cell from given states.
GRID = [
    Case(twin, cell, form, conventions=("keras", "pytorch")[index % 2])
    for twin in TWINS
    for index, (cell, form) in enumerate(pair for pair in PAIRS if pair[0] in CELLS)
    if (cell == "lstm" or form in ("layer", "scratch"))
    and not isinstance(frameworks.supports(twin, toys.spec(cell, form, network=FIELDS.get(cell))), Absent)
]
INTERFACE = toys.TinyText(True).interface
#: Without a graph: to trace a call that runs once or twice takes most of the time, and the ladder runs traced ones.
EAGER = {"execution": "eager"}


def spec_of(case: Case, **fields) -> ExperimentSpec:
    network = FIELDS.get(case.cell, {}) | fields.pop("network", {})
    return toys.spec(case.cell, case.form, case.conventions, network=network, dtype=case.dtype, **fields)


def models(spec: ExperimentSpec, twin: str):
    """The twin's model and the reference's, on the same weights."""
    weights = canonical.draw(spec, INTERFACE, 0)
    return [frameworks.load(name).build(spec, INTERFACE, weights, 0) for name in (twin, "reference")]


def make_batch(spec: ExperimentSpec, seed: int = 0) -> Batch:
    rng = generator(seed, "test sequence")
    x, y = rng.integers(0, toys.VOCABULARY, (2, toys.ROWS, toys.WINDOW)).astype(np.int32)
    return Batch(x, y, draw_masks(spec, INTERFACE, toys.ROWS, rng), given_states(spec, toys.ROWS))


def stepped(step) -> dict:
    states = {f"state {i}.{j}": state for i, layer in enumerate(step.states) for j, state in enumerate(layer)}
    return {"loss": step.loss, "outputs": step.outputs} | states


@pytest.mark.parametrize("case", params(GRID))
def test_outputs_states_gradients_and_a_step_from_given_states_are_the_references(case):
    spec = spec_of(case, **EAGER)
    model, reference = models(spec, case.twin)
    batch = make_batch(spec)
    outputs, last = model.advance(batch.x, batch.states)
    assert outputs.shape == (toys.ROWS, toys.WINDOW, toys.VOCABULARY)
    forward = reference.forward(batch.x, batch.states)
    close(case, flat(forward._replace(outputs=outputs, states=last)), flat(forward))
    close(case, model.gradients(batch), reference.gradients(batch))
    close(case, stepped(model.train_step(batch)), stepped(reference.train_step(batch)))
    close(case, model.weights(), reference.weights())
    close(case, {"outputs": model.predict(batch.x)}, {"outputs": reference.predict(batch.x)})


@pytest.mark.parametrize("case", params([*(Case(twin, "lstm", "layer") for twin in TWINS)]))
def test_windows_advanced_in_turn_are_the_whole(case):
    model, _ = models(spec_of(case), case.twin)
    x = make_batch(spec_of(case)).x
    whole, last = model.advance(x)
    first, states = model.advance(x[:, :2])
    second, states = model.advance(x[:, 2:], states)
    joined = {"outputs": np.concatenate([first, second], axis=1), "h": states[-1][0]}
    close(case, joined, {"outputs": whole, "h": last[-1][0]})
    one, _ = model.advance(x[:1, :1])
    close(case, {"outputs": one}, {"outputs": whole[:1, :1]})


SETTINGS = [
    {"optimiser": "adagrad", "learning_rate": 0.1},
    {"optimiser": "adagrad", "learning_rate": 0.1, "clip_norm": 0.05},
    {"optimiser": "adagrad", "learning_rate": 0.1, "clip_norm": 0.05, "clip_global": True},
    {"optimiser": "adam"},
]
LAYERS = [Case(twin, "lstm", "layer", conventions=each) for twin in TWINS for each in ("keras", "pytorch")]


@pytest.mark.parametrize("case", params(LAYERS))
@pytest.mark.parametrize("training", SETTINGS, ids=lambda t: "-".join(map(str, t.values())))
def test_rates_that_decay_and_adagrad_follow_the_written_definition(case, training):
    # Adam in a graph too: a traced step must read each new rate.
    spec = spec_of(case, **training, **({} if training["optimiser"] == "adam" else EAGER))
    model, reference = models(spec, case.twin)
    for seed in range(3):
        for each in (model, reference):
            each.set_learning_rate(spec.training.learning_rate * 0.5**seed)
            each.train_step(make_batch(spec, seed))
    close(case, model.weights(), reference.weights())


@pytest.mark.parametrize("case", params(LAYERS))
def test_adagrad_is_overridden_alone(case):
    other = {"keras": "pytorch", "pytorch": "keras"}[case.conventions]
    override = {"base": case.conventions, "adagrad": other}
    spec = spec_of(case._replace(conventions=override), optimiser="adagrad", **EAGER)
    model, reference = models(spec, case.twin)
    for each in (model, reference):
        each.train_step(make_batch(spec))
    close(case, model.weights(), reference.weights())


@pytest.mark.parametrize("case", params(Case(twin, "simple_rnn", "layer", conventions="stock") for twin in TWINS))
@pytest.mark.parametrize("optimiser", ["adagrad", "sgd", "adam", "rmsprop"])
def test_a_stock_optimiser_takes_another_rate(case, optimiser):
    spec = spec_of(case, network={"units": [4], "dropout": 0.0}, optimiser=optimiser)
    model, moved = frameworks.load(case.twin).build(spec, INTERFACE, None, 0), []
    model.train_step(make_batch(spec)._replace(masks=None))  # traced at the first rate
    kept, before = model.checkpoint(), model.weights()["head/0/kernel"]
    for rate in (1e-2, 1e-4):
        model.restore(kept)
        model.set_learning_rate(rate)
        model.train_step(make_batch(spec, 1)._replace(masks=None))
        moved.append(model.weights()["head/0/kernel"] - before)
    np.testing.assert_allclose(moved[0], 100 * moved[1], rtol=1e-6)


@pytest.mark.parametrize("case", params(Case(twin, "lstm", "layer", "float32", conventions="stock") for twin in TWINS))
def test_stock_adagrad_is_its_owners_written_definition(case):
    home = {"tf2": "keras", "pytorch": "pytorch"}[case.twin]
    stock, imposed = (
        spec_of(case._replace(conventions=each), network={"dropout": 0.0}, optimiser="adagrad", **EAGER)
        for each in ("stock", home)
    )
    weights = canonical.draw(imposed, INTERFACE, 0)
    twins = [frameworks.load(case.twin).build(each, INTERFACE, weights, 0) for each in (stock, imposed)]
    for seed in range(3):
        for model in twins:
            model.train_step(make_batch(imposed, seed)._replace(masks=None))
    close(case, twins[0].weights(), twins[1].weights())


@pytest.mark.parametrize(
    "case", params(Case(twin, cell, "scratch") for twin in TWINS for cell in ("simple_rnn", "gru"))
)
def test_one_hot_vectors_as_they_are_equal_a_table_that_is_the_identity(case):
    bare, table = (
        spec_of(case, network={"encoder": "one_hot", "embedding_size": size, "dropout": 0.0}, **EAGER)
        for size in (None, toys.VOCABULARY)
    )
    weights = canonical.draw(bare, INTERFACE, 0)
    assert "embedding/table" not in weights
    build, given = frameworks.load(case.twin).build, make_batch(bare)
    model = build(bare, INTERFACE, weights, 0)
    wanted = build(table, INTERFACE, weights | {"embedding/table": np.eye(toys.VOCABULARY)}, 0)
    close(case, flat(model.forward(given.x, given.states)), flat(wanted.forward(given.x, given.states)))
    gradients = wanted.gradients(given)
    del gradients["embedding/table"]
    close(case, model.gradients(given), gradients)
    reference = frameworks.load("reference").build(bare, INTERFACE, weights, 0)
    close(case, model.gradients(given), reference.gradients(given))
    close(case, stepped(model.train_step(given)), stepped(reference.train_step(given)))


@pytest.mark.parametrize("case", params(Case(twin, "lstm", "layer") for twin in TWINS))
def test_a_task_without_carried_states_gets_none_back(case):
    spec, interface = spec_of(case, **EAGER), toys.TinyText(False).interface
    model = frameworks.load(case.twin).build(spec, interface, None, 0)
    assert model.train_step(make_batch(spec)._replace(states=None)).states == ()


def test_the_loss_is_the_mean_over_every_step():
    spec = spec_of(Case("reference", "lstm", "scratch"))
    model = frameworks.load("reference").build(spec, INTERFACE, None, 0)
    batch = make_batch(spec)
    step = model.train_step(batch)
    shares = np.exp(step.outputs) / np.exp(step.outputs).sum(axis=-1, keepdims=True)
    right = np.take_along_axis(shares, batch.y[..., None].astype(int), axis=-1)
    assert step.loss == pytest.approx(-np.log(right).mean(), rel=1e-12)


@given(samples=st.integers(1, 60), rows=st.integers(1, 12))
def test_each_row_of_a_stream_goes_on_where_it_stopped(samples, rows):
    batches = list(stateful_order(samples, rows))
    assert len(batches) == samples // rows
    assert all(batch.shape == (rows,) for batch in batches)
    for before, after in itertools.pairwise(batches):
        np.testing.assert_array_equal(after, before + 1)
    seen = np.concatenate([*batches, np.array([], int)])
    assert len(set(seen)) == len(seen) and all(0 <= window < samples for window in seen)


@pytest.mark.parametrize(
    "network, training, words",
    [
        ({"head": "mlp"}, {}, "network.head: task chars; allowed: linear"),
        ({"bidirectional": True}, {}, "network.bidirectional: task chars; allowed: false"),
        ({"encoder": "bag"}, {}, "network.encoder: task chars; allowed: embedding or one_hot"),
        ({"embedding_size": None}, {}, "network.embedding_size: task chars needs it"),
        ({"encoder": None}, {}, "network.encoder: task chars needs it"),
        ({}, {"learning_rate_decay": 0.0}, "learning_rate_decay"),
        ({}, {"learning_rate_decay": 1.1}, "learning_rate_decay"),
        ({}, {"optimiser": "adadelta"}, "'adam', 'rmsprop', 'adagrad' or 'sgd'"),
    ],
)
def test_what_a_language_model_of_characters_cannot_be(network, training, words):
    with pytest.raises(ValidationError) as caught:
        toys.spec(network=network, **training)
    assert words in str(caught.value)


@pytest.mark.parametrize("task", ["imdb", "chars"])
def test_one_hot_has_a_table_only_where_one_is_asked_for(task):
    def make(**network):
        return ExperimentSpec.model_validate({"task": task, "network": {"cell": "lstm", "form": "layer"} | network})

    assert make(encoder="one_hot").network.embedding_size is None
    assert make(encoder="one_hot", embedding_size=9).network.embedding_size == 9
    assert make().network.embedding_size is not None
    idle = make(encoder="one_hot").model_copy(update={"conventions": Conventions(base="keras", embedding="pytorch")})
    assert "without a table" in idle.inexpressible


@pytest.mark.parametrize("encoder, table", [("one_hot", None), ("embedding", 5)])
def test_the_ladder_climbs_characters_from_carried_states(encoder, table):
    grid = LadderGrid(cells=({"cell": "lstm", "task": "chars", "encoder": encoder},), forms=("scratch",))
    assert len(grid.specs()) == 4
    for spec in grid.specs():
        assert spec.task.stateful and spec.network.embedding_size == table and spec.training.clip_norm is None
        assert spec.variant.startswith("lstm+chars")


def test_the_ladder_climbs_on_no_other_task():
    with pytest.raises(ValidationError, match="task 'sine'; allowed: imdb, chars"):
        LadderGrid(cells=({"cell": "lstm", "task": "sine"},))


GRIDS = """
name = "some"
description = "A grid of its own frameworks."

[[grid]]
task = "chars"
network = { cell = "lstm", form = "scratch" }
conventions = "keras"

[[grid]]
task = "chars"
network = { cell = "lstm", form = "scratch" }
conventions = "keras"
frameworks = ["tf2", "reference"]
seeds = 2
"""


def test_a_grid_may_have_frameworks_of_its_own(tmp_path):
    path = tmp_path / "some.toml"
    path.write_text(GRIDS)
    laid = plan.lay_out(schema.read(path), path, lambda name, spec: Native(), str, lambda spec: toys.DATA)
    assert [(each.framework, each.seed) for each in laid.jobs("training")] == [
        ("tf2", 0),
        ("pytorch", 0),
        ("reference", 0),
        ("tf2", 1),
        ("reference", 1),
    ]
    assert [count for _, count in experiments_of(path)] == [2]


def test_defaults_and_names():
    spec = ExperimentSpec.model_validate({"task": "chars", "network": {"cell": "lstm", "form": "layer"}})
    assert (spec.network.units, spec.network.dropout, spec.network.embedding_size) == ((128,), 0.0, 64)
    training = spec.training
    assert (training.epochs, training.batch_size, training.learning_rate) == (5, 50, 2e-3)
    assert (training.clip_norm, training.clip_global, training.learning_rate_decay) == (5.0, True, 1.0)
    assert spec.slug == "chars-lstm-layer-128-stock"
    assert (
        toys.spec(stateful=False, network={"encoder": "one_hot"}).slug == "chars-lstm-layer-5x4-stateless-one_hot-keras"
    )
