"""Do the recipes' lines work? The section, on made trainings of the tutorial scripts."""

from dataclasses import replace

import pandas as pd
import pytest
from made_reports.switches import planned, results, table

from reports.data.results import RECIPES
from reports.html.blocks import Prose, Table
from reports.pages.defaults import ported
from reports.pages.defaults.effects import judged

BOTH = ("embedding", "dropout")


def setting() -> str:
    """In words, of the made trials."""
    return results(planned(table(seeds=1))).trials.setting.iloc[0]


def scripts(*changes: tuple[str, tuple[str, ...], float], seeds=5, cell="lstm") -> pd.DataFrame:
    """Trainings whose accuracy is 80% without lines, and changed by so many points with them."""
    words = setting()
    rows = [
        (framework, fields, seed, (80 + points + (seed + len(fields)) % 3 / 10) / 100, "imdb", cell, 2, words)
        for framework, fields, points in changes
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=RECIPES)


@pytest.fixture(scope="module")
def made():
    """All eight fields, of which three have effects."""
    return results(planned(table(fields=None, seeds=3), table(fields=None, seeds=3, design="corners")))


@pytest.fixture(scope="module")
def design(made):
    return [each.switches for each in judged(made)]


@pytest.mark.parametrize(
    ("framework", "fields", "change", "by_arm"),
    [
        ("pytorch", ("embedding",), 3.0, True),  # +4 of the field, −1 of the pair that is broken up
        ("tf2", ("embedding",), -5.0, True),
        ("pytorch", BOTH, 2.0, False),  # the pair is switched as a whole
        ("tf2", BOTH, -2.0, False),
    ],
)
def test_the_prediction_is_the_arms_own_or_else_the_models(design, framework, fields, change, by_arm):
    seeds, own = ported.prediction(design, framework, ("imdb", "lstm", 2, setting()), fields)
    assert own == by_arm and len(seeds) == 3
    assert seeds.mean() == pytest.approx(change, abs=0.3)


@pytest.mark.parametrize(("framework", "known"), [("tf2", True), ("pytorch", False)])
def test_fields_that_are_never_switched_must_be_the_scripts_own(framework, known):
    """Three fields switched while all others stay Keras's tell nothing of PyTorch's script."""
    settings = [each.switches for each in judged(results(planned(table())))]
    seeds, _ = ported.prediction(settings, framework, ("imdb", "lstm", 2, setting()), BOTH)
    assert (len(seeds) > 0) == known


def test_measured_and_predicted_changes_are_compared(design):
    (row,) = ported.compared(scripts(("tf2", (), 0.0), ("tf2", BOTH, -2.0)), design)
    assert row.bare == pytest.approx(80.1, abs=0.1) and row.measured.value == pytest.approx(-2, abs=0.2)
    assert row.difference.value == pytest.approx(row.measured.value - row.predicted.value)
    text, kind = ported.verdict(row)
    assert kind == "good" and text.startswith("not contradicted, known to ±")


def test_a_change_that_is_far_off_contradicts_the_prediction(design):
    (row,) = ported.compared(scripts(("pytorch", (), 0.0), ("pytorch", BOTH, 9.0)), design)
    text, kind = ported.verdict(row)
    assert kind == "bad" and text.startswith("contradicted, known to ±") and row.difference.value > 5


def test_the_last_intervals_hold_at_once(design):
    one = scripts(("pytorch", (), 0.0), ("pytorch", BOTH, 2.0))
    both = pd.concat([one, scripts(("tf2", (), 0.0), ("tf2", BOTH, -2.0))])
    (alone,), (first, _) = ported.compared(one, design), ported.compared(both, design)
    assert first.difference.half > alone.difference.half and first.measured == alone.measured


def test_another_cell_has_no_prediction(design):
    (row,) = ported.compared(scripts(("tf2", (), 0.0), ("tf2", BOTH, 1.0), cell="gru"), design)
    assert row.measured.known and ported.verdict(row) == ("no prediction", "quiet")


def test_lines_without_the_bare_script_are_not_compared(design):
    assert ported.compared(scripts(("tf2", BOTH, 1.0)), design) == []


def test_scripts_of_another_setting_have_no_prediction(design):
    tried = scripts(("tf2", (), 0.0), ("tf2", BOTH, 1.0)).assign(setting="fewer reviews")
    (row,) = ported.compared(tried, design)
    assert not row.predicted.known


def test_what_was_not_measured_is_said():
    section = ported.section([], results([]))
    assert [(type(block), block.kind) for block in section.blocks] == [(Prose, "missing")]
    assert "not measured in this study" in section.blocks[0].text


def test_the_table_has_measured_and_predicted_changes_with_seeds(made):
    tried = replace(made, recipes=scripts(("pytorch", (), 0.0), ("pytorch", BOTH, 2.0)))
    said, shown = ported.section(judged(made), tried).blocks
    assert "Of 1 change of accuracy that the design predicts, 0 contradict" in said.text
    assert isinstance(shown, Table)
    (row,) = shown.rows
    notes = ["n\xa0=\xa05 seeds", "n\xa0=\xa03 seeds, fields and pairs", "n\xa0=\xa03 seeds"]
    assert [cell.note for cell in row[4:7]] == notes
