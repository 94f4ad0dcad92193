"""The dumbbells: each field's switch in from Keras's corner, out from PyTorch's, and over the design between them."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports.data.results import Results
from reports.html.blocks import Figure, Key, Panel
from reports.html.format import count, listed, n_of, number, plus_minus, significant
from reports.html.svg import FAINT, INK, LINE, WORDS, draw, mark
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Effects, Judged, ranked
from reports.pages.defaults.in_words import winner, within
from reports.statistics import Estimate
from reports.statistics.factorial import Effect

ROW = 0.34  # inches
HEAD = 0.9  # rows above the first field, for the headings
ROOM = 0.14  # of what is drawn, on each side: for the values
SIDES = {"tf2": "Keras's", "pytorch": "PyTorch's"}
Row = tuple[str, Effect, Effect | None, Effect | None]  # name, effect, alone from Keras's corner and from PyTorch's


def figure(setting: Judged, results: Results) -> Figure:
    """A panel for each epoch read; the fields in the last one's order."""
    return _figure(setting, setting.epochs, _caption(setting), results)


def summary(setting: Judged, results: Results) -> Figure:
    """The last epoch's panel with a short caption."""
    count = len(setting.last.main)
    caption = f"{_measure(setting)} The {count} intervals are simultaneous (95%). Grey: {within(setting.switches)}."
    return _figure(setting, [setting.last], caption, results)


def _figure(setting: Judged, epochs: Sequence[Effects], caption: str, results: Results) -> Figure:
    switches, order = setting.switches, ranked(setting.last.main)
    rows = [_rows(switches, each, order) for each in epochs]
    limits = _limits(switches, [row for part in rows for row in part])  # one scale: what shrinks is seen to shrink
    panels = tuple(_panel(switches, *each, limits, results) for each in zip(epochs, rows, strict=True))
    href = results.links.runs(task=switches.task, cell=switches.cell)
    return Figure(caption, panels, _keys(setting.last), href, kind="wide")


def _ringed(effects: Effects) -> bool:
    return bool(effects.over_design and (effects.from_keras or effects.from_pytorch))


def _keys(effects: Effects) -> tuple[Key, ...]:
    keys = [
        Key("PyTorch's default is better", "pytorch", "line"),
        Key("Keras's default is better", "tf2", "line"),
        Key("the interval includes zero", "ink", "line"),
    ]
    if _ringed(effects):
        keys += [Key("in from Keras's corner", "tf2", "ring"), Key("out from PyTorch's corner", "pytorch", "ring")]
    return tuple(keys)


def _measure(setting: Judged) -> str:
    switches = setting.switches
    measure = "points of test accuracy" if switches.scored else f"the factor by which the {switches.error} changes"
    over = setting.last.over_design
    where = "averaged over the settings of all other fields" if over else "all other fields left as they are"
    return f"What a field's PyTorch default does in place of Keras's, in {measure}, {where}; largest first."


def _caption(setting: Judged) -> str:
    switches, last = setting.switches, setting.last
    parts = [
        _measure(setting),
        f"The {count(len(last.main), 'interval')} of a panel are simultaneous at 95% (Student's t over seeds, each at "
        f"{number(100 - 5 / len(last.main), 2)}%: Bonferroni). Inside the grey band, {within(switches)}, an effect is "
        "too small to matter.",
    ]
    if _ringed(last):
        others = "all else that is switched" if switches.fixed else "all else"
        parts.append(
            f"The rings of a dumbbell are the same switch made alone: in from Keras's corner, where {others} is "
            f"Keras's, and out from PyTorch's, where {others} is PyTorch's. Far apart, the field acts with others."
        )
    if any(effect.together.excludes_zero != (effect.verdict == "moves") for effect in last.main):
        parts.append(
            f"Verdicts are Holm's over all {setting.family} effects of this page: near zero, one may differ from what "
            "an interval shows."
        )
    if switches.fixed:
        kept = (f"{name} ({SIDES['tf2' if owner == 'keras' else owner]})" for name, owner in switches.fixed.items())
        parts.append(f"Not switched: {listed(kept)}.")
    return " ".join(parts)


def _rows(switches: Switches, effects: Effects, order: Sequence[int]) -> list[Row]:
    """The fields in this order."""
    alone = [effects.from_keras, effects.from_pytorch] if effects.over_design else [[], []]
    return [
        (
            switches.fields[place].replace("_", " "),
            effects.main[place],
            *(each[place] if each else None for each in alone),
        )
        for place in order
    ]


