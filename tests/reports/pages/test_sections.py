"""The sections as pure functions: what they say of results made up for the purpose."""

import numpy as np
import pandas as pd
import pytest
import reports_toys as toys

from experiments.training.trial import Trial
from reports.data import comparable
from reports.data.links import Links
from reports.data.query import Records
from reports.data.results import join, planned_frame
from reports.html import format
from reports.pages.accuracy import equivalence, learning_curves, twin_losses
from reports.pages.index import headline
from reports.pages.index.headline import Evidence
from reports.pages.shapes import page as shapes
from reports.pages.shapes import parameters
from reports.statistics import Estimate


@pytest.fixture(scope="module")
def whole():
    trials = toys.planned()
    return toys.results(trials, [toys.run_of(trial) for trial in trials])


# --- the headline


def evidence(stock=(84.0, 81.0), imposed=0.1, seeds=4, spread=0.2, cell="lstm") -> Evidence:
    wobble = spread * np.linspace(-1, 1, seeds) if seeds > 1 else np.zeros(seeds)
    left, right = (value + wobble for value in stock)
    under = dict.fromkeys(("keras", "pytorch"), imposed + wobble / 10)
    return Evidence(cell, (left, right), under, {"tf2": (right, left), "pytorch": (right, left)})


def said(*found: Evidence) -> str:
    return " ".join(headline.sentences(list(found)))


def test_headline_explained():
    text = said(evidence(), evidence(cell="gru"))
    assert "The conventions explain 97% of the stock difference" in text
    assert "95% interval" in text
    assert "Left to their defaults, the twins lie 3.00 points apart" in text


def test_headline_not_explained():
    text = said(evidence(imposed=3.5))
    assert "The conventions explain none of the stock difference" in text
    assert "was not shown" in text


def test_headline_of_two_seeds_has_no_interval():
    assert "2 seeds, too few for an interval" in said(evidence(seeds=2, spread=0.01))


@pytest.mark.parametrize(("spread", "ending"), [(0.3, "They are equal within"), (4.0, "no proof of equality")])
def test_headline_no_stock_difference(spread, ending):
    text = said(evidence(stock=(82.1, 82.0), spread=spread))
    assert "did not show a stock difference to explain" in text
    assert "which includes zero" in text
    assert ending in text
    assert "explain 9" not in text


def test_headline_names_the_cells_that_show_a_difference():
    text = said(evidence(), evidence(cell="gru", stock=(82.0, 82.1), spread=6))
    assert "in lstm (" in text
    assert "Over all of lstm and gru no stock difference was shown" in text


def test_headline_too_few_seeds():
    text = said(evidence(seeds=1))
    assert "Too few seeds to say" in text
    assert "+3.00 points" in text
    assert "explain 9" not in text


@pytest.mark.parametrize("found", [[], [evidence(seeds=0)]], ids=["no cell", "no seed"])
def test_headline_empty(found):
    assert said(*found).startswith("No answer yet")


def test_argument_compares_defaults_with_the_framework():
    (text,) = headline.argument([evidence()])
    assert "moves test accuracy by 3.00 points" in text
    assert "moves it by 0.10 points" in text


def test_evidence_pairs_by_seed(whole):
    found = {item.cell: item for item in headline.evidence(whole.trials)}
    assert list(found) == ["simple_rnn", "lstm", "gru"]
    assert found["lstm"].difference.value == pytest.approx(3, abs=1)
    assert np.abs(found["lstm"].imposed["keras"]).max() < 0.5


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
    assert equivalence.verdict(found, p).text == text


def test_an_equal_pair_may_still_differ_a_little():
    assert "small difference" in equivalence.verdict(Estimate(0.2, 0.1, 0.3, 3), 0.001).note


def test_stock_is_compared_by_independent_seeds(whole):
    lstm = comparable.layer_table(whole.trials)[lambda frame: frame.cell == "lstm"]
    how = {label: equivalence.compare(rows)[2] for label, rows in lstm.groupby("conventions")}
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
    found = shapes.probed(whole)
    layers = found[found.form == "layer"]
    reasons = {row.cell: parameters.why(left, right) for row, left, right in parameters.twins(layers)}
    assert "a second bias of gates·hidden in each layer (4·64 + 4·64)" in reasons["lstm"]
    assert "a second bias of gates·hidden in each layer (3·64 + 3·64)" in reasons["gru"]


def test_another_surplus_is_listed_by_part():
    kernel = toys._weight("w", (4, 3), "rnn/0/forward/kernel", (3, 1, 4), "")
    bias = toys._weight("b", (4,), "rnn/0/forward/bias", (1, 4), "")
    left = {"weights": [kernel, bias], "parameters": 16}
    right = {"weights": [kernel, kernel, bias], "parameters": 28}
    assert parameters.why(left, right).endswith("+12 in recurrent kernels")


def test_an_idle_bias_counts_as_a_second_one():
    bias = toys._weight("bias_ih", (4,), "rnn/0/forward/bias", (1, 4), "", ["h"])
    idle = toys._weight("bias_hh", (4,), "", (), "zero", trained=False)
    left, right = {"weights": [bias], "parameters": 4}, {"weights": [bias, idle], "parameters": 8}
    assert "second bias" in parameters.why(left, right)


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
