"""A page's elements and words, for the tests of the reports."""

import re
from datetime import datetime
from html.parser import HTMLParser

import pytest

from reports import render
from reports.data import cached
from reports.data.results import Results
from reports.html import svg


class Elements(HTMLParser):
    """The elements of a page: each one's name and attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def all(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]


DRAWN_ANEW = svg._drawn.__wrapped__  # as ``svg.draw`` would without its memory


def leave_out_drawing(patch, box: str = "0 0 1 1") -> None:
    """Draw nothing: figures take most of a page's time. Nor keep such a figure for those who want a drawn one."""
    patch.setattr(cached, "_KEPT", {})
    patch.setattr(cached, "_PARTS", {})
    patch.setattr(svg, "painted", lambda *_: f'<svg viewBox="{box}"></svg>')
    patch.setattr(svg, "_drawn", DRAWN_ANEW)


def page_of(results: Results, *names: str, running: str = "") -> dict[str, str]:
    """Some of a study's pages alone: to make all of them takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "PAGES", {name: render.PAGES[name] for name in names})
        return render.render(results, "A toy.", datetime.now(), running)


def words_of(page: str) -> str:
    """A page's visible text on one line."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("\xa0", " ").split())
