"""The tuned form's gradient, written by hand: what no other form has."""

from importlib import import_module

import numpy as np
import pytest
from cases import TOKENS, Case, close, make_batch, make_spec, twin_params

import frameworks
from experiments import canonical
from experiments.cells import AXES, CELLS
from experiments.draws import generator
from frameworks import facts
from frameworks.tf2.support import BY_HAND


@pytest.mark.parametrize("twin", twin_params())
def test_the_cells_whose_gradient_is_written_are_those_that_are_said_to_be(twin):
    assert {*facts(twin).BY_HAND} == {*import_module(f"frameworks.{twin}.tuned.cells").CELLS} <= {*CELLS}


@pytest.mark.parametrize("twin", twin_params())
def test_a_cell_without_a_gradient_by_hand_is_tuned_as_scratch(twin, monkeypatch):
    spec, forms = make_spec("gru", "tuned", "pytorch", depth=1, dropout=0.0), import_module(f"frameworks.{twin}.forms")
    assert "by hand" in facts(twin).supports(spec).detail and type(forms.tuned(spec, 0, 5)) is forms.Tuned
    for module in (forms, facts(twin)):
        monkeypatch.setattr(module, "BY_HAND", ())
    assert "by hand" not in facts(twin).supports(spec).detail and type(forms.tuned(spec, 0, 5)) is forms.Scratch


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_reaches_given_states(cell, twin):
    spec = make_spec(cell, "tuned", "pytorch", depth=1, dropout=0.0, dtype="float64")
    weights, x = canonical.draw(spec, TOKENS, 0), make_batch(spec).x
    ours, theirs = (
        frameworks.load(name).build(spec, TOKENS, weights, 0).state_jacobians(x) for name in (twin, "reference")
    )
    close(Case(twin, cell, "tuned"), {"jacobians": ours}, {"jacobians": theirs})


@pytest.mark.tf2
@pytest.mark.parametrize("cell", BY_HAND)
def test_a_graphs_loop_takes_a_few_steps_at_a_time(cell, monkeypatch):
    from frameworks.tf2.tuned import run

    monkeypatch.setattr(run, "TOGETHER", 2)
    spec = make_spec(cell, "tuned", "pytorch", depth=1, dtype="float64", optimiser="sgd", learning_rate=0.5)
    weights, batch = canonical.draw(spec, TOKENS, 0), make_batch(spec)
    model, reference = (frameworks.load(name).build(spec, TOKENS, weights, 0) for name in ("tf2", "reference"))
    model.train_step(batch)
    reference.train_step(batch)
    close(Case("tf2", cell, "tuned"), model.weights(), reference.weights())


def arguments(cell):
    """A sequence ``(B, T, I)``, states and weights as a layer of the cell takes them, in NumPy."""
    network, rng = make_spec(cell, "tuned", depth=1).network, generator(0, "tuned")
    shapes = canonical.layer_shapes(network, 0, 5, "pytorch")
    drawn = {kind: rng.standard_normal(shape) for kind, shape in shapes.items()}
    w = {k: v.reshape(*v.shape[:-2], -1) if "G" in AXES[k] else v for k, v in drawn.items()}
    (states,) = canonical.zero_states(network, lambda size: np.zeros((2, size)))
    return network, rng.standard_normal((2, 3, 5)), states, w


@pytest.mark.pytorch
@pytest.mark.parametrize("cell", CELLS)
def test_pytorchs_gradient_of_a_gradient_is_refused(cell):
    import torch

    from frameworks.pytorch.tuned.run import run

    network, x, states, w = arguments(cell)
    x = torch.tensor(x, requires_grad=True)
    sequence, _ = run(x, tuple(map(torch.tensor, states)), {k: torch.tensor(v) for k, v in w.items()}, network, None)
    with pytest.raises(NotImplementedError, match="gradient of the tuned form's gradient"):
        torch.autograd.grad(sequence.sum(), x, create_graph=True)


@pytest.mark.tf2
@pytest.mark.parametrize("cell, graph", [*((cell, False) for cell in BY_HAND), ("lstm", True)])
def test_tensorflows_gradient_of_a_gradient_is_refused(cell, graph):
    import tensorflow as tf

    from frameworks.tf2.tuned.run import run

    network, x, states, w = arguments(cell)
    states, w = tf.nest.map_structure(tf.constant, (states, w))

    def twice(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                sequence, _ = run(x, states, w, network, None)
            d_x = inner.gradient(sequence, x)
        return outer.gradient(d_x, x)

    with pytest.raises(NotImplementedError, match="gradient of the tuned form's gradient"):
        (tf.function(twice) if graph else twice)(tf.constant(x))
