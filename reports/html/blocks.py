"""The blocks that make up a section: plain data. The templates turn them into HTML and escape all text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar


@dataclass(frozen=True)
class Link:
    """A link's text and address."""

    text: str
    href: str


@dataclass(frozen=True)
class Prose:
    """A paragraph; ``kind`` is empty, ``lead``, ``note`` or ``missing``."""

    template: ClassVar[str] = "prose"
    text: str
    kind: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Points:
    """A list."""

    template: ClassVar[str] = "points"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Lines of Python to copy, under a title."""

    template: ClassVar[str] = "code"
    title: str
    text: str


@dataclass(frozen=True)
class Cell:
    """A table's cell; ``sort`` is its key for sorting, if that is not its text."""

    text: str
    sort: float | str | None = None
    href: str | None = None
    kind: str = ""  # a style: tf2, pytorch, reference, good, bad, quiet, code, …
    note: str = ""  # small, under the text
    anchor: str = ""  # a name that links lead to
    copied: str = ""  # what a button copies, if there is one


@dataclass(frozen=True)
class Column:
    """A table's column; ``number`` aligns its cells to the right."""

    title: str
    number: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A sortable table."""

    template: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    href: str | None = None
    kind: str = ""
    filter: str = ""  # what a box to filter the rows says while it is empty; no box if empty
    settings: str = ""  # of the rows, in a sentence that a page says once

    @classmethod
    def of(
        cls,
        caption: str,
        columns: Sequence[Column | str],
        rows: Sequence[Sequence[Cell | str]],
        href: str | None = None,
        kind: str = "",
        filter: str = "",
        settings: str = "",
    ) -> "Table":
        """A table; columns and cells of plain text may be given as strings."""
        return cls(
            caption,
            tuple(Column(column) if isinstance(column, str) else column for column in columns),
            tuple(tuple(Cell(cell) if isinstance(cell, str) else cell for cell in row) for row in rows),
            href,
            kind,
            filter,
            settings,
        )

    def without(self, *places: int) -> "Table":
        """Leave out the columns at these places."""
        kept = [place for place in range(len(self.columns)) if place not in places]
        columns = tuple(self.columns[place] for place in kept)
        return replace(self, columns=columns, rows=tuple(tuple(row[place] for place in kept) for row in self.rows))

    def agreed(self, title: str, noun: str) -> "Table | Details":
        """Where several rows all say the same in a column: that in one sentence, under which the rows unfold.

        Args:
            title: the column's.
            noun: what the rows are, in the plural.
        """
        (place,) = (place for place, column in enumerate(self.columns) if column.title == title)
        said = {row[place].text for row in self.rows}
        if len(self.rows) < 2 or len(said) > 1:
            return self
        return Details(f"{title}: {said.pop()} in all {len(self.rows)} {noun}", (self.without(place),))


@dataclass(frozen=True)
class Panel:
    """One drawing of a figure: ``svg`` is trusted markup, ``label`` the same in words, for screen readers."""

    title: str
    svg: str
    label: str
    href: str | None = None
    facets: Mapping[str, str] = field(default_factory=dict)  # what it is of, for the page's filter


@dataclass(frozen=True)
class Key:
    """An entry of a figure's legend; ``mark`` is dot, ring, tick, line, dash or band, ``kind`` its colour."""

    text: str
    kind: str
    mark: str = "dot"


@dataclass(frozen=True)
class Figure:
    """Panels in a grid that adapts to the screen, a legend, and a caption that says what to look for."""

    template: ClassVar[str] = "figure"
    caption: str
    panels: tuple[Panel, ...]
    keys: tuple[Key, ...] = ()
    href: str | None = None
    kind: str = ""  # ``wide`` or ``pair``: at most two panels a row


@dataclass(frozen=True)
class Details:
    """Blocks that unfold below a summary; ``columns`` sets them side by side if there is room."""

    template: ClassVar[str] = "details"
    summary: str
    blocks: tuple["Block", ...]
    columns: bool = False
    open: bool = False


@dataclass(frozen=True)
class Group:
    """Blocks under a small heading."""

    template: ClassVar[str] = "group"
    title: str
    blocks: tuple["Block", ...]
    kind: str = ""


Block = Prose | Points | Code | Table | Figure | Details | Group


@dataclass(frozen=True)
class Section:
    """A titled part of a page; ``name`` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)
    facets: Mapping[str, str] = field(default_factory=dict)  # what all of it is of, for the page's filter
