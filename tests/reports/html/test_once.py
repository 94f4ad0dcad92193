"""What repeats on a page is said once: values in every row of a table, settings in several tables."""

import pytest

from reports.html.blocks import Cell, Column, Details, Group, Prose, Section, Table
from reports.html.once import folded, said_once

ROWS = [["lstm", "2", "20"], ["lstm", "2", "30"]]


def test_a_repeated_value_moves_to_the_caption():
    table = folded(Table.of("Steps.", ["Cell", "Threads", "ms"], ROWS))
    assert table.caption == "Steps. Threads: 2."
    assert [column.title for column in table.columns] == ["Cell", "ms"]
    assert [[cell.text for cell in row] for row in table.rows] == [["lstm", "20"], ["lstm", "30"]]


def test_its_note_goes_with_it():
    table = Table.of("Steps.", ["Cell", "Verdict"], [[cell, Cell("none", note="two seeds")] for cell in ("a", "b")])
    assert folded(table).caption == "Steps. Verdict: none (two seeds)."


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("Threads", "2", "4"),
        ("Threads", Cell("2", note="both"), Cell("2", note="one")),
        ("Run", Cell("run", href="#a"), Cell("run", href="#b")),
        ("Run", Cell("run", href="#a"), Cell("run", href="#a")),
        ("Call", Cell("f(x)", copied="f(x)"), Cell("f(x)", copied="f(x)")),
        ("Call", Cell("f(x)", anchor="one"), Cell("f(x)", anchor="two")),
        ("Text", Cell("the the", kind="text"), Cell("the the", kind="text")),
        ("Verdict", Cell("not held", kind="bad"), Cell("not held", kind="bad")),
        (Column("PyTorch", True, "pytorch"), "84", "84"),
        ("p", "–", "–"),
        ("Loss", "0.40 ± 0.01", "0.40 ± 0.01"),
        ("Reason", "because " * 20, "because " * 20),
        ("Cell", "2", "2"),
    ],
)
def test_a_column_that_says_more_stays(column, first, second):
    table = Table.of("Steps.", ["Cell", column], [["lstm", first], ["gru", second]])
    assert folded(table) is table


@pytest.mark.parametrize("rows", [[], ROWS[:1]], ids=["none", "one"])
def test_a_table_without_repetition_stays(rows):
    table = Table.of("Steps.", ["Cell", "Threads", "ms"], rows)
    assert folded(table) is table


def table_of(settings: str) -> Table:
    return Table.of("Steps.", ["Cell", "ms"], [["lstm", "20"], ["gru", "30"]], settings=settings)


def test_settings_are_said_once_on_a_page():
    table, other = table_of("Setting: 80 tokens."), table_of("Setting: 20 tokens.")
    sections = [
        Section("one", "First", (Prose("A."), Group("in it", (table,)))),
        Section("two", "Second", (Details("more", (table, other)),)),
        Section("three", "Third", (table, other)),
    ]
    first, second, third = said_once(sections)
    assert first.blocks[1].blocks[0].caption == "Steps. Setting: 80 tokens."
    captions = ["Steps. Settings as under “First”.", "Steps. Setting: 20 tokens."]
    assert [each.caption for each in second.blocks[0].blocks] == captions
    assert [each.caption for each in third.blocks] == [captions[0], "Steps. Settings as under “Second”."]


def test_each_page_says_its_own_settings():
    made = [Section("one", "First", (table_of("Setting: 80 tokens."),))]
    assert said_once(made) == said_once(made)
    assert made[0].blocks[0].settings
