"""What the defaults page says of a longer training, on made results whose effects fade: and the curves."""

import pytest
from made_reports.switches import planned, results, table

from reports.pages.defaults import curves, lasting, page
from reports.pages.defaults.effects import judged

TEN = {"training": {"epochs": 10}, "first_seed": 8}


def said(left: float) -> tuple[str, ...]:
    (setting,) = judged(results(planned(table(**TEN)), left))
    lead, points = lasting.section(setting).blocks
    assert "95% intervals" in lead.text and "n\xa0=\xa08 seeds" in lead.text
    return points.items


@pytest.mark.parametrize(
    ("left", "verdict"),
    [
        (1.0, "It lasts."),
        (0.5, "It lasts."),
        (0.0, "It does not last: what is left is shown to lie within ±0.5 points."),
        (-0.5, "It reverses: the other default is better at the end."),
    ],
)
def test_an_effect_lasts_fades_or_reverses(left, verdict):
    embedding, dropout, adam = said(left)
    assert embedding.startswith("The embedding's initialiser: ") and "after epoch 10" in embedding
    assert embedding.endswith(verdict) and dropout.endswith(verdict)
    assert adam.endswith("No effect is shown at first.")


def test_two_epochs_are_too_few_to_ask():
    (setting,) = judged(results(planned(table())))
    assert lasting.section(setting) is None


def test_each_epoch_read_has_its_panel():
    made = results(planned(table(**TEN)), 0.0)
    titles = [panel.title.partition(",")[0] for panel in page.sections(made)[0].blocks[1].panels]
    assert titles == [f"after epoch {epoch}" for epoch in (1, 2, 5, 10)]


def test_settings_of_one_cell_have_their_own_anchors():
    sections = page.sections(results(planned(table(), table(**TEN))))
    names = [section.name for section in sections]
    assert len(set(names)) == len(names) and names[0].startswith("imdb-lstm-2") and names[1].startswith("imdb-lstm-10")


def test_the_curves_show_the_largest_switches_although_they_fade():
    (setting,) = judged(results(planned(table(**TEN)), 0.0))
    assert [setting.switches.fields[place] for place in curves.telling(setting)[: curves.SHOWN]] == [
        "embedding",
        "dropout",
    ]
    first, *_, last = curves.curve(setting.switches, 0)
    assert (first.epoch, last.epoch) == (1, 10)
    assert first.pytorch.value - first.keras.value == pytest.approx(-4, abs=0.2)
    assert last.pytorch.value - last.keras.value == pytest.approx(0, abs=0.2)
    assert first.keras.known and first.keras.n == 8
    assert len(curves.figure(setting, results([])).panels) == curves.SHOWN
