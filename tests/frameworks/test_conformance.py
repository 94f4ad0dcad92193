"""Every twin's model against the NumPy reference: cell × form × dtype × depth × conventions."""

import numpy as np
import pytest
from cases import (
    BATCH,
    PAIRS,
    TOKENS,
    TWINS,
    Case,
    close,
    flat,
    make_batch,
    make_spec,
    offered,
    params,
    sampled,
    twin_params,
)

import frameworks
from experiments import canonical
from experiments.cells import CELLS
from experiments.parity.measure import given_states

GRID = [
    case for twin in TWINS for cell, form in PAIRS if offered(twin, cell, form) for case in sampled(twin, cell, form)
]
#: Three layers: one has layers on both sides.
GRID += [Case(twin, "gru", "layer", depth=3, conventions="pytorch", bidirectional=True) for twin in TWINS]
#: One case for each twin × cell × form, for what neither dtype, depth nor direction changes.
FORMS_ONLY = [Case(twin, cell, form) for twin in TWINS for cell, form in PAIRS if offered(twin, cell, form)]


def eager(spec, **training):
    return spec.model_copy(update={"training": spec.training.model_copy(update={"execution": "eager"} | training)})


def models(spec, twin, seed=0):
    """The twin's model and the reference's, on the same weights."""
    weights = canonical.draw(spec, TOKENS, seed)
    build = frameworks.load(twin).build
    return build(spec, TOKENS, weights, seed), frameworks.load("reference").build(spec, TOKENS, weights, seed), weights


@pytest.mark.parametrize("case", params(GRID))
def test_weights_states_and_gradients_are_the_references(case):
    # Eagerly: to trace a call that runs once takes most of the time, and the ladder runs traced ones. A step of SGD is
    # the gradient of every weight; the input's is in the embedding's.
    spec = eager(case.spec, optimiser="sgd", learning_rate=1.0)
    model, reference, weights = models(spec, case.twin)
    back = model.weights()
    assert set(back) == set(weights)
    wrong = [k for k in weights if back[k].dtype != weights[k].dtype or not np.array_equal(back[k], weights[k])]
    assert not wrong, f"{case}: {wrong} did not come back to the bit"
    batch, states = make_batch(spec), given_states(spec, BATCH)
    close(case, flat(model.forward(batch.x, states)), flat(reference.forward(batch.x, states)))
    if case.dtype == "float32":
        close(case, model.gradients(batch), reference.gradients(batch))
        return
    ours, theirs = model.train_step(batch), reference.train_step(batch)
    close(case, {"loss": ours.loss, "outputs": ours.outputs}, {"loss": theirs.loss, "outputs": theirs.outputs})
    close(case, model.weights(), reference.weights())


OPTIMISERS = [
    {"optimiser": "sgd", "learning_rate": 0.5},
    {"optimiser": "rmsprop", "learning_rate": 1e-2},
    {"optimiser": "adam"},
    {"optimiser": "adam", "clip_norm": 0.05},
    {"optimiser": "sgd", "clip_norm": 0.05},
    {"optimiser": "rmsprop", "clip_norm": 0.05, "clip_global": True},
    {"optimiser": "sgd", "clip_norm": 100.0},
]


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("conventions", ["keras", "pytorch"])
@pytest.mark.parametrize("training", OPTIMISERS, ids=lambda t: "-".join(map(str, t.values())))
def test_every_optimiser_follows_the_written_definition(twin, conventions, training):
    spec = eager(make_spec("lstm", "layer", conventions, depth=1, dtype="float64", **training))
    model, reference, _ = models(spec, twin)
    case = Case(twin, "lstm", "layer", conventions=conventions)
    for seed in range(2):  # the definition changes with the step's number
        batch = make_batch(spec, seed)
        model.train_step(batch)
        reference.train_step(batch)
    close(case, model.weights(), reference.weights())


#: The fields that a twin follows in training; those of the start act in the one draw that is handed to both.
FIELDS = ["bias", "dropout", "adam", "repeated_words"]


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("base, other", [("keras", "pytorch"), ("pytorch", "keras")])
@pytest.mark.parametrize("field", FIELDS)
def test_a_single_overridden_field_is_followed(twin, base, other, field):
    spec = eager(make_spec("lstm", "layer", {"base": base, field: other}, dtype="float64"))
    model, reference, _ = models(spec, twin)
    case = Case(twin, "lstm", "layer", conventions=spec.conventions.label)
    for seed in range(2):
        batch = make_batch(spec, seed)
        model.train_step(batch)
        reference.train_step(batch)
    close(case, model.weights(), reference.weights())


@pytest.mark.parametrize("cell", CELLS)
def test_halves_with_carried_states_equal_the_whole_in_the_reference(cell):
    """In the reference: from given states every form of the twins is held to it."""
    case = Case("reference", cell, "scratch")
    model, *_ = models(case.spec, case.twin)
    x = make_batch(case.spec).x
    first = model.forward(x[:, :1])
    second = model.forward(x[:, 1:], first.states)
    joined = second._replace(sequence=np.concatenate([first.sequence, second.sequence], axis=1))
    close(case, flat(joined), flat(model.forward(x)))


