"""The map of the pairs of fields that act together."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from experiments.study.factorial import MOST_FIELDS
from experiments.twins import COLOURS
from reports.data.results import Results
from reports.html.blocks import Figure, Key, Panel
from reports.html.format import number
from reports.html.svg import FAINT, INK, draw
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Effects
from reports.pages.defaults.in_words import winner
from reports.statistics.equivalence import LEVEL
from reports.statistics.factorial import Effect

ROW = 0.34  # inches
NAMES_ABOVE = 3.6  # rows, for the columns' names


def figure(switches: Switches, effects: Effects, results: Results) -> Figure | None:
    """A square with its value for each pair of fields whose interval excludes zero, darker the larger; None if none."""
    names = [field.replace("_", " ") for field in switches.fields]
    shown = [pair for pair in effects.pairs if pair.estimate.excludes_zero]
    if not shown:
        return None
    words = [
        f"{names[first]} with {names[second]} {number(pair.estimate.value, sign=True)}"
        for pair in shown
        for first, second in [pair.fields]
    ]
    spoken = f"Pairs that act together in {switches.title}, {switches.unit}: {', '.join(words)}."
    height = (2.1 * 10.5 + 5) / 72 + ROW * (len(names) + NAMES_ABOVE)
    data = names, shown, 1 if switches.scored else 2
    svg = draw(_paint, data, spoken, names, width=5.0, height=height)
    keys = (Key("better together", "pytorch", "band"), Key("worse together", "tf2", "band"))
    caption = (
        f"Pairs of fields whose 95% interval excludes zero, after epoch {effects.epoch}: by how many {switches.unit} "
        "one field's effect changes, halved, when the other goes from Keras's default to PyTorch's. Better together: "
        f"two defaults of the same framework beat a mixture. Of {len(effects.pairs)} intervals about one in twenty "
        "excludes zero by chance; a frame marks those that hold beside all the others (Benjamini and Hochberg)."
    )
    href = results.links.runs(task=switches.task, cell=switches.cell)
    return Figure(caption, (Panel(switches.title, svg, spoken, href),), keys, href, kind="wide")


def _paint(axes: Axes, names: Sequence[str], shown: Sequence[Effect], digits: int) -> None:
    largest = max(abs(pair.estimate.value) for pair in shown)
    for pair in shown:
        for x, y in (pair.fields, pair.fields[::-1]):
            text = number(pair.estimate.value, digits, sign=True)
            _square(axes, (x, y), pair, abs(pair.estimate.value) / largest, text)
    fields = len(names)
    for place, name in enumerate(names):
        axes.text(place, -0.7, name, rotation=60, rotation_mode="anchor", ha="left", va="center", color=INK)
        axes.add_patch(Rectangle((place - 0.5, place - 0.5), 1, 1, color=FAINT, linewidth=0))
    for edge in range(fields + 1):
        axes.plot([-0.5, fields - 0.5], [edge - 0.5] * 2, color=FAINT, linewidth=0.8, zorder=0)
        axes.plot([edge - 0.5] * 2, [-0.5, fields - 0.5], color=FAINT, linewidth=0.8, zorder=0)
    axes.set(xlim=(-0.5, MOST_FIELDS + 0.9), ylim=(fields - 0.5, -0.5 - NAMES_ABOVE), xlabel="", ylabel="")
    axes.set_xticks([])
    axes.set_yticks(range(fields), names)
    axes.spines["bottom"].set_visible(False)


def _square(axes: Axes, place: tuple[int, int], pair: Effect, share: float, text: str) -> None:
    """Darker the larger; framed where the pair holds beside all others."""
    colour = COLOURS[winner(pair)]
    x, y = place
    corner = (x - 0.47, y - 0.47)
    axes.add_patch(Rectangle(corner, 0.94, 0.94, color=colour, alpha=0.12 + 0.48 * share, linewidth=0))
    if pair.differs <= LEVEL:
        axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=colour, linewidth=1.4))
    axes.text(x, y, text, ha="center", va="center_baseline", color=INK, fontsize=8.5)
