"""The fused optimisers and the quick dropout of the tuned form."""

import numpy as np
import pytest
from cases import TOKENS, make_spec, offered, twin_params
from hypothesis import given
from hypothesis import strategies as st

import frameworks
from experiments.cells import CELLS
from experiments.protocol import Absent
from experiments.speed import measure


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("optimiser", ["adam", "sgd", "rmsprop"])
def test_the_tuned_forms_optimiser_is_the_frameworks_own(twin, optimiser):
    from experiments.draws import generator

    rng = generator(0, "tuned")
    # No word twice: Keras squares each occurrence's share of the gradient by itself.
    x = rng.permutation(TOKENS.features)[: 3 * TOKENS.time].reshape(3, -1).astype(np.int32)
    y = rng.integers(0, 2, (3, 1)).astype("float64")
    weights = {}
    for form in ("scratch", "tuned"):
        training = {"optimiser": optimiser, "dtype": "float64", "learning_rate": 0.01, "execution": "eager"}
        spec = make_spec("gru", form, "stock", dropout=0.0, **training)
        model = frameworks.load(twin).build(spec, TOKENS, None, 0)
        for _ in range(3):
            model.train_step(measure.Batch(x, y))
        weights[form] = model.weights()
    # Keras's Adam takes β₁ and β₂ through float32 even here, which moves a step by 7e-6 of it.
    atol = 3e-7 if (twin, optimiser) == ("tf2", "adam") else 1e-13
    for name, value in weights["scratch"].items():
        np.testing.assert_allclose(weights["tuned"][name], value, rtol=1e-10, atol=atol, err_msg=f"{twin} {name}")


@pytest.mark.tf2
def test_keras_adam_still_squares_every_occurrence_of_a_word_by_itself():
    import keras
    import tensorflow as tf

    variable, adam = keras.Variable(np.zeros((3, 1))), keras.optimizers.Adam()
    adam.build([variable])
    adam.apply([tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([0, 0]), tf.constant([3, 1]))], [variable])
    assert adam._velocities[0].numpy()[0, 0] == pytest.approx(0.001 * (1 + 4), rel=1e-3)  # (1 + 2)² would be 9


@pytest.mark.pytorch
@given(rate=st.floats(0.1, 0.9))
def test_the_quick_dropout_drops_its_share_and_keeps_the_mean(rate):
    import torch

    from frameworks.pytorch.stack import QuickDropout

    torch.manual_seed(0)
    dropout, x = QuickDropout(rate), torch.ones(20_000)
    dropped = dropout(x)
    kept = dropped[dropped != 0]
    assert torch.allclose(kept, torch.full_like(kept, 1 / (1 - rate)))
    assert abs((dropped == 0).double().mean().item() - rate) < 0.02
    assert torch.equal(dropout.eval()(x), x)


@pytest.mark.tf2
def test_a_compiled_network_is_the_same_network():
    from cases import make_batch

    build = frameworks.load("tf2").build
    specs = [make_spec("lstm", "layer", "keras", depth=1, execution=each) for each in ("eager", "compiled")]
    batch = make_batch(specs[0])
    losses = [build(spec, TOKENS, None, 0).train_step(batch).loss for spec in specs]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("twin, form", [("tf2", "unrolled"), ("tf2", "tuned"), ("pytorch", "layer")])
def test_what_cannot_be_compiled_says_why(twin, form):
    answer = frameworks.supports(twin, make_spec("lstm", form, "stock", execution="compiled"))
    assert isinstance(answer, Absent) and ("XLA" in answer.reason or "torch.compile" in answer.reason)


@pytest.mark.parametrize("twin", ["tf2", "pytorch"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_a_tuned_form(twin, cell):
    assert offered(twin, cell, "tuned")
