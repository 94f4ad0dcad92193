"""Which trials keep their network as an MLflow model."""

import pytest
import toys

from experiments.training import models

CELLS = ("gru", "lstm")
PLANNED = [
    toys.trial(name, seed, network={"cell": cell, "form": "layer", "units": [2]})
    for cell in CELLS
    for seed in (3, 4)
    for name in ("tf2", "pytorch")
]


def test_the_plan_marks_the_first_of_each_experiment_and_framework():
    marked = models.first_of_each(PLANNED)
    assert [trial.seed for trial in marked if trial.keeps_model] == [3] * 4
    assert marked == PLANNED and [trial.fingerprint for trial in marked] == [trial.fingerprint for trial in PLANNED]


@pytest.mark.parametrize(("which", "kept"), {"one": 4, "all": 8, "none": 0}.items())
def test_the_option_keeps_one_all_or_none(which, kept):
    chosen = models.keeping(which, models.first_of_each(PLANNED))
    assert sum(trial.keeps_model for trial in chosen) == kept and chosen == PLANNED
