"""What rows, columns and marks say of themselves for a page's filter."""

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from reports.html import facets, svg
from reports.html.blocks import Table


@pytest.mark.parametrize(
    ("heading", "text", "found"),
    [
        ("Cell", "lstm", {"data-cell": "lstm"}),
        ("Cell", "simple_rnn, lstm and gru together", {"data-cell": "simple_rnn lstm"}),
        ("Cell", "–", {}),
        ("Forms", "layer, cell_loop", {"data-form": "layer cell_loop"}),
        ("Form", "layer, eager", {"data-form": "layer"}),
        ("Conventions", "pytorch+embedding=keras", {"data-conventions": "pytorch+embedding=keras"}),
        ("Framework", "TensorFlow 2", {"data-framework": "tf2"}),
        ("Twin", "PyTorch", {"data-framework": "pytorch"}),
        ("Framework", "both", {}),
        ("Seeds", "3", {}),
    ],
)
def test_a_row_says_what_stands_under_a_facets_heading(heading, text, found):
    table = Table.of("Toys.", [heading, "Other"], [[text, "lstm"]])
    assert facets.of_row(table, table.rows[0]) == found


def test_a_column_is_of_the_framework_of_its_kind():
    assert facets.of_kind("tf2") == {"data-framework": "tf2"}
    assert facets.of_kind("code") == {}


def test_an_unknown_facet_is_refused():
    with pytest.raises(ValueError, match="epoch"):
        facets.attributes({"epoch": "1"})


def paint_marks(axes):
    svg.mark(axes.fill_between([0, 1], 0, 1), cell="lstm")
    svg.mark(axes.plot(1, 1, "o"), 'a "<b>" & ±', "http://x/#/y?a=1&b=2", framework="tf2")


def test_marks_say_what_they_are_in_the_figure():
    drawn = svg.draw(paint_marks, (), "Toys.")
    band, point = re.findall(r'<g class="mark".*?(?=<g class="mark"|$)', drawn, re.S)
    assert band.startswith('<g class="mark" data-cell="lstm">') and "<title>" not in band and "<use" in band + point
    head = '<g class="mark" data-framework="tf2" data-href="http://x/#/y?a=1&amp;b=2">'
    assert point.startswith(f"{head}<title>a &quot;&lt;b&gt;&quot; &amp; ±</title>")
    assert "<a " not in drawn and ElementTree.fromstring(drawn).tag == "svg"


def paint_line(axes, rows):
    axes.plot(rows.x, rows.y)


def test_a_panel_is_drawn_again_where_its_data_or_words_changed(monkeypatch):
    drawn, painted = [], svg.painted
    monkeypatch.setattr(svg, "painted", lambda *args: drawn.append(args) or painted(*args))

    def frame(y):
        return pd.DataFrame({"x": [0, 1], "y": [0.25, y]})

    first = svg.draw(paint_line, (frame(1.0),), "A line.")
    assert svg.draw(paint_line, (frame(1.0),), "A line.") == first and len(drawn) == 1
    assert svg.draw(paint_line, (frame(2.0),), "A line.") != first and len(drawn) == 2
    assert 'aria-label="Another."' in svg.draw(paint_line, (frame(1.0),), "Another.") and len(drawn) == 3


def test_what_is_drawn_is_what_is_compared():
    """A function that holds data of its own would be taken for unchanged when they change."""
    with pytest.raises(AttributeError, match="local object"):
        svg.draw(lambda axes: axes.plot(1, 1), (), "Toys.")
