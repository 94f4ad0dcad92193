"""The best epoch: chosen by validation reviews, scored on test reviews."""

import pytest
from made_reports import toys

from experiments.spec import ExperimentSpec
from experiments.training.trial import Trial
from reports.pages.accuracy import best_epoch

TESTED = {"tf2": [0.80, 0.84, 0.90], "pytorch": [0.81, 0.79, 0.88]}
VALIDATED = {"tf2": [0.70, 0.85, 0.60], "pytorch": [0.75, 0.75, 0.60]}  # best: tf2's second, PyTorch's first


def trials(conventions="keras", validation_reviews=100):
    data = {"task": {"name": "imdb", "validation_reviews": validation_reviews}, "conventions": conventions}
    spec = ExperimentSpec.model_validate(
        data | {"network": {"cell": "lstm", "form": "layer"}, "training": {"epochs": 3}}
    )
    return [Trial(spec, twin, "v", seed, toys.REVIEWS) for twin in TESTED for seed in range(2)]


def run(trial) -> toys.Run:
    pairs = zip(TESTED[trial.framework], VALIDATED[trial.framework], strict=True)
    made = toys.run_of(trial)
    made.epochs = [
        epoch | {"test/accuracy": test, "validation/accuracy": validation}
        for epoch, (test, validation) in zip(made.epochs, pairs, strict=True)
    ]
    return made


def test_the_epoch_is_chosen_by_validation_and_ties_go_to_the_earlier():
    planned = trials()
    found = best_epoch.best(toys.results(planned, [run(each) for each in planned]))
    assert dict(zip(found.framework, found.epoch, strict=True)) == {"tf2": 2, "pytorch": 1}
    assert found.groupby("framework").accuracy.first().to_dict() == pytest.approx({"tf2": 84, "pytorch": 81})


def test_the_table_has_the_difference_at_the_best_epoch():
    planned = trials()
    *_, table = best_epoch.section(toys.results(planned, [run(each) for each in planned])).blocks
    (row,) = table.rows
    assert row[-1].sort == pytest.approx(3) and row[-1].note == "in every seed"


def test_without_validation_reviews_the_page_says_so():
    planned = trials(validation_reviews=0)
    blocks = best_epoch.section(toys.results(planned, [toys.run_of(each) for each in planned])).blocks
    assert "keeps validation reviews back" in blocks[-1].text
