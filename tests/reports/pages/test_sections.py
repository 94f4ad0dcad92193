"""The sections as pure functions: what they say of results made up for the purpose."""

import pandas as pd
import pytest
from made_reports import toys
from made_reports.files import weight

from experiments.training.trial import Trial
from reports.data import comparable
from reports.data.links import Links
from reports.data.query import Records
from reports.data.results import join, planned_frame
from reports.html import format
from reports.pages.accuracy import learning_curves, twin_losses
from reports.pages.shapes import page as shapes
from reports.pages.shapes import parameter_counts


@pytest.fixture(scope="module")
def whole():
    trials = toys.planned()
    return toys.results(trials, [toys.run_of(trial) for trial in trials])


# --- agreement


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
    bands = learning_curves.bands(whole.history, comparable.layer_table(whole.trials))
    assert set(bands.split) == {"train", "test"}
    assert ((bands["min"] <= bands["mean"]) & (bands["mean"] <= bands["max"])).all()


# --- shapes


def test_the_surplus_is_the_second_bias(whole):
    runs = shapes.shown_runs(whole)
    layers = runs[runs.form == "layer"]
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
