"""Parts of a drawing, as SVG that takes its colours and fonts from the page; sizes in units of its view box."""

from collections.abc import Iterable
from html import escape
from math import ceil

WIDTH = 400  # of every drawing: a panel on the page is about as wide in pixels


def svg(height: float, parts: Iterable[str], label: str) -> str:
    """A drawing ``WIDTH`` wide; ``label`` is its content in words, for screen readers."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {ceil(height)}" role="img" aria-label="{escape(label)}" class="drawing">'
        f"{''.join(parts)}</svg>"
    )


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle; ``kind`` is its style."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:.4g}" height="{height:.4g}" class="{kind}"/>'


def text(x: float, y: float, words: str, kind: str = "", turned: bool = False) -> str:
    """A line of text from ``(x, y)`` on its base line; ``turned`` lets it run downwards."""
    turn = f' transform="rotate(90 {x:g} {y:g})"' if turned else ""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}"{turn}>{escape(words)}</text>'


def arrow(x: float, y: float, length: float, across: bool = False, kind: str = "arrow") -> str:
    """An arrow that points down, or to the right if it goes ``across``."""
    ahead = f"h{length:g} m-5,-4 l5,4 l-5,4" if across else f"v{length:g} m-4,-5 l4,5 l4,-5"
    return f'<path d="M{x:g},{y:g} {ahead}" class="{kind}"/>'
