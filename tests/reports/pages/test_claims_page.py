"""The claims page: its numbers come from the results, and what is unknown is said."""

import pytest
from made_reports import toys
from made_reports.html_elements import page_of, words_of

from reports.html.format import percent
from reports.pages.claims.facts import Facts
from reports.pages.index import headline


def results(keep=lambda trial: True, seeds=3, **planned):
    trials = toys.planned(seeds=seeds, **planned)
    return toys.results(trials, [toys.run_of(trial) for trial in trials if keep(trial)])


def words(of) -> str:
    return words_of(page_of(of, "claims.html")["claims.html"])


@pytest.fixture(scope="module")
def whole():
    return results()


@pytest.fixture(scope="module")
def page(whole):
    return words(whole)


@pytest.mark.parametrize(
    "text",
    [
        "After 4 epochs, TensorFlow 2 minus PyTorch in test accuracy",
        "imdb-packaged (20,000 training and 5,000 test reviews)",
        "4 epochs (simple_rnn, lstm and gru)",
        "Seeds of each framework and conventions: 3.",
        "Device of the trials: CPU.",
        "TensorFlow 2 (tf2 1.0) and PyTorch (pytorch 1.0)",
        "of 15 comparisons tested",
        "points from 5,000 test reviews",
        "learning rate was lowered from 1e-3 to 3e-4",
        "is a check of the method and not a finding",
        "Margin of equality, fixed before any run ±1.0 points",
    ],
)
def test_the_claims_are_filled_from_the_results(page, text):
    assert text in page


def test_the_headline_is_repeated_number_by_number(whole, page):
    assert headline.first(whole).replace("\xa0", " ") in page


def test_the_power_is_the_tests_own(whole):
    facts = Facts(whole)
    powers = sorted(each.power for each in facts.tested)
    assert facts.power == f"{percent(powers[0])} to {percent(powers[-1])}"


@pytest.mark.parametrize(
    ("keep", "texts"),
    [
        (
            lambda trial: False,
            ["unknown: no trial of the table is done", "Device of the trials: unknown (no trial is done)"],
        ),
        (lambda trial: trial.seed == 0, ["no comparison has the two seeds of each side that a test needs"]),
        (lambda trial: trial.framework == "tf2" or trial.seed < 2, ["framework and conventions: 2 to 3."]),
    ],
)
def test_what_is_unknown_is_said(keep, texts):
    said = words(results(keep, cells=("lstm",)))
    assert [text for text in texts if text not in said] == []


def test_a_study_without_the_table_claims_nothing_about_accuracy():
    assert "so it claims nothing about how the frameworks" in words(results(cells=()))