#: Dropout is the stock layer's where the form is one, and else the stack's, whatever the cell.
DROPPING = [
    case._replace(conventions="stock", dtype="float32")
    for case in FORMS_ONLY
    if case.cell == "lstm" or (case.cell in ("simple_rnn", "gru") and case.form in ("cell_loop", "layer"))
]


@pytest.mark.parametrize("case", params(DROPPING))
def test_dropout_is_off_in_evaluation_and_reproducible_in_training(case):
    build = frameworks.load(case.twin).build
    # TensorFlow's LSTM layer in a graph, and alone; to trace the others' steps takes most of the time.
    traced = (case.twin, case.cell, case.form) == ("tf2", "lstm", "layer")
    spec = case._replace(depth=1).spec if traced else eager(case.spec)
    batch = make_batch(spec)._replace(masks=None)
    batch = batch._replace(x=batch.x[:, :2])
    model = build(spec, TOKENS, None, 3)
    start, calm = model.weights()["head/0/kernel"], model.predict(batch.x)
    assert np.array_equal(calm, model.predict(batch.x)), f"{case}: evaluation draws dropout"
    steps = [model.train_step(batch).outputs for _ in range(2)]
    assert not np.allclose(calm, steps[0], atol=1e-7), f"{case}: training drops nothing"
    again = build(spec, TOKENS, None, 3)
    for _ in range(2):  # Keras's layers draw a mask in evaluation too, and throw it away: the seed moves on
        again.predict(batch.x)
    repeated = [again.train_step(batch).outputs for _ in range(2)]
    np.testing.assert_array_equal(steps, repeated, err_msg=f"{case}: the same seed gives another training")
    other = build(spec, TOKENS, None, 4)
    assert not np.allclose(start, other.weights()["head/0/kernel"]), f"{case}: the seed does nothing"


#: A stock layer, a loop in Python and one that is written by hand.
TRACED = ("layer", "scratch", "tuned")


@pytest.mark.parametrize(
    "case", params(case._replace(depth=1) for case in DROPPING if case.cell == "lstm" and case.form in TRACED)
)
def test_a_batch_of_another_size_trains_and_predicts(case):
    model = frameworks.load(case.twin).build(case.spec, TOKENS, None, 0)
    batch = make_batch(case.spec)
    x = batch.x[:, :2]  # two steps: tracing them takes all the time
    sizes = [len(model.train_step(type(batch)(x[:n], batch.y[:n])).outputs) for n in (5, 2)]
    assert sizes == [5, 2]
    np.testing.assert_allclose(model.predict(x[:2]), model.predict(x)[:2], rtol=1e-5, atol=1e-6)


ENDS = [
    ("keras", {"encoder": "one_hot"}),
    ("pytorch", {"encoder": "bag"}),
    ("pytorch", {"head": "mlp"}),
    ("keras", {"encoder": "bag", "head": "mlp"}),
]


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("conventions, network", ENDS, ids=str)
def test_encoders_and_heads_are_the_references(twin, network, conventions):
    spec = eager(make_spec("gru", "layer", conventions, depth=1, network=network, dtype="float64"))
    model, reference, _ = models(spec, twin)
    case = Case(twin, "gru", "layer", conventions=conventions)
    batch = make_batch(spec)
    close(case, model.gradients(batch), reference.gradients(batch))
    ours, theirs = model.train_step(batch), reference.train_step(batch)
    close(case, {"loss": ours.loss, "outputs": ours.outputs}, {"loss": theirs.loss, "outputs": theirs.outputs})
    close(case, model.weights(), reference.weights())


@pytest.mark.parametrize("twin", twin_params())
def test_one_hot_equals_an_embedding(twin):
    encoders = ("embedding", "one_hot")
    specs = [make_spec("lstm", "layer", depth=1, network={"encoder": name}, dtype="float64") for name in encoders]
    embedding, one_hot = (models(spec, twin)[0] for spec in specs)
    batch = make_batch(specs[0])
    case = Case(twin, "lstm", "layer")
    close(case, flat(one_hot.forward(batch.x)), flat(embedding.forward(batch.x)))
    close(case, one_hot.gradients(batch), embedding.gradients(batch))


