"""Small SVG panels: drawn with seaborn, then given the HTML page's colours and fonts, and unique ids."""

import io
import pickle
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from html import escape, unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zlib import crc32

import matplotlib
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import Collection
from matplotlib.figure import Figure

from reports.html.facets import attributes

#: Placeholders for the page's colours, which differ between light and dark; replaced in the SVG's text.
INK, LINE, FAINT, BAD = "#010203", "#020304", "#030405", "#040506"
#: The frameworks' colours for words, which need more contrast than lines.
WORDS = {"tf2": "#050607", "pytorch": "#060708"}
VARIABLES = {INK: "var(--ink)", LINE: "var(--line)", FAINT: "var(--faint)", BAD: "var(--bad)"}
VARIABLES |= {colour: f"var(--{name}-words)" for name, colour in WORDS.items()}
MARK = "mark:"
#: The last framework of a figure is drawn thinner and on top: lines that agree show both colours.
WIDTHS = {"tf2": 3.0, "pytorch": 1.3, "reference": 0.8}

#: Panels that a process keeps: more than a study's pages have.
MOST_KEPT = 256

FONT = 10.5
STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and the page's font draws it
    "svg.hashsalt": "rnn-twins",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "font.size": FONT,
    "axes.labelsize": FONT,
    "xtick.labelsize": FONT,
    "ytick.labelsize": FONT,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.dash_capstyle": "butt",
}


def draw(
    paint: Callable[..., None],
    data: Sequence[Any],
    label: str,
    rows: Sequence[str] = ("100",),
    width: float = 4.0,
    height: float = 2.3,
) -> str:
    """Draw one panel as inline SVG, or take it from an earlier call with the same arguments; sizes in inches.

    A running study's pages are written again and again, and a panel takes long to draw compared with all else.

    Args:
        paint: a module's function, called with the axes and the data.
        data: all that the panel shows, and no more: a change draws it again. Must be picklable.
        label: the panel in words, for screen readers.
        rows: the vertical axis's labels, which set the left margin; measuring them would draw everything twice.
    """
    return _drawn(pickle.dumps((paint, data, label, rows, width, height)))


@lru_cache(maxsize=MOST_KEPT)
def _drawn(request: bytes) -> str:
    """The panel of pickled arguments of ``draw``: made of what the cache compares, and of nothing else."""
    paint, data, label, rows, width, height = pickle.loads(request)
    return inline(painted(lambda axes: paint(axes, *data), rows, width, height), label)


def painted(paint: Callable[[Axes], None], rows: Sequence[str], width: float, height: float) -> str:
    """The panel as matplotlib writes it, drawn by ``paint`` on the axes it is given; sizes in inches of 72 dots."""
    with matplotlib.rc_context({**seaborn.axes_style("ticks"), **STYLE}):
        figure = Figure(figsize=(width, height))  # not by pyplot, which keeps every figure it opens
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        paint(axes)
        lines = [line for row in rows for line in row.split("\n")]
        left = (0.6 * FONT * max(map(len, lines)) + 8) / (72 * width)
        bottom = (2.1 * FONT + (1.3 * FONT if axes.get_xlabel() else 0)) / (72 * height)
        figure.subplots_adjust(left=left, right=1 - 10 / (72 * width), bottom=bottom, top=1 - 5 / (72 * height))
        buffer = io.StringIO()
        omitted = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=omitted)
    return buffer.getvalue()


def mark(artists: Artist | Iterable[Artist], said: str = "", href: str | None = None, **facets: str) -> None:
    """Let the page know what artists stand for: its filter, and who points at them.

    matplotlib writes an artist's address into the SVG; ``inline`` turns it into a group that says the same.

    Args:
        artists: one, or several that stand for the same.
        said: what pointing at them shows; nothing if empty.
        href: the run behind them.
        facets: of ``reports.html.facets``.
    """
    facts = attributes(facets) | {"said": said} | ({"data-href": href} if href else {})
    url = MARK + urlencode(facts)
    for artist in [artists] if isinstance(artists, Artist) else artists:
        artist.set_urls([url]) if isinstance(artist, Collection) else artist.set_url(url)


def _group(link: re.Match[str]) -> str:
    facts = dict(parse_qsl(unescape(link[1])))
    said = facts.pop("said", "")
    words = "".join(f' {name}="{escape(value)}"' for name, value in facts.items())
    return f'<g class="mark"{words}>' + f"<title>{escape(said)}</title>" * bool(said)


def inline(svg: str, label: str) -> str:
    """Prepare a matplotlib SVG for inclusion in a page.

    The XML head and metadata go (they name other sites), and so do styles, which would reach the page. Ids get a unique
    prefix; colours and font become the page's; the size follows the enclosing box; marks become groups.
    """
    prefix = f"f{crc32((label + svg).encode()):08x}-"
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    box = re.search(r'viewBox="([^"]+)"', svg)[1]
    svg = f'<svg viewBox="{box}" role="img" aria-label="{escape(label)}">' + svg[svg.index(">") + 1 :]
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}', svg)
    svg = svg.replace("url(#", f"url(#{prefix}")
    svg = re.sub(rf'<a xlink:href="{MARK}([^"]*)"[^>]*>', _group, svg).replace("</a>", "</g>")
    svg = re.sub(r"font: ([\d.]+px) [^;\"]+", r"font: \1 var(--sans)", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    return re.sub(r"\s*\n\s*", "\n", svg).strip()
