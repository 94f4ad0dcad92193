"""What a page can be filtered by: sections, panels, marks and rows carry it as ``data-`` attributes for the script."""

import re
from collections.abc import Mapping

from experiments.twins import TITLES
from reports.data.comparable import FORMS
from reports.html.blocks import Cell, Table

FACETS = ("task", "cell", "form", "conventions", "framework")
HEADINGS = {name: name for name in FACETS} | {"forms": "form", "twin": "framework"}
FRAMEWORKS = {title: name for name, title in TITLES.items()}


def attributes(facets: Mapping[str, str]) -> dict[str, str]:
    """``{"cell": "lstm"}`` -> ``{"data-cell": "lstm"}``; several values of a facet stand with spaces between them.

    Raises:
        ValueError: there is no such facet.
    """
    if unknown := facets.keys() - set(FACETS):
        raise ValueError(f"no facets: {sorted(unknown)}; there are {', '.join(FACETS)}")
    return {f"data-{name}": facets[name] for name in FACETS if facets.get(name)}


def of_kind(kind: str) -> dict[str, str]:
    """The framework that a column or group is of, by its kind."""
    return attributes({"framework": kind if kind in TITLES else ""})


def of_row(table: Table, row: tuple[Cell, ...]) -> dict[str, str]:
    """What a table's row says of itself under the headings that name a facet."""
    named = [(HEADINGS.get(column.title.lower()), cell) for column, cell in zip(table.columns, row, strict=True)]
    return attributes({facet: _values(facet, cell.text) for facet, cell in named if facet})


def _values(facet: str, text: str) -> str:
    """The names that a text lists; nothing for a dash or a sentence."""
    parts = re.split(r", | and ", text)
    if facet == "framework":
        parts = [FRAMEWORKS.get(part, "") for part in parts]
    if facet == "form":  # beside it may stand how it was executed
        parts = [part for part in parts if part in FORMS]
    return " ".join(part for part in parts if re.fullmatch(r"\w\S*", part))
