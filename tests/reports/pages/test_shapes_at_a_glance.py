"""The shapes page's table, drawings and calls, from made-up answers of the twins."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from made_reports import calls as made
from made_reports import toys

from experiments.probes.snippets import SIZES
from experiments.twins import TWINS
from reports.html.blocks import Details, Figure, Points, Prose
from reports.pages.shapes import at_a_glance, calls, page
from reports.pages.shapes.differences import DIFFERENCES
from reports.pages.shapes.letters import filled, words
from reports.pages.shapes.pictures import kernels, networks


@pytest.fixture(scope="module")
def whole():
    trials = toys.planned(cells=("lstm", "gru"), conventions=("stock",), seeds=1, sine=False)
    return replace(toys.results(trials, [toys.run_of(trial) for trial in trials]), calls=made.answers())


def changed(twin: str, snippet: str, **results) -> dict:
    """The answers with another result of one twin."""
    answers = made.answers()
    answers[twin][snippet]["results"] |= results
    return answers


# --- words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (made.tensor("BTH"), "(B, T, H)"),
        ({"shape": [3], "dtype": "int64"}, "(B,) int64"),
        ({"shape": [2, 24, 11], "dtype": "float32"}, "(2, 3·H, 11)"),
        (True, "yes"),
        (["i", "f"], "i f"),
        ([made.tensor("BH"), made.tensor("BH")], "[(B, H), (B, H)]"),
        ({"kernel": made.tensor("IH"), "bias": made.tensor("H")}, "kernel (I, H), bias (H,)"),
        (-1, "−1"),
    ],
)
def test_values_in_words(value, text):
    assert words(value) == text


def test_sizes_tell_axes_apart():
    sizes = [*SIZES, 16, 24, 32, 1, 2, 4]
    assert len({words({"shape": [size], "dtype": "float32"}) for size in sizes}) == len(sizes)


def test_a_choice_needs_yes_or_no():
    with pytest.raises(ValueError, match="neither true nor false"):
        filled("{a.b:so|not so}", {"a": {"results": {"b": 3}}})


# --- the table


def test_advice_stands_where_the_results_are_as_assumed(whole):
    assert [row[-1].text for row in at_a_glance.table(whole.calls).rows] == [each.advice for each in DIFFERENCES]


@pytest.mark.parametrize("title", [each.title for each in DIFFERENCES])
def test_advice_is_withheld_where_one_result_is_another(whole, title):
    difference = next(each for each in DIFFERENCES if each.title == title)
    path = next(path for path in difference.assumes["pytorch"] if not path.endswith(".refused"))
    snippet, result, *_ = path.split(".")
    given = whole.calls["pytorch"][snippet]["results"][result]
    answers = changed("pytorch", snippet, **{result: not given if isinstance(given, bool) else {}})
    (row,) = (row for row in at_a_glance.table(answers).rows if row[0].text == title)
    assert (row[-1].text, row[-1].kind) == (at_a_glance.CONTRADICTED, "bad")


def test_an_entry_says_what_the_framework_gave(whole):
    entries = {row[0].text: (row[1].text, row[2].text) for row in at_a_glance.table(whole.calls).rows}
    assert entries["Gate order"] == ("LSTM i f g o; GRU z r n", "LSTM i f g o; GRU r z n")


def test_an_entry_that_was_not_tried_says_so(whole):
    answers = {"tf2": whole.calls["tf2"], "pytorch": {}}
    assert {row[2].text for row in at_a_glance.table(answers).rows} == {"not tried in this study"}


def test_a_shape_stays_on_one_line():
    assert at_a_glance.unbroken("h (B, T, 2·H), c") == "h (B,\u00a0T,\u00a02·H), c"


def test_a_study_without_the_probe_says_how_to_get_the_table(whole):
    first, *others = page.sections(replace(whole, calls={}))
    assert [block.text for block in first.blocks] == [at_a_glance.NOT_TRIED]
    assert not {"way", "tried-calls"} & {section.name for section in others}


def test_every_entry_leads_to_a_call_of_the_page(whole):
    glance, tried = at_a_glance.table(whole.calls), calls.section(whole.calls).blocks[-1]
    leads = {cell.href.removeprefix("#") for row in glance.rows for cell in row if cell.href}
    assert leads and leads <= {row[0].anchor for row in tried.rows}


# --- the front page


def test_the_front_page_begins_with_what_bites(whole):
    lead, points, *counts = page.answer(whole)
    assert isinstance(lead, Prose) and isinstance(points, Points)
    assert "its gates z r n; in PyTorch" in points.items[-1]
    assert points.items[-1].endswith("its gates r z n.")
    assert "number of parameters" in counts[0].text


def test_the_front_page_has_three_or_four_that_bite():
    assert len([each for each in DIFFERENCES if each.bites]) in (3, 4)


def test_the_front_page_without_the_probe_counts_parameters(whole):
    assert "number of parameters" in page.answer(replace(whole, calls={}))[0].text


# --- the drawings


def test_a_line_of_code_is_a_step():
    lines = "a = layers.Embedding(10, 5)(ids)\nout, (h, c) = nn.LSTM(5, 8, num_layers=2)(a)\nlast = h[-1]"
    first, second, third = networks.steps(lines)
    assert (first.call, first.taken, first.left) == ("Embedding(10, 5)", ("a",), ())
    assert (second.call, second.taken, second.left) == ("nn.LSTM(5, 8, num_layers=2)", ("h",), ("out", "c"))
    assert (third.call, third.taken) == ("h[-1]", ("last",))
    assert [part.partition(",")[0] for part in second.parts] == ["layer 0", "layer 1"]


def figures(section) -> list[Figure]:
    shown = [block for block in section.blocks if isinstance(block, Figure)]
    return shown + [each for block in section.blocks if isinstance(block, Details) for each in block.blocks]


def test_both_frameworks_networks_are_drawn_side_by_side(whole):
    drawn = figures(networks.section(whole.calls))
    assert [len(figure.panels) for figure in drawn] == [2, 2, 2]
    assert "LSTM(8) gives last (B, H)" in drawn[0].panels[0].label
    assert "gives h (1, B, H), out (B, T, H) and c (1, B, H)" in drawn[0].panels[1].label


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gates_lie_across_in_keras_and_downwards_in_pytorch(whole, cell):
    (drawn,) = (
        each for each in figures(kernels.section(page.shown_runs(whole), whole)) if cell in each.panels[0].title
    )
    tf2, canonical, pytorch = (panel.label for panel in drawn.panels)
    assert "across" in tf2 and "downwards" not in tf2
    assert "across" in canonical and "downwards" not in canonical
    assert "downwards" in pytorch


def parts(svg: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter())


def test_blocks_are_drawn_to_scale(whole):
    (drawn,) = (
        each for each in figures(kernels.section(page.shown_runs(whole), whole)) if "gru" in each.panels[0].title
    )
    gates = [part for part in parts(drawn.panels[0].svg) if "gate" in part.get("class", "")]
    sizes = [(float(part.get("width")), float(part.get("height"))) for part in gates]
    kernel, recurrent = sizes[0], sizes[3]
    assert kernel[0] / kernel[1] == pytest.approx(64 / 100, rel=0.01)
    assert recurrent[0] / recurrent[1] == pytest.approx(1, rel=0.01)


def test_drawings_keep_to_their_box_and_speak(whole):
    sections = (networks.section(whole.calls), kernels.section(page.shown_runs(whole), whole))
    for panel in (panel for section in sections for figure in figures(section) for panel in figure.panels):
        root = ElementTree.fromstring(panel.svg)
        width, height = map(float, root.get("viewBox").split()[2:])
        boxes = [part for part in root.iter() if part.get("width")]
        assert all(float(each.get("x")) + float(each.get("width")) <= width for each in boxes)
        assert all(float(each.get("y")) + float(each.get("height")) <= height for each in boxes)
        texts = [(float(part.get("x")), part.text) for part in root.iter() if part.tag.endswith("text")]
        assert all(x + 6.7 * len(text) <= width + 1 for x, text in texts), panel.title
        assert root.get("aria-label") == panel.label
        assert not re.search(r"#[0-9a-f]{6}", panel.svg)  # colours are the page's, which follow light and dark


# --- the calls


def test_what_is_copied_runs_by_itself_and_is_shown(whole):
    tried = calls.section(whole.calls).blocks[-1]
    for row in tried.rows:
        assert {cell.kind for cell in row[1:]} <= {"lines", "quiet"}
        assert all(cell.copied.endswith(f"{cell.text}\n") for cell in row[1:] if cell.kind == "lines")
    assert len(tried.rows) == len(set(whole.calls["tf2"]) | set(whole.calls["pytorch"]))
    assert len(TWINS) + 1 == len(tried.columns)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"refused": "ValueError: no"}, "refused: ValueError: no"),
        ({"results": {"h": made.tensor("BH"), "c": made.tensor("BH"), "same": True}}, "h (B, H), c (B, H)\nsame yes"),
    ],
)
def test_what_lines_gave(answer, text):
    assert calls.outcome(answer) == text
