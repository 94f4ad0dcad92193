"""Results → HTML files."""

import re
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from experiments.errors import UserError
from experiments.running.pages import MARKS, put
from experiments.study.plan import Plan
from experiments.twins import COLOURS, TITLES
from reports.data.load import gather
from reports.data.results import Results
from reports.html import facets
from reports.html.blocks import Table
from reports.html.footer import foot
from reports.html.once import said_once
from reports.pages.accuracy import page as accuracy
from reports.pages.chars import page as chars
from reports.pages.claims import page as claims
from reports.pages.defaults import page as defaults
from reports.pages.index import page as index
from reports.pages.parity import page as parity
from reports.pages.shapes import page as shapes
from reports.pages.sources import page as sources
from reports.pages.speed import page as speed
from reports.pages.traps import page as traps

#: Each page's file, its name in the navigation, and what makes its sections.
PAGES = {
    "index.html": ("Answers", index),
    "parity.html": ("Parity", parity),
    "accuracy.html": ("Accuracy", accuracy),
    "defaults.html": ("Defaults", defaults),
    "speed.html": ("Speed", speed),
    "shapes.html": ("Shapes", shapes),
    "traps.html": ("Traps", traps),
    "chars.html": ("Writing", chars),
    "sources.html": ("Sources", sources),
    "claims.html": ("Claims", claims),
}


#: Tables that a process keeps as HTML: more than a study's pages have.
MOST_KEPT = 512


def write(plan: Plan, tracking_uri: str, folder: Path, running: str = "") -> Path:
    """Write every page from what MLflow holds of a study.

    Args:
        plan: the study laid out, run or not.
        tracking_uri: where MLflow keeps the runs.
        folder: for the pages; made if missing.
        running: of a study that still runs, what is to come: each page says so, and reloads itself.

    Returns:
        The path of ``index.html``.

    Raises:
        UserError: the pages cannot be written, for example because the disk is full.
    """
    gathered = gather(plan, tracking_uri)
    pages = render(gathered, plan.study.description, datetime.now(), running)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in PAGES:
            if name in pages:
                put(folder / name, pages[name])
            else:  # another study's
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: the pages cannot be written: {error.strerror or error}; allowed: a folder with room that can "
            "be written. All runs are recorded: --reports-only writes the pages from them"
        ) from error
    return folder / "index.html"


def _unbroken(value: Any) -> Any:
    """Keep a name's number on its line."""
    return value.replace("TensorFlow 2", "TensorFlow\u00a02") if type(value) is str else value


def _coded(text: str) -> Markup:
    """Escape a text and set what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", _unbroken(str(escape(text)))))


def _shortly(text: str) -> str:
    """A caption's first sentence: its name for those who hear the page."""
    return re.split(r"(?<=\w)[.:;] ", text)[0].rstrip(".")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"coded": _coded, "shortly": _shortly, "attributes": facets.attributes}
    environment.filters |= {"of_kind": facets.of_kind, "of_row": facets.of_row, "table": _table}
    environment.globals["colours"] = COLOURS
    return environment


@lru_cache(maxsize=MOST_KEPT)
def _table(table: Table) -> Markup:
    """A table's HTML; of the tables most stay as they are while a study's pages are written again and again."""
    return _environment().get_template("blocks.html").module.table(table)


def _planned(page: Any, gathered: Results) -> bool:
    """Whether the study has such a page: most have no condition."""
    return not hasattr(page, "planned") or page.planned(gathered)


def render(gathered: Results, description: str, now: datetime, running: str = "") -> dict[str, str]:
    """Each page's HTML by its file name; ``running`` as for ``write``."""
    template = _environment().get_template("page.html")
    pages = {name: page for name, page in PAGES.items() if _planned(page[1], gathered)}
    common = {
        "study": gathered.study,
        "description": description,
        "headline": index.opening(gathered),
        "nav": [(name, title) for name, (title, _) in pages.items()],
        "foot": foot(gathered, now),
        "running": running,
        "now": now,
        "marks": MARKS,
        "titles": TITLES,
    }
    return {
        name: template.render(
            common, here=name, title=page.TITLE, lead=page.LEAD, sections=said_once(page.sections(gathered))
        )
        for name, (_, page) in pages.items()
    }
