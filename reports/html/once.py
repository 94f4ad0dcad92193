"""Repetition on a page: a column that repeats one value moves to its table's caption; settings are said once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from reports.html.blocks import Block, Cell, Column, Details, Group, Section, Table
from reports.html.format import NONE

MOST = 80  # characters: a longer value stays in its column
KEPT = ("bad", "text", "lines")  # styles of cells that are to be seen where they stand


def said_once(sections: Iterable[Section]) -> list[Section]:
    """A page's sections without their repetition.

    The first table of some settings says them in its caption; those that follow name the section where they stand.
    """
    seen: dict[str, str] = {}  # settings, and the title of the section that says them
    return [replace(each, blocks=_blocks(each.blocks, each.title, seen)) for each in sections]


def _blocks(blocks: Iterable[Block], title: str, seen: dict[str, str]) -> tuple[Block, ...]:
    return tuple(_block(block, title, seen) for block in blocks)


def _block(block: Block, title: str, seen: dict[str, str]) -> Block:
    if isinstance(block, Details | Group):
        return replace(block, blocks=_blocks(block.blocks, title, seen))
    return folded(_settled(block, title, seen)) if isinstance(block, Table) else block


def _settled(table: Table, title: str, seen: dict[str, str]) -> Table:
    """The table with its settings, or the place where they stand, in its caption."""
    if not table.settings:
        return table
    where = seen.get(table.settings)
    seen.setdefault(table.settings, title)
    said = f"Settings as under “{where}”." if where else table.settings
    return replace(table, caption=f"{table.caption} {said}", settings="")


def folded(table: Table) -> Table:
    """Leave out each column, but for the first, that says the same in every row; the caption says it instead."""
    columns = {place: [row[place] for row in table.rows] for place in range(1, len(table.columns))}
    titles = Counter(column.title for column in table.columns)
    repeated = {
        place: cells[0]
        for place, cells in columns.items()
        if titles[table.columns[place].title] == 1 and _repeats(table.columns[place], cells)
    }
    if not repeated:
        return table
    values = "; ".join(f"{table.columns[place].title}: {_words(cell)}" for place, cell in repeated.items())
    return replace(table, caption=f"{table.caption} {values}.").without(*repeated)


def _repeats(column: Column, cells: list[Cell]) -> bool:
    """Whether the caption can say it: a framework's column stays beside the other's, and what is measured in sight."""
    said = {(cell.text, cell.note, cell.href) for cell in cells}
    if len(cells) < 2 or len(said) > 1 or column.kind or any(cell.anchor or cell.copied for cell in cells):
        return False
    first, words = cells[0], _words(cells[0])
    return not first.href and first.kind not in KEPT and 0 < len(words) <= MOST and words != NONE and "±" not in words


def _words(cell: Cell) -> str:
    return f"{cell.text} ({cell.note})" if cell.note else cell.text
