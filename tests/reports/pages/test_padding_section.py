"""What padding costs: the section on the accuracy page, on made trials."""

import pytest
from made_reports import toys

from experiments.spec import ExperimentSpec
from experiments.training.trial import Trial
from reports.html.blocks import Figure, Table
from reports.pages.accuracy import padding, page

WAYS = {
    "left, read": {},
    "right, read": {"padding_side": "right"},
    "masked": {"padding_side": "right", "padding_treatment": "masked"},
}
POINTS = {"left, read": -1.0, "right, read": -7.0, "masked": 0.0}


def trial(way: str, seed: int, conventions: str = "keras", cell: str = "lstm") -> Trial:
    task = {"name": "imdb", "tokens": 160, "train_reviews": 5000} | WAYS[way]
    data = {"task": task, "network": {"cell": cell, "form": "layer"}, "conventions": conventions}
    return Trial(ExperimentSpec.model_validate(data), "pytorch", "v", seed, toys.REVIEWS)


def results(ways=tuple(WAYS), seeds=3, conventions=("keras", "pytorch"), gap=0.0):
    """Masked padding ends at 80 % plus the seed, the other ways by their points beside it."""
    trials = [trial(way, seed, base) for base in conventions for way in ways for seed in range(seeds)]
    runs = [toys.run_of(each) for each in trials]
    for run in runs:
        way = padding._way(", ".join(run.trial.spec.task.padding_in_words))
        for epoch in run.epochs:
            epoch["test/accuracy"] = (80 + run.trial.seed + POINTS[way]) / 100
    return toys.results(trials, runs)


def test_each_way_is_compared_with_masked_within_seeds():
    rows = padding.compared(results())
    assert [(row.cell, row.conventions, row.framework) for row in rows] == [
        ("lstm", "keras", "pytorch"),
        ("lstm", "pytorch", "pytorch"),
    ]
    for row in rows:
        changes = {way: row.change(way) for way in padding.READ}
        assert {way: round(change.value, 6) for way, change in changes.items()} == {
            "left, read": -1.0,
            "right, read": -7.0,
        }
        assert all(change.n == 3 and change.half == pytest.approx(0, abs=1e-6) for change in changes.values())


def test_the_section_has_a_figure_and_a_table_with_seeds():
    (section,) = padding.section(results())
    assert section.title == "What does padding cost?"
    (figure,) = (block for block in section.blocks if isinstance(block, Figure))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert "right, read under keras −7.00" in figure.panels[0].label
    assert [cell.text for cell in table.rows[0]][-3:] == ["−1.0 ± 0.0", "−7.0 ± 0.0", "3"]


@pytest.mark.parametrize("ways", [("masked",), ("left, read",)])
def test_without_another_way_there_is_no_section(ways):
    assert padding.section(results(ways)) == []


def test_a_way_that_has_not_run_leaves_a_gap():
    (section,) = padding.section(results(("left, read", "masked"), conventions=("keras",)))
    assert [cell.text for cell in section.blocks[-1].rows[0]][-2] == "–"


def test_its_trials_stand_in_no_other_table():
    made = results()
    assert "padded" not in str(page.others(made).blocks)
