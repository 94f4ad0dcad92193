"""The sections as pure functions: what they say of results made up for the purpose."""

import numpy as np
import pandas as pd
import pytest
import reports_toys as toys
from reports_toy_files import weight

from experiments.training.trial import Trial
from reports.data import comparable
from reports.data.links import Links
from reports.data.query import Records
from reports.data.results import join, planned_frame
from reports.html import format
from reports.pages.accuracy import equivalence, learning_curves, twin_losses
from reports.pages.accuracy.equivalence import Comparison
from reports.pages.index import headline
from reports.pages.index.headline import Evidence
from reports.pages.shapes import page as shapes
from reports.pages.shapes import parameter_counts
from reports.statistics import Estimate


@pytest.fixture(scope="module")
def whole():
    trials = toys.planned()
    return toys.results(trials, [toys.run_of(trial) for trial in trials])


# --- the headline


def evidence(stock=(84.0, 81.0), imposed=(84.2, 81.1), seeds=4, spread=0.2, cell="lstm", epochs=(2,)) -> Evidence:
    """Accuracies that are spread evenly about these means: TensorFlow's and PyTorch's."""
    wobble = spread * np.linspace(-1, 1, seeds) if seeds > 1 else np.zeros(seeds)
    sides = {side: value + wobble for side, value in zip(headline.STOCK, stock, strict=True)}
    sides |= {side: value + wobble[::-1] for side, value in zip(headline.RECONSTRUCTION, imposed, strict=True)}
    return Evidence(cell, epochs, {side: pd.Series(values) for side, values in sides.items()})


def said(*cells: Evidence) -> str:
    return " ".join(headline.sentences(list(cells)))


def test_the_headline_states_both_differences_with_interval_seeds_and_epoch():
    text = said(evidence(), evidence(cell="gru"))
    assert text.startswith("After 2 epochs, TensorFlow 2 minus PyTorch in test accuracy")
    assert "is +3.00 points (95% interval" in text and "n\xa0=\xa04) over lstm and gru" in text
    assert "reconstruct +3.10 points" in text
    assert "explain" not in text


def test_the_residual_is_what_the_written_conventions_leave():
    close, far = said(evidence()), said(evidence(imposed=(83.0, 82.5), spread=0.05))
    assert "is −0.10 points" in close and "includes zero: no further cause was shown" in close
    assert "is +2.50 points" in far and "excludes zero" in far


def test_one_seed_has_no_interval():
    text = said(evidence(seeds=1))
    assert "so no interval" in text and "Two seeds of each at least are needed" in text


def test_cells_that_differ_in_epochs_are_told():
    assert said(evidence(), evidence(cell="simple_rnn", epochs=(4,))).startswith("After 2 or 4 epochs")


@pytest.mark.parametrize("cells", [[], [evidence(seeds=0)]], ids=["no cell", "no seed"])
def test_without_results_there_is_no_answer(cells):
    assert said(*cells).startswith("No answer yet")


def test_cells_of_one_seed_are_one_block():
    """Two cells that go up and down together do not halve the variance; two that go against each other cancel."""
    same = headline.pooled([evidence(), evidence(cell="gru")])
    assert same.stock.variance == pytest.approx(evidence().stock.variance)
    other = evidence(cell="gru")
    against = Evidence("gru", (2,), {side: 2 * values.mean() - values for side, values in other.samples.items()})
    assert headline.pooled([evidence(), against]).stock.variance == pytest.approx(0, abs=1e-20)


def test_the_reconstruction_is_paired_by_seed(whole):
    cells = {cell.cell: cell for cell in headline.evidence(whole.trials)}
    assert list(cells) == ["simple_rnn", "lstm", "gru"]
    lstm = cells["lstm"]
    left, right = (lstm.samples[side] for side in headline.RECONSTRUCTION)
    assert lstm.reconstruction.mean == pytest.approx((left - right).mean())
    assert lstm.residual.mean == pytest.approx(lstm.stock.mean - lstm.reconstruction.mean)


