"""The shapes page: what repeats is shown once."""

from dataclasses import replace

import pytest
from made_reports import toys

from experiments.twins import TWINS
from reports.html.blocks import Details, Points, Prose, Table
from reports.pages.shapes import live_models, page, parameter_counts, parameters, support


@pytest.fixture(scope="module")
def whole():
    forms = ("layer", "scratch")
    trials = toys.planned(cells=("lstm", "gru"), conventions=("stock",), seeds=1, forms=forms, sine=False)
    return toys.results(trials, [toys.run_of(trial) for trial in trials])


def answers(**details: str) -> list[dict[str, str]]:
    """Both twins' answers for one form: cell → detail."""
    return [
        {"framework": twin, "cell": cell, "form": "scratch", "answer": "Written", "detail": detail}
        for twin in TWINS
        for cell, detail in details.items()
    ]


def test_a_form_with_one_answer_for_every_cell_is_a_sentence(whole):
    section = support.section(replace(whole, supports=answers(lstm="by hand", gru="by hand"), absent=()))
    (points,) = (block for block in section.blocks if isinstance(block, Points))
    sentence = "scratch, for every cell: Written in TensorFlow 2 (by hand) and Written in PyTorch (by hand)."
    assert points.items == (sentence,)
    assert not any(isinstance(block, Table) for block in section.blocks)


def test_different_answers_are_a_table(whole):
    section = support.section(replace(whole, supports=answers(lstm="by hand", gru="otherwise"), absent=()))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert [row[2].note for row in table.rows] == ["by hand", "by hand", "otherwise", "otherwise"]


def test_experiments_that_cannot_run_are_counted_and_folded(whole):
    absent = [("tf2", f"imdb-minimal-{form}", "no minimal layer") for form in ("layer", "unrolled")]
    *_, prose, details = support.section(replace(whole, absent=(*absent, ("pytorch", *absent[0][1:])))).blocks
    text = "2 experiments of this study cannot run everywhere. TensorFlow 2 cannot run 2: no minimal layer. "
    assert prose.text == text + "PyTorch cannot run 1: no minimal layer."
    texts = [row[3].text for row in details.blocks[0].rows]
    assert texts == ["imdb-minimal-layer, imdb-minimal-unrolled", "imdb-minimal-layer"]


def test_reasons_that_differ_in_the_cell_alone_are_one(whole):
    absent = [("tf2", f"imdb-{cell}-layer-64", f"keras.layers has no {cell} layer") for cell in ("minimal", "coupled")]
    *_, prose, details = support.section(replace(whole, absent=tuple(absent))).blocks
    assert prose.text.endswith("TensorFlow 2 cannot run 2: keras.layers has no minimal or coupled layer.")
    assert [row[2].text for row in details.blocks[0].rows] == ["2"]


def test_forms_with_the_same_calls_and_weights_are_shown_once(whole):
    _, lstm, gru = live_models.sections(page.shown_runs(whole), whole)
    assert [details.summary for details in lstm.blocks] == ["lstm: layer and scratch"]
    assert [details.summary for details in gru.blocks] == ["gru: layer and scratch"]


def test_networks_that_differ_are_listed_and_the_others_folded(whole):
    blocks = parameters.section(page.shown_runs(whole), whole).blocks
    assert [type(block) for block in blocks] == [Prose, Table]
    equal = {run_id: {**shapes, "parameters": 7} for run_id, shapes in whole.shapes.items()}
    blocks = parameters.section(page.shown_runs(replace(whole, shapes=equal)), whole).blocks
    assert [type(block) for block in blocks] == [Prose, Details]
    assert "in 4 of 4 networks" in blocks[0].text


def test_equal_networks_need_no_reason(whole):
    networks = list(parameter_counts.networks(page.shown_runs(whole)))
    assert networks
    assert all(parameter_counts.reason(network.left, network.left) == "" for network in networks)
