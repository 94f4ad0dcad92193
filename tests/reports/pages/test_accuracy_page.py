"""The accuracy page: differences by epoch, steps to a level, verdicts as one family, faithfulness, validation."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_reports import toys

from reports import statistics
from reports.data.comparable import layer_table
from reports.html.blocks import Details, Figure, Points, Prose, Table
from reports.pages.accuracy import (
    by_epoch,
    comparison,
    conventions,
    equivalence,
    faithfulness,
    page,
    reconstruction,
    steps_to_level,
)
from reports.pages.accuracy.comparison import independent, paired, verdict


def results(keep=lambda trial: True, seeds=3, cells=("lstm",)):
    trials = toys.planned(cells, seeds=seeds)
    return toys.results(trials, [toys.run_of(trial) for trial in trials if keep(trial)])


@pytest.fixture(scope="module")
def whole():
    return results(cells=("simple_rnn", "lstm", "gru"))


SECTIONS = {}


def section(name, of):
    """A section of the page, which is made once of the same results."""
    if id(of) not in SECTIONS:
        SECTIONS[id(of)] = of, page.sections(of)
    return next(each for each in SECTIONS[id(of)][1] if each.name == name)


def texts(section) -> str:
    parts = [block.text for block in section.blocks if isinstance(block, Prose)]
    parts += [item for block in section.blocks if isinstance(block, Points) for item in block.items]
    return " ".join(parts)


def blocks(section, kind) -> list:
    return [block for block in section.blocks if isinstance(block, kind)]


# --- verdicts


@pytest.mark.parametrize(
    ("differences", "text", "note"),
    [
        ([0.0, 0.0, 0.0], "identical", "3 of 3 seeds"),
        ([0.5, 0.5], "always the same difference", "+0.50 in 2 of 2 seeds"),
        ([0.1, -0.1, 0.0, 0.05], "equal within ±1.0 points", ""),
        ([0.20, 0.21, 0.19, 0.2], "equal within ±1.0 points", "though a smaller difference was shown"),
        ([5.0, 5.2, 4.9], "different", ""),
        ([2.0, -1.0, 0.5], "undecided", "neither equality nor a difference was shown"),
        ([0.3], "cannot be said", "fewer than two seeds of each"),
        ([], "cannot be said", "fewer than two seeds of each"),
    ],
)
def test_a_verdict_of_paired_seeds(differences, text, note):
    cell = verdict(paired(differences))
    assert (cell.text, cell.note) == (text, note)


def test_independent_seeds_without_spread_cannot_be_tested():
    cell = verdict(independent([50.0, 50.0], [50.0, 50.0, 50.0]))
    assert (cell.text, cell.note) == ("cannot be said", "no seed differs from another of its side")


def test_a_difference_that_the_family_takes_back_is_undecided():
    lone = paired([1.0, 1.4, 0.9])
    assert verdict(lone).text == "different"
    family = comparison.adjusted([lone, *(paired([2.0, -1.0, 0.5]) for _ in range(9))])
    assert verdict(family[0]).text == "undecided"
    assert "not once adjusted for the family" in verdict(family[0]).note


def test_power_and_seeds_stand_beside_each_test():
    compared = independent([84.0, 84.9, 83.1], [84.1, 83.2, 85.0])  # standard deviations of 0.9
    _, _, _, _, power, needed, _ = comparison.cells(compared, tested=9)
    assert power.text == "5%" and power.sort == pytest.approx(statistics.power(2 * 0.81 / 3, 4), abs=0.001)
    assert (needed.text, needed.note) == ("15", "26 in the family")


def test_without_a_test_nothing_is_said_of_power():
    power, needed = comparison.cells(paired([0.0, 0.0]), tested=0)[4:6]
    assert power.text == needed.text == "–"


def test_stock_is_compared_by_independent_seeds(whole):
    lstm = layer_table(whole.trials)[lambda frame: frame.cell == "lstm"]
    how = {label: equivalence.compare(rows).how for label, rows in lstm.groupby("conventions")}
    assert how == {"stock": "independent seeds", "keras": "paired by seed", "pytorch": "paired by seed"}


def test_every_verdict_of_the_page_is_in_one_family(whole):
    alone = [row.comparison for row in (*equivalence.compared(whole), *faithfulness.compared(whole))]
    assert len(alone) == 9 + 6
    adjusted = [row.comparison for rows in page.verdicts(whole) for row in rows]
    assert all(after.equal >= before.equal for before, after in zip(alone, adjusted, strict=True))
    smallest = min(min(each.equal, each.unequal) for each in alone)
    assert min(min(each.equal, each.unequal) for each in adjusted) == pytest.approx(min(1, 15 * smallest))
    assert "15 comparisons of this page are tested" in texts(section("verdicts", whole))


def test_nothing_to_test_is_said():
    assert "No comparison of this page can be tested" in texts(section("verdicts", results(seeds=1)))


# --- faithfulness


def test_each_framework_is_held_against_its_own_convention(whole):
    rows = faithfulness.compared(whole)
    assert [(row.trials.cell.iloc[0], row.framework, [*row.samples]) for row in rows[:2]] == [
        ("simple_rnn", "tf2", ["stock", "keras"]),
        ("simple_rnn", "pytorch", ["stock", "pytorch"]),
    ]
    samples, compared = rows[0].samples, rows[0].comparison
    assert compared.difference.value == pytest.approx(samples["stock"].mean() - samples["keras"].mean())
    assert compared.how == "independent seeds"


def test_the_faithfulness_panel_draws_every_cell(whole):
    made = section("faithful", whole)
    (figure,), (verdicts,) = blocks(made, Figure), blocks(made, Details)
    assert len(figure.panels) == 3 and len(verdicts.blocks[0].rows) == 6
    assert verdicts.summary == "Verdict: undecided in all 6 comparisons"


def test_too_few_seeds_are_said_plainly():
    text = texts(section("faithful", results(lambda trial: trial.seed == 0 or trial.framework == "tf2")))
    assert "Too few seeds for an interval or a test" in text
    assert "PyTorch, lstm (1 under stock and 1 under pytorch)" in text
    assert "TensorFlow 2, lstm" not in text


def test_without_both_conventions_there_is_no_panel():
    trials = toys.planned(conventions=("stock",), sine=False)
    text = texts(section("faithful", toys.results(trials, [])))
    assert "plans no framework on IMDB both under stock and under its own convention" in text


# --- by epoch


def with_gaps(gaps: dict[int, float]):
    """Results whose stock TensorFlow leads PyTorch by these shares after each epoch."""
    made = results()
    history = made.history.copy()
    stock = (history.conventions == "stock") & (history.framework == "tf2") & (history.task == "imdb")
    history["test/accuracy"] = 0.7 + 0.001 * history.seed + np.where(stock, history.epoch.map(gaps).fillna(0), 0)
    return replace(made, history=history)


def test_every_epoch_has_its_differences(whole):
    made = by_epoch.steps(whole)
    expected = [("simple_rnn", epoch) for epoch in (1, 2, 3, 4)] + [("lstm", 1)]
    assert [(step.cell, step.epoch) for step in made[:5]] == expected
    last, table = made[3], reconstruction.evidence(whole)[0].reconstruction
    assert last.differences["stock"].value == pytest.approx(table.stock.value)
    assert last.reconstruction.residual[:3] == pytest.approx(table.residual[:3])


def test_the_page_leads_with_the_difference_by_epoch(whole):
    first = section("epochs", whole)
    assert SECTIONS[id(whole)][1][0] is first
    assert "after epoch 1" in texts(first) and "after epoch 4, the last" in texts(first)
    (figure,), (folded,) = blocks(first, Figure), blocks(first, Details)
    assert len(figure.panels) == 3 and len(folded.blocks[0].rows) == 12


def test_a_turn_is_told():
    made = with_gaps({1: 0.10, 2: 0.05, 3: -0.01, 4: -0.016})
    assert "The estimate changes sign at epoch 3." in texts(by_epoch.section(made))


def test_one_framework_alone_has_no_difference():
    made = by_epoch.section(results(lambda trial: trial.framework == "tf2"))
    assert "No conventions have run in both frameworks yet" in texts(made)


# --- steps to 80 %


@pytest.mark.parametrize(("pipeline", "steps"), [("default", 157), ("tf.data", 156)])
def test_steps_are_counted_in_batches(whole, pipeline, steps):
    """20,000 reviews in batches of 128: the last one is partial."""
    trial = layer_table(whole.trials).iloc[0].copy()
    trial["pipeline"] = pipeline
    assert steps_to_level.steps_per_epoch(trial) == steps


@pytest.mark.parametrize(
    ("gaps", "text", "note"),
    [
        ({2: 0.11, 3: 0.12, 4: 0.13}, "314", "epoch 2, 3 of 3 seeds"),
        ({4: 0.0}, "not reached", "0 of 3 seeds"),
        ({4: 0.0985}, "not reached", "1 of 3 seeds"),
    ],
)
def test_the_median_of_steps_or_not_reached(gaps, text, note):
    (table,) = blocks(steps_to_level.section(with_gaps(gaps)), Table)
    assert [column.title for column in table.columns][-2:] == ["TensorFlow 2", "PyTorch"]
    assert (table.rows[0][-2].text, table.rows[0][-2].note) == (text, note)


# --- the best epoch on validation


def test_without_validation_there_is_no_such_table(whole):
    assert len(blocks(section("conventions", whole), Table)) == 1


def test_test_accuracy_is_taken_where_validation_is_best(whole):
    history = whole.history.copy()
    history["validation/accuracy"] = np.where(history.epoch == 2, 0.9, 0.8)
    best = conventions.at_best(history, layer_table(whole.trials))
    assert set(best.epoch) == {2} and len(best) == 54
    second = history[(history.epoch == 2) & history.fingerprint.isin(best.fingerprint)]
    assert best.accuracy.mean() == pytest.approx(100 * second["test/accuracy"].mean())
    _, table = blocks(section("conventions", replace(whole, history=history)), Table)
    assert "best on validation" in table.caption and table.rows[0][-1].note == "epoch 2"


# --- the whole page


def test_a_difference_has_one_value_and_one_interval_on_the_page(whole):
    """The stock difference of the last epoch stands by epoch, in the reconstruction and among the verdicts."""
    step = [step for step in by_epoch.steps(whole) if step.cell == "lstm"][-1]
    (cell,) = [cell for cell in reconstruction.evidence(whole) if cell.cells == ("lstm",)]
    rows = [row for row in page.verdicts(whole)[0] if row.trials.slug.iloc[0] == "imdb-lstm-layer-64x64-stock"]
    assert not math.isnan(step.differences["stock"].low)
    for estimate in (cell.reconstruction.stock, rows[0].comparison.difference):
        assert estimate[:3] == pytest.approx(step.differences["stock"][:3])


@pytest.mark.parametrize(
    "keep", [lambda trial: False, lambda trial: trial.framework == "tf2", lambda trial: trial.seed]
)
def test_the_page_stands_on_partial_results(keep):
    names = [each.name for each in page.sections(results(keep))]
    assert names[:6] == ["epochs", "steps", "conventions", "reconstruction", "verdicts", "faithful"]