def _panel(
    switches: Switches, effects: Effects, rows: list[Row], limits: tuple[float, float], results: Results
) -> Panel:
    title = f"after epoch {effects.epoch}, {n_of(effects.main[0].estimate.n)} seeds"
    values = ", ".join(f"{name} {number(effect.estimate.value, sign=True)}" for name, effect, *_ in rows)
    spoken = f"Effects in {switches.title}, {title}, {switches.unit}: {values}."
    height = (2.1 * 10.5 + 5) / 72 + ROW * (len(rows) + HEAD)
    names = [name for name, *_ in rows]
    href = results.links.runs(task=switches.task, cell=switches.cell)
    scale = Scale(switches.unit, switches.margin, switches.scored)
    svg = draw(_paint, (scale, rows, limits, href), spoken, names, width=5.0, height=height)
    return Panel(title, svg, spoken, href)


class Scale(NamedTuple):
    """What the horizontal axis measures: points of accuracy where the outcome is scored, else a logarithm."""

    unit: str
    margin: float  # within which a difference does not matter
    scored: bool


def _paint(axes: Axes, scale: Scale, rows: Sequence[Row], limits: tuple[float, float], href: str | None) -> None:
    low, high = limits
    axes.fill_betweenx([-0.5, len(rows) - 0.5], -scale.margin, scale.margin, color=FAINT, linewidth=0)
    axes.plot([0, 0], [-0.5, len(rows) - 0.5], color=INK, linewidth=0.6)
    for place, row in enumerate(rows):
        _dumbbell(axes, place, row, scale.unit, href)
        _value(axes, scale, place, row)
    shared = {"va": "center", "weight": "bold"}
    axes.text(low, -0.5 - HEAD / 2, "◀ Keras's better", color=WORDS["tf2"], ha="left", **shared)
    axes.text(high, -0.5 - HEAD / 2, "PyTorch's better ▶", color=WORDS["pytorch"], ha="right", **shared)
    axes.set(xlim=(low, high), ylim=(len(rows) - 0.5, -0.5 - HEAD), xlabel="", ylabel="")
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    axes.set_xticks(ticks, [_tick(scale, tick) for tick in ticks])


def _reach(row: Row) -> list[float]:
    """Where a row's interval and rings lie."""
    _, effect, *alone = row
    together = effect.together
    ends = [together.low, together.high] if together.known else [together.value]
    return ends + [each.estimate.value for each in alone if each]


def _limits(switches: Switches, rows: Sequence[Row]) -> tuple[float, float]:
    """What must be seen, and room for the values on both sides."""
    values = [-switches.margin, switches.margin, *(value for row in rows for value in _reach(row))]
    room = ROOM * (max(values) - min(values))
    return min(values) - room, max(values) + room


def _tick(scale: Scale, value: float) -> str:
    """A number of points; of errors the factor, PyTorch's over Keras's."""
    return number(value, 1 if value % 1 else 0, sign=True) if scale.scored else f"×{significant(10**-value, 2)}"


def _dumbbell(axes: Axes, place: int, row: Row, unit: str, href: str | None) -> None:
    """The rings below, joined by a line; the effect between them, above."""
    field, effect, *alone = row
    ends = [(each.estimate, colour) for each, colour in zip(alone, ("tf2", "pytorch"), strict=True) if each]
    below = place + 0.24 * bool(ends)
    axes.plot([each.value for each, _ in ends], [below] * len(ends), color=LINE, linewidth=1.4, zorder=2)
    for each, colour in ends:
        ring = axes.plot(each.value, below, "o", color=COLOURS[colour], fillstyle="none", markersize=5, zorder=3)
        mark(ring, f"{field}, from {SIDES[colour]} corner: {_told(each, unit)}", href)
    together, above = effect.together, place - 0.14 * bool(ends)
    colour = COLOURS[winner(effect)] if together.excludes_zero else INK
    if together.known:
        axes.plot([together.low, together.high], [above] * 2, color=colour, linewidth=2.6, zorder=4)
    dot = axes.plot(together.value, above, "o", color=colour, markersize=6.5, zorder=5)
    mark(dot, f"{field}: {_told(together, unit)}", href)


def _told(estimate: Estimate, unit: str) -> str:
    return f"{plus_minus(estimate, sign=True)} {unit}, {n_of(estimate.n)} seeds"


def _value(axes: Axes, scale: Scale, place: int, row: Row) -> None:
    """Beside the row, on the side of the better default: by how much, where the interval tells."""
    effect = row[1]
    if not effect.together.excludes_zero:
        return
    right, value = winner(effect) == "pytorch", abs(effect.together.value)
    text = number(value, 1) if scale.scored else f"÷{number(10**value, 2)}"
    end, gap, align = (max, 6, "left") if right else (min, -6, "right")
    style = {"ha": align, "va": "center", "weight": "bold", "color": WORDS[winner(effect)]}
    axes.annotate(text, (end(_reach(row)), place), (gap, 0), textcoords="offset points", **style)
