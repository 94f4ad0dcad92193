"""Masked padding: every cell, form and side against the NumPy reference; the reference against unpadded rows."""

from zlib import crc32

import numpy as np
import pytest
from cases import TIME, TWINS, Case, close, flat, make_batch, make_spec, offered, params, twin_params

import frameworks
from experiments import canonical
from experiments.cells import CELLS
from experiments.draws import generator
from experiments.padding import moved
from experiments.parity.grid import FORMS
from experiments.parity.tolerances import FINITE_DIFFERENCES
from experiments.tasks import Interface

TOKENS = Interface("tokens", TIME, 20, 1, "binary_crossentropy")
EVERY_STEP = Interface("tokens", TIME, 20, 20, "sequence_cross_entropy")
LENGTHS = np.array([2, 1, TIME, 0, 2], np.int32)  # a row of one step, a full one, and one that is all padding
SIDES = ("left", "right")


TRACED = {"lstm": "left", "gru": "right"}


def masked(case: Case, side: str, **conventions):
    """The case's spec with masked padding."""
    spec = case.spec
    task = spec.task.model_copy(update={"padding_side": side, "padding_treatment": "masked"})
    changed = spec.conventions.model_copy(update=conventions)
    training = spec.training.model_copy(update={"execution": "eager"})
    return spec.model_copy(update={"task": task, "conventions": changed, "training": training})


def padded_batch(spec, interface=TOKENS):
    """A random batch whose rows have ``LENGTHS``; padded steps hold words too, which must not matter."""
    batch = make_batch(spec, interface=interface)
    y = generator(0, "targets").integers(0, 20, batch.x.shape).astype(np.int32) if interface.every_step else batch.y
    return batch._replace(y=y, lengths=LENGTHS)


def models(spec, twin, interface=TOKENS):
    """The twin's model and the reference's, on the same weights."""
    weights = canonical.draw(spec, interface, 0)
    build = frameworks.load(twin).build
    return build(spec, interface, weights, 0), frameworks.load("reference").build(spec, interface, weights, 0)


def given(spec):
    rng = generator(0, "states")
    zeros = canonical.zero_states(spec.network, lambda size: size)
    return tuple(tuple(rng.uniform(-1, 1, (5, n)).astype(spec.training.dtype) for n in layer) for layer in zeros)


def levels(twin: str, cell: str, form: str, side: str) -> Case:
    """Dtype, depth, conventions and directions, spread over the grid by a fixed rule."""
    bits = crc32(f"{cell}/{form}/{side}".encode())
    choose = [pair[bits >> place & 1] for place, pair in enumerate((("float64", "float32"), (1, 2)))]
    return Case(twin, cell, form, *choose, ("keras", "pytorch")[bits >> 2 & 1], bool(bits >> 3 & 1))


#: Each form of each cell on one side, in turn, so that every cell and every form meets both; the ladder checks all.
SIDED = [
    (levels(twin, cell, form, side), side)
    for twin in TWINS
    for row, cell in enumerate(CELLS)
    for place, form in enumerate(form for form in FORMS if offered(twin, cell, form))
    for side in [SIDES[(row + place) % 2]]
]


@pytest.mark.parametrize(
    ("case", "side"),
    [
        pytest.param(*each, marks=getattr(pytest.mark, each[0].twin), id="-".join(map(str, [*each[0], each[1]])))
        for each in SIDED
    ],
)
def test_outputs_states_and_gradients_are_the_references(case, side):
    spec = masked(case, side)
    model, reference = models(spec, case.twin)
    batch, states = padded_batch(spec), given(spec)
    close(case, flat(model.forward(batch.x, states, LENGTHS)), flat(reference.forward(batch.x, states, LENGTHS)))
    close(case, model.gradients(batch), reference.gradients(batch))