@pytest.mark.parametrize("twin", twin_params())
def test_a_bag_of_words_knows_no_order(twin):
    spec = eager(make_spec("lstm", "layer", depth=1, network={"encoder": "bag"}, dtype="float64"))
    model, *_ = models(spec, twin)
    x = make_batch(spec).x
    np.testing.assert_allclose(model.predict(x), model.predict(x[:, ::-1].copy()), rtol=1e-12)


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_ten_classes_from_rows_of_values(twin, head):
    spec = canonical.ExperimentSpec.model_validate(
        {"task": "digits", "network": {"cell": "lstm", "form": "layer", "units": [5], "head": head}}
        | {"training": {"dtype": "float64"}, "conventions": "pytorch"}
    )
    spec, interface = eager(spec), canonical.Interface("values", 8, 8, 10, "cross_entropy")
    batch = make_batch(spec, interface=interface)
    model, reference = (frameworks.load(name).build(spec, interface, None, 0) for name in (twin, "reference"))
    case = Case(twin, "lstm", "layer")
    close(case, model.gradients(batch), reference.gradients(batch))
    losses = [(model.train_step(batch).loss, reference.train_step(batch).loss) for _ in range(2)]
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=1e-10)


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("encoder, head", [("bag", "mlp"), ("embedding", "mlp")])
def test_the_stock_heads_dropout_is_off_in_evaluation_and_on_in_training(twin, encoder, head):
    spec = eager(make_spec("gru", "layer", "stock", 1, dropout=0.0, network={"encoder": encoder, "head": head}))
    model = frameworks.load(twin).build(spec, TOKENS, None, 0)
    batch = make_batch(spec)._replace(masks=None)
    calm = model.predict(batch.x)
    assert np.array_equal(calm, model.predict(batch.x))
    assert not np.allclose(calm, model.train_step(batch).outputs, atol=1e-7)


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("cell", CELLS)
def test_the_states_jacobians_by_autodiff_are_the_product_of_the_steps(twin, cell):
    form = "layer" if offered(twin, cell, "layer") else "scratch"
    spec = make_spec(cell, form, "pytorch", depth=1, dropout=0.0, dtype="float64")
    model, reference, _ = models(spec, twin)
    x = make_batch(spec).x[:2, :3]
    ours, theirs = model.state_jacobians(x), reference.state_jacobians(x)
    close(Case(twin, cell, form), {"jacobians": ours}, {"jacobians": theirs})
    np.testing.assert_array_equal(theirs[-1], np.broadcast_to(np.eye(theirs.shape[-1]), theirs[-1].shape))
    assert not np.allclose(theirs[0], theirs[-1])


OPTIONS = [
    ("lstm", {"cell_clip": 0.01}),
    ("lstm_peephole", {"cell_clip": 0.1, "forget_bias": 0.0}),
    ("lstm_projection", {"projection_clip": 0.02, "cell_clip": 0.1}),
    ("lstm_coupled", {"cell_clip": 0.01}),
]


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("cell, network", OPTIONS, ids=str)
@pytest.mark.parametrize("form, conventions", [("scratch", "keras"), ("tuned", "pytorch")])
def test_clipping_and_the_forget_bias_act_as_in_the_reference(twin, form, cell, network, conventions):
    plain = make_spec(cell, form, conventions, depth=1, dtype="float64")
    spec = make_spec(cell, form, conventions, depth=1, network=network, dtype="float64")
    model, reference, _ = models(spec, twin)
    batch = make_batch(spec)
    case, forward = Case(twin, cell, form, conventions=conventions), model.forward(batch.x)
    close(case, flat(forward), flat(reference.forward(batch.x)))
    close(case, model.gradients(batch), reference.gradients(batch))
    without = models(plain, "reference")[0].forward(batch.x)
    assert not np.allclose(forward.sequence, without.sequence, rtol=1e-6), f"{network} changes nothing"


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru", "lstm_projection"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("units", [[4], [4, 4, 4]], ids=str)
@pytest.mark.pytorch
def test_pytorchs_own_stack_of_layers_is_the_stack_of_ours(cell, bidirectional, units):
    network = {"units": units, "bidirectional": bidirectional}
    stock, imposed = (make_spec(cell, "layer", base, network=network) for base in ("stock", "pytorch"))
    build = frameworks.load("pytorch").build
    theirs = build(stock, TOKENS, None, 1)
    ours = build(imposed, TOKENS, theirs.weights(), 1)
    x = make_batch(stock).x
    close(Case("pytorch", cell, "layer", "float32"), flat(theirs.forward(x)), flat(ours.forward(x)))


@pytest.mark.parametrize("twin", twin_params())
def test_sine_values_go_through_without_an_embedding(twin):
    spec = canonical.ExperimentSpec.model_validate(
        {"task": "sine", "network": {"cell": "minimal", "form": "cell_loop"}, "training": {"dtype": "float64"}}
        | {"conventions": "keras"}
    )
    interface = canonical.Interface("values", 7, 1, 1, "mse")
    weights = canonical.draw(spec, interface, 0)
    x = np.sin(np.arange(21.0)).reshape(3, 7, 1)
    ours, theirs = (frameworks.load(name).build(spec, interface, weights, 0).forward(x) for name in (twin, "reference"))
    np.testing.assert_allclose(ours.outputs, theirs.outputs, rtol=1e-10)
