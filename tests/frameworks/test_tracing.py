"""A network that was traced for another seed trains as a new one, to the bit."""

import json

import numpy as np
import pytest
import sequence_toys as toys
from cases import TOKENS
from safetensors.numpy import load

import frameworks
from experiments.events import EpochEnded, Finished
from experiments.training import trial

pytestmark = pytest.mark.usefixtures("tiny_text")


def outcome(events):
    """Losses, weights and texts."""
    *events, finished = events
    assert isinstance(finished, Finished), finished
    curve = [event.metrics["train/loss"] for event in events if isinstance(event, EpochEnded)]
    return curve, load(finished.files["weights.safetensors"]), json.loads(finished.files["samples.json"])


@pytest.mark.tf2
@pytest.mark.parametrize(
    "conventions, form, stateful, optimiser",
    [("stock", "layer", True, "adam"), ("stock", "tuned", False, "adam"), ("keras", "tuned", True, "adagrad")],
)
def test_another_seed_s_network_restarts_as_a_new_one(monkeypatch, conventions, form, stateful, optimiser):
    from frameworks.tf2 import tracing

    monkeypatch.setattr(tracing, "_traced", tracing.OrderedDict())
    framework, networks, traces = frameworks.load("tf2"), [], []

    def watch(new):
        networks.append(tracing.reuse(new))
        traces.append(networks[-1]._step.experimental_get_tracing_count())
        return networks[-1]

    watched = toys.replace(framework, reuse=watch)
    depth = {} if form == "layer" else {"units": [5]}  # to trace two layers takes twice as long
    spec = toys.spec("lstm", form, conventions, stateful, depth, optimiser=optimiser, clip_norm=0.5, clip_global=True)
    alone, other, after = (
        outcome(list(trial.run(toys.trial("tf2", spec, seed), twin)))
        for seed, twin in ((1, toys.replace(framework, reuse=lambda new: new)), (0, watched), (1, watched))
    )
    first, second = networks
    assert first is second
    assert traces[0] == 0 < traces[1] == first._step.experimental_get_tracing_count()
    assert after[0] == alone[0] != other[0]
    assert after[2] == alone[2]
    for name, value in alone[1].items():
        np.testing.assert_array_equal(after[1][name], value, err_msg=name)


@pytest.mark.tf2
def test_only_so_many_networks_are_kept(monkeypatch):
    from frameworks.tf2 import tracing

    monkeypatch.setattr(tracing, "_traced", tracing.OrderedDict())
    monkeypatch.setattr(tracing, "_KEPT", 4)
    built = [
        tracing.reuse(frameworks.load("tf2").build(toys.spec(cell, "scratch", "keras", True), TOKENS, None, 0))
        for cell in ("lstm", "gru", "simple_rnn", "minimal", "lstm_coupled", "lstm")
    ]
    assert len(tracing._traced) == 4
    assert built[-1] is not built[0]