# --- equality and agreement


@pytest.mark.parametrize(
    ("found", "p", "text"),
    [
        (Estimate(0.1, -0.2, 0.4, 3), 0.01, "equal within ±1.0 points"),
        (Estimate(2.0, 1.5, 2.5, 3), 0.99, "different"),
        (Estimate(0.9, -0.5, 2.3, 3), 0.4, "undecided"),
        (Estimate(0.0, float("nan"), float("nan"), 1), float("nan"), "cannot be said"),
    ],
)
def test_equal_is_said_by_the_equivalence_test_alone(found, p, text):
    assert equivalence.verdict(Comparison(found, p, 0.5, 9, "")).text == text


def test_an_equal_pair_may_still_differ_a_little():
    found = Comparison(Estimate(0.2, 0.1, 0.3, 3), 0.001, 0.9, 5, "")
    assert "small difference" in equivalence.verdict(found).note


def test_the_same_accuracy_under_every_seed_is_identical_and_has_no_p_value(whole):
    lstm = comparable.layer_table(whole.trials)[lambda frame: (frame.cell == "lstm") & (frame.conventions == "keras")]
    same = lstm.assign(accuracy=lstm.groupby("seed").accuracy.transform("first"))
    found = equivalence.compare(same)
    assert found.identical and np.isnan(found.p) and equivalence.verdict(found).note == "3 of 3 seeds"


def test_stock_is_compared_by_independent_seeds(whole):
    lstm = comparable.layer_table(whole.trials)[lambda frame: frame.cell == "lstm"]
    how = {label: equivalence.compare(rows).how for label, rows in lstm.groupby("conventions")}
    assert how == {"stock": "independent seeds", "keras": "paired by seed", "pytorch": "paired by seed"}


def losses(*rows) -> pd.DataFrame:
    keys = dict.fromkeys(twin_losses.KEYS, "x") | {"imposed": True}
    return pd.DataFrame(
        [keys | dict(zip(("framework", "seed", "epoch", "train/loss"), row, strict=True)) for row in rows]
    )


def test_agreement_is_of_paired_losses_averaged_over_seeds():
    history = losses(
        ("tf2", 0, 1, 1.0), ("pytorch", 0, 1, 1.0), ("tf2", 1, 1, 1.01), ("pytorch", 1, 1, 0.99), ("tf2", 2, 1, 9.0)
    )  # fmt: skip
    (row,) = twin_losses.largest(twin_losses.losses(history)).itertuples()
    assert row.gap == pytest.approx(0.01)
    assert row.worst_seed == pytest.approx(0.02)
    assert row.n == 2
    assert not row.held


def test_equal_losses_of_zero_agree():
    history = losses(("tf2", 0, 1, 0.0), ("pytorch", 0, 1, 0.0))
    assert twin_losses.losses(history).gap.tolist() == [0.0]


def test_agreement_is_held_and_said(whole):
    assert "in every epoch in all 8 experiments that both have run" in twin_losses.answer(whole)


# --- selection, curves


def test_the_table_takes_the_setting_with_all_conventions():
    trials = planned_frame([*toys.planned(), *toys.planned(cells=("lstm",), conventions=("stock",), seeds=9)])
    other = trials.setting.where(trials.seed < 3, "another setting")
    chosen = comparable.layer_table(trials.assign(setting=other, state="done"))
    assert "another setting" not in set(chosen.setting)


def test_bands_hold_their_means(whole):
    found = learning_curves.bands(whole.history, comparable.layer_table(whole.trials))
    assert set(found.split) == {"train", "test"}
    assert ((found["min"] <= found["mean"]) & (found["mean"] <= found["max"])).all()


# --- shapes


