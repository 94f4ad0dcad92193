"""Shared by the tests of reports."""

from pathlib import Path

from made_reports import toys

import reports

PAGES = ("index.html", "accuracy.html", "speed.html", "shapes.html")


def write(trials, folder: Path, uri: str, absent=toys.ABSENT) -> dict[str, str]:
    index = reports.write(toys.plan(trials, absent), uri, folder)
    assert index == folder / "index.html"
    return {name: (folder / name).read_text(encoding="utf-8") for name in PAGES}