@pytest.mark.parametrize("conventions", ["keras", "pytorch"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", params(Case(twin, "lstm", "layer", depth=1) for twin in TWINS))
def test_an_answer_at_every_step_counts_by_convention(case, side, conventions):
    spec = masked(case._replace(conventions=conventions), side)
    task = spec.task.model_copy(update={"name": "imdb"})
    spec = spec.model_copy(update={"task": type("Answered", (type(task),), {"EVERY_STEP": True})(**dict(task))})
    model, reference = models(spec, case.twin, EVERY_STEP)
    batch = padded_batch(spec, EVERY_STEP)
    close(case, model.gradients(batch), reference.gradients(batch))
    ours, theirs = model.train_step(batch), reference.train_step(batch)
    close(case, {"loss": ours.loss}, {"loss": theirs.loss})


@pytest.mark.parametrize("case", params(Case(twin, cell, "layer", depth=1) for twin in TWINS for cell in TRACED))
def test_a_traced_training_step_takes_lengths_too(case):
    spec = masked(case, TRACED[case.cell])
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"execution": "default"})})
    model, reference = models(spec, case.twin)
    batch = padded_batch(spec)
    for _ in range(2):
        close(case, {"loss": model.train_step(batch).loss}, {"loss": reference.train_step(batch).loss})
    close(case, {"outputs": model.predict(batch.x, LENGTHS)}, {"outputs": reference.predict(batch.x, LENGTHS)})


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", params(Case(twin, "lstm", "layer", "float32", 2, "stock") for twin in TWINS))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_stock_layers_do_not_read_padding(case, side, bidirectional):
    """Each framework's own way of masking: its outputs are those of the rows alone, cut to their lengths."""
    spec = masked(case._replace(bidirectional=bidirectional), side)
    model = frameworks.load(case.twin).build(spec, TOKENS, None, 0)
    batch = padded_batch(spec)
    padded = model.forward(batch.x, None, LENGTHS)
    for row in (0, 1, 4):
        length = LENGTHS[row]
        valid = slice(TIME - length, None) if side == "left" else slice(length)
        alone = model.forward(batch.x[row : row + 1, valid])
        np.testing.assert_allclose(padded.outputs[row], alone.outputs[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(padded.sequence[row, valid], alone.sequence[0], rtol=1e-5, atol=1e-6)


CELL_SIDES = [(cell, side, both) for cell in CELLS for side, both in zip(SIDES, (False, True), strict=True)]


@pytest.mark.parametrize("conventions", ["keras", "pytorch"])
@pytest.mark.parametrize(("cell", "side", "bidirectional"), CELL_SIDES)
def test_the_references_rows_are_those_of_the_rows_alone(cell, side, bidirectional, conventions):
    case = Case("reference", cell, "scratch", conventions=conventions, bidirectional=bidirectional)
    spec = masked(case, side)
    _, model = models(spec, "reference")
    batch = padded_batch(spec)
    padded = model.forward(batch.x, None, LENGTHS)
    for row, length in enumerate(LENGTHS):
        valid = slice(TIME - length, None) if side == "left" else slice(length)
        padding = np.delete(padded.sequence[row], valid, axis=0)
        if not length:
            assert not padded.sequence[row].any() and not padded.states[0][0][row].any()
            continue
        alone = model.forward(batch.x[row : row + 1, valid])
        np.testing.assert_allclose(padded.outputs[row], alone.outputs[0], rtol=1e-12)
        np.testing.assert_allclose(padded.sequence[row, valid], alone.sequence[0], rtol=1e-12)
        repeats = conventions == "keras" and not bidirectional and side == "right"
        np.testing.assert_array_equal(padding, np.broadcast_to(alone.sequence[0, -1] * repeats, padding.shape))


@pytest.mark.parametrize("cell", CELLS)
def test_the_side_of_the_padding_does_not_matter(cell):
    case = Case("reference", cell, "scratch", bidirectional=True)
    left, right = (models(masked(case, side), "reference")[1] for side in SIDES)
    batch = padded_batch(masked(case, "left"))
    outputs = left.predict(batch.x, LENGTHS), right.predict(moved(batch.x, LENGTHS), LENGTHS)
    np.testing.assert_allclose(*outputs, rtol=1e-12)


@pytest.mark.parametrize("interface", [TOKENS, EVERY_STEP], ids=["last step", "every step"])
@pytest.mark.parametrize(("cell", "side", "bidirectional"), CELL_SIDES)
def test_the_references_gradients_are_the_central_differences(cell, side, bidirectional, interface):
    both = bidirectional and not interface.every_step
    spec = masked(Case("reference", cell, "scratch", bidirectional=both), side)
    batch = padded_batch(spec, interface)
    weights = canonical.draw(spec, interface, 0)
    build = frameworks.load("reference").build
    gradients = build(spec, interface, weights).gradients(batch)
    rng = generator(0, "direction")
    direction = {name: rng.standard_normal(value.shape) for name, value in weights.items()}
    ends = []
    for turn in (1e-6, -1e-6):
        moved_weights = {name: value + turn * direction[name] for name, value in weights.items()}
        ends.append(build(spec, interface, moved_weights).train_step(batch).loss)
    slope = sum(float(np.sum(gradients[name] * direction[name])) for name in weights)
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=FINITE_DIFFERENCES, abs=1e-8)
    valid = moved(gradients["input"], LENGTHS) if side == "left" else gradients["input"]
    assert not any(row[length:].any() for row, length in zip(valid, LENGTHS, strict=True))


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("side", SIDES)
def test_stock_batches_keep_each_rows_length(twin, side):
    spec = masked(Case(twin, "lstm", "layer", conventions="stock"), side)
    model = frameworks.load(twin).build(spec, TOKENS, None, 0)
    lengths = np.arange(1, 8, dtype=np.int32)
    x = np.repeat(lengths[:, None], TIME, axis=1)
    batches = list(model.batches(x, lengths[:, None].astype("float32"), lengths))
    assert sum(len(batch.y) for batch in batches) == 7
    assert all((batch.x[:, 0] == batch.lengths).all() and (batch.y[:, 0] == batch.lengths).all() for batch in batches)


def test_a_spec_says_what_padding_cannot_do():
    spec = make_spec("gru", "scratch")
    task = spec.task.model_copy(update={"padding_treatment": "masked"})
    bag = spec.model_copy(
        update={"task": task, "network": spec.network.model_copy(update={"encoder": "bag", "units": (4,)})}
    )
    assert bag.inexpressible == "task.padding_treatment: a bag of words has one step, and nothing to mask"
    bucketed = spec.model_copy(update={"training": spec.training.model_copy(update={"pipeline": "bucketed"})})
    assert bucketed.inexpressible.startswith("training.pipeline: bucketed needs lengths")
    assert bucketed.model_copy(update={"task": task}).inexpressible is None
    assert spec.idle["masked_output"].startswith("no step is masked")
    assert spec.idle["padding_side"] == "the padding is on the left"
    assert spec.model_copy(update={"task": task}).idle["masked_loss"].startswith("a masked step has no answer")