def test_the_surplus_is_the_second_bias(whole):
    found = shapes.shown_runs(whole)
    layers = found[found.form == "layer"]
    reasons = {each.cell: parameter_counts.reason(each.left, each.right) for each in parameter_counts.networks(layers)}
    assert "a second bias of gates·hidden in each layer (4·64 + 4·64)" in reasons["lstm"]
    assert "a second bias of gates·hidden in each layer (3·64 + 3·64)" in reasons["gru"]


def test_another_surplus_is_listed_by_part():
    kernel = weight("w", (4, 3), "rnn/0/forward/kernel", (3, 1, 4), "")
    bias = weight("b", (4,), "rnn/0/forward/bias", (1, 4), "")
    left = {"weights": [kernel, bias], "parameters": 16}
    right = {"weights": [kernel, kernel, bias], "parameters": 28}
    assert parameter_counts.reason(left, right).endswith("+12 in recurrent kernels")


def test_an_idle_bias_counts_as_a_second_one():
    bias = weight("bias_ih", (4,), "rnn/0/forward/bias", (1, 4), "", ["h"])
    idle = weight("bias_hh", (4,), "", (), "zero", trained=False)
    left, right = {"weights": [bias], "parameters": 4}, {"weights": [bias, idle], "parameters": 8}
    assert "second bias" in parameter_counts.reason(left, right)


# --- joining, links, words


def test_the_newest_complete_run_counts(whole):
    trial = toys.planned()[0]
    old, new = toys.run_of(trial), toys.run_of(trial)
    new.once["time/step_s"] = 9.0
    trials, _ = join(planned_frame([trial]), toys.records([old, new]))
    assert trials["time/step_s"].tolist() == [9.0]


def test_a_failed_try_does_not_undo_a_complete_one():
    trial = toys.planned()[0]
    trials, _ = join(planned_frame([trial]), toys.records([toys.run_of(trial)], {trial.fingerprint: "lost"}))
    assert trials.state.tolist() == ["done"]


def test_failed_and_missing_are_told_apart():
    first, second = toys.planned()[:2]
    trials, history = join(planned_frame([first, second]), toys.records([], {first.fingerprint: "the loss is nan"}))
    assert trials.state.tolist() == ["failed", "missing"]
    assert trials.failure.iloc[0] == "the loss is nan"
    assert history.empty


def test_nothing_recorded_is_all_missing():
    trials, _ = join(planned_frame(toys.planned()), Records())
    assert set(trials.state) == {"missing"}


def test_samples_come_from_the_spec_or_the_source():
    trial: Trial = toys.planned()[0]
    assert planned_frame([trial]).test_n.tolist() == [5_000]


@pytest.mark.parametrize(
    ("uri", "base"),
    [
        ("sqlite:///mlflow.db", "http://127.0.0.1:5000"),
        ("http://host:8080/", "http://host:8080"),
        ("https://host/mlflow", "https://host/mlflow"),
    ],
)
def test_links_lead_to_the_server(uri, base):
    assert Links.of(uri, "3").run("abc") == f"{base}/#/experiments/3/runs/abc"


def test_links_of_nothing_are_none():
    links = Links.of("sqlite:///x.db", None)
    assert (links.run("abc"), links.runs(cell="lstm"), links.spec("f")) == (None, None, None)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0000123, "1.23·10⁻⁵"), (0.0123, "0.0123"), (1234.5, "1,234"), (0, "0"), (-0.5, "−0.500")]
)
def test_significant_digits(value, text):
    assert format.significant(value) == text


@pytest.mark.parametrize(("share", "text"), [(0.42, "42%"), (0.9996, "99.9%"), (1.0, "100%"), (-0.3, "−30%")])
def test_a_share_is_never_rounded_up_to_all(share, text):
    assert format.percent(share) == text


@pytest.mark.parametrize(("value", "text"), [(-0.001, "0.00"), (-1.5, "−1.50"), (2, "+2.00")])
def test_numbers_have_a_true_minus(value, text):
    assert format.number(value, sign=True) == text
