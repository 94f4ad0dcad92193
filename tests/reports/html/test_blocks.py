"""Columns that repeat one value in every row."""

from reports.html.blocks import Table

ROWS = [["lstm", "2", "20"], ["gru", "2", "30"]]


def test_a_repeated_value_moves_to_the_caption():
    table = Table.of("Steps.", ["Cell", "Threads", "ms"], ROWS).folded("Threads", "ms")
    assert table.caption == "Steps. Threads: 2."
    assert [column.title for column in table.columns] == ["Cell", "ms"]
    assert [[cell.text for cell in row] for row in table.rows] == [["lstm", "20"], ["gru", "30"]]


def test_only_the_named_columns_are_left_out():
    table = Table.of("Steps.", ["Cell", "Threads", "ms"], ROWS)
    assert table.folded("Cell", "ms") is table


def test_an_empty_table_keeps_its_columns():
    table = Table.of("Steps.", ["Cell", "Threads"], [])
    assert table.folded("Cell", "Threads") is table
