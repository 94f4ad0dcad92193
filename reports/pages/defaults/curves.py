"""Learning curves of the two switches with the largest effects."""

from typing import NamedTuple

from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports import statistics
from reports.data.results import Results
from reports.html.blocks import Figure, Key, Panel
from reports.html.format import n_of, number, plus_minus
from reports.html.svg import draw, mark
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Judged, levels
from reports.pages.defaults.in_words import NAMES
from reports.statistics import Estimate

SHOWN = 2
MOST_TICKS = 10
OWNERS = {"tf2": "Keras's", "pytorch": "PyTorch's"}


class Point(NamedTuple):
    """Both levels' mean accuracy after one epoch, in per cent."""

    epoch: int
    keras: Estimate
    pytorch: Estimate


def curve(switches: Switches, place: int) -> list[Point]:
    """One field's levels, epoch by epoch, where two seeds are there."""
    points = []
    for epoch in sorted(switches.rows.epoch.unique()):
        outcomes = levels(switches, place, epoch)
        if len(outcomes) > 1:
            points.append(Point(int(epoch), *(statistics.mean(level) for level in outcomes.T)))
    return points


def telling(setting: Judged) -> list[int]:
    """The fields' places, first the one with the largest effect after any of the epochs read."""
    sizes = [
        max(abs(each.main[place].estimate.value) for each in setting.epochs) for place in range(len(setting.last.main))
    ]
    return sorted(range(len(sizes)), key=lambda place: -sizes[place])


def figure(setting: Judged, results: Results) -> Figure | None:
    """A panel for each of the two largest effects; None without two epochs of accuracies over two seeds."""
    switches, places = setting.switches, telling(setting)[:SHOWN]
    if not switches.scored or switches.last < 2 or not all(curve(switches, place) for place in places):
        return None
    over = "the mean over the design's arms" if switches.design is not None else "all other fields left as they are"
    panels = tuple(_panel(switches, place, results) for place in places)
    caption = (
        f"Test accuracy, %, by epoch, of the two defaults with the largest effects after any epoch read: {over} with "
        f"the field at Keras's level and at PyTorch's. Bands: 95% t intervals over {setting.last.main[0].estimate.n} "
        "seeds. What a seed does to both levels alike widens both bands and leaves their difference, which the panels "
        "above show, untouched."
    )
    keys = (Key("Keras's default", "tf2", "line"), Key("PyTorch's default", "pytorch", "line"))
    keys += (Key("95% interval", "faint", "band"),)
    return Figure(caption, panels, keys, results.links.runs(task=switches.task, cell=switches.cell), kind="wide")


def _panel(switches: Switches, place: int, results: Results) -> Panel:
    field, points = switches.fields[place], curve(switches, place)
    _, keras, pytorch = NAMES[field]
    title = f"Keras's {keras}, PyTorch's {pytorch}"
    said = "; ".join(
        f"epoch {point.epoch} {number(point.keras.value, 1)} and {number(point.pytorch.value, 1)}%" for point in points
    )
    spoken = f"Test accuracy in {switches.title} with Keras's and with PyTorch's {field.replace('_', ' ')}: {said}."
    svg = draw(_paint, (points,), spoken, width=5.0, height=2.5)
    return Panel(title, svg, spoken, results.links.runs(task=switches.task, cell=switches.cell))


def _paint(axes: Axes, points: list[Point]) -> None:
    epochs = [point.epoch for point in points]
    for colour, level in (("tf2", [each.keras for each in points]), ("pytorch", [each.pytorch for each in points])):
        low, high = ([getattr(each, end) for each in level] for end in ("low", "high"))
        axes.fill_between(epochs, low, high, color=COLOURS[colour], alpha=0.15, linewidth=0)
        axes.plot(epochs, [each.value for each in level], color=COLOURS[colour])
        for epoch, each in zip(epochs, level, strict=True):
            said = f"{OWNERS[colour]} default, epoch {epoch}: {plus_minus(each)}%, {n_of(each.n)} seeds"
            mark(axes.plot(epoch, each.value, "o", color=COLOURS[colour], markersize=4), said)
    axes.set(xlabel="epoch", ylabel="")
    axes.set_xticks(epochs if len(epochs) <= MOST_TICKS else epochs[:: -(-len(epochs) // 8)])
    axes.grid(axis="y")
