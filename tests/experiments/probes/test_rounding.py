"""The control for rounding: what is chosen, what is measured, and what the page says of it."""

import json

import numpy as np
import pytest
from cases import TOKENS, make_spec

import frameworks
from experiments import tasks
from experiments.probes import rounding
from experiments.tasks import DataSource, Split
from experiments.training.trial import Trial
from reports.data import artifacts
from reports.data.results import Results
from reports.pages.parity import rounding as page

DATA = DataSource("imdb-test", "d" * 64, None, "made for tests")


class ToyTask:
    """Ten reviews of random words."""

    interface = TOKENS
    rng = np.random.default_rng(0)
    train = Split(rng.integers(1, TOKENS.features, (10, TOKENS.time), np.int32), rng.integers(0, 2, (10, 1)) * 1.0)


def trial(cell="lstm", conventions="keras", **fields):
    return Trial(make_spec(cell, "layer", conventions, **fields), "tf2", "v", 0, DATA)


def at(rate, cell):
    spec = trial(cell).spec
    training = spec.training.model_copy(update={"learning_rate": rate})
    return Trial(spec.model_copy(update={"training": training}), "tf2", "v", 0, DATA)


def test_each_cell_is_measured_at_its_own_rate_and_at_the_sources_if_that_is_higher():
    jobs = rounding.jobs(
        [at(3e-4, "simple_rnn"), trial("gru"), at(2e-3, "lstm"), trial("lstm", "stock")],
        ("tf2", "pytorch", "reference"),
        lambda name: name,
    )
    rates = [(job.spec.network.cell, job.spec.training.learning_rate, job.framework) for job in jobs]
    usual = trial().spec.training.learning_rate
    wanted = [("simple_rnn", 1e-3), ("simple_rnn", 3e-4), ("gru", usual), ("lstm", 2e-3)]
    assert rates == [(*pair, twin) for pair in dict.fromkeys(wanted) for twin in ("tf2", "pytorch")]
    assert len({job.fingerprint for job in jobs}) == len(jobs)


def test_losses_part_by_little_and_the_first_weights_differ(monkeypatch):
    monkeypatch.setattr(tasks, "load", lambda *_: ToyTask)
    job = rounding.Rounding(trial(epochs=3, dtype="float32").spec, "reference", "v", DATA, 0)
    (event,) = job.run(frameworks.load("reference"))
    losses = artifacts.rounding(event.files["rounding.json"].decode())["losses"]
    steps = 3 * -(-len(ToyTask.train.y) // job.spec.training.batch_size)
    assert [len(losses[ulps]) for ulps in ("0", "1")] == [steps, steps]
    assert losses["0"] != losses["1"]
    np.testing.assert_allclose(losses["0"], losses["1"], rtol=1e-3)


def results(factor: float, rates=(1e-3,)) -> Results:
    """Twins that part ``factor`` times as far as PyTorch parts from itself."""
    own = {"0": [1.0, 1.0], "1": [1.0, 1.0 + 1e-4]}
    other = {ulps: [loss * (1 + factor * 1e-4) for loss in losses] for ulps, losses in own.items()}
    made = {
        ("simple_rnn", rate, twin): {"losses": losses}
        for rate in rates
        for twin, losses in (("tf2", other), ("pytorch", own))
    }
    return Results("s", None, None, None, rounding=made)


@pytest.mark.parametrize(("factor", "reading"), [(0.5, "equal up to rounding"), (2, "further than the control")])
def test_twins_are_held_to_the_control(factor, reading):
    *_, table = page.section(results(factor)).blocks
    (row,) = table.rows
    assert row[-1].text == reading
    assert row[-2].sort == pytest.approx(factor, rel=1e-3)


def test_a_lowered_rate_is_said():
    texts = [getattr(block, "text", "") for block in page.section(results(1, (1e-3, 3e-4))).blocks]
    assert any(
        "trains simple_rnn at a learning rate of 0.0003 in place of the sources' 0.001" in text for text in texts
    )
    assert not any("helped" in getattr(block, "text", "") for block in page.section(results(1)).blocks)


def test_nothing_measured_is_said():
    assert "Not measured yet" in page.section(Results("s", None, None, None)).blocks[-1].text


def test_another_file_is_refused():
    with pytest.raises(ValueError, match="losses"):
        artifacts.rounding(json.dumps({"other": 1}))
