"""Tables whose rows agree."""

from reports.html.blocks import Details, Table

COLUMNS = ["Cell", "ms", "Bound"]


def test_rows_that_agree_are_one_sentence_and_unfold():
    details = Table.of("Steps.", COLUMNS, [["lstm", "2", "held"], ["gru", "3", "held"]]).agreed("Bound", "networks")
    assert isinstance(details, Details) and (details.summary, details.open) == ("Bound: held in all 2 networks", False)
    (table,) = details.blocks
    assert [column.title for column in table.columns] == ["Cell", "ms"]
    assert [[cell.text for cell in row] for row in table.rows] == [["lstm", "2"], ["gru", "3"]]


def test_a_table_in_which_one_row_differs_stays_open():
    table = Table.of("Steps.", COLUMNS, [["lstm", "2", "held"], ["gru", "3", "not held"]])
    assert table.agreed("Bound", "networks") is table


def test_one_row_needs_no_fold():
    table = Table.of("Steps.", COLUMNS, [["lstm", "2", "held"]])
    assert table.agreed("Bound", "networks") is table
