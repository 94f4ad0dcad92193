"""The charts: each field's effect with its interval, and the same alone, in from either corner."""

from collections.abc import Sequence

from experiments.twins import COLOURS
from reports.data.results import Results
from reports.html.blocks import Figure, Key, Panel
from reports.html.format import number
from reports.html.svg import FAINT, INK, draw
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Effects, ranked
from reports.statistics.factorial import Effect

ROW = 0.3  # inches


def figure(switches: Switches, epochs: Sequence[Effects], results: Results) -> Figure:
    """A panel for each epoch read; the fields in the last one's order."""
    order = ranked(epochs[-1].main)
    corners = any(each.from_keras and each.from_pytorch for each in epochs)
    keys = [Key("effect, 95% interval", "ink", "line")]
    keys += [Key("alone, all else Keras's", "tf2"), Key("alone, all else PyTorch's", "pytorch")] * corners
    more = "above zero PyTorch's convention scores higher" if switches.scored else "below zero PyTorch's errs less"
    return Figure(
        f"What switching one field from Keras's convention to PyTorch's changes, in {switches.unit}: {more}. Largest "
        f"first. The grey band is ±{number(switches.margin, 1)}: an effect inside it is too small to matter.",
        tuple(_panel(switches, each, order, results) for each in epochs if each.main),
        tuple(keys),
        results.links.runs(task=switches.task, cell=switches.cell),
    )


def _panel(switches: Switches, effects: Effects, order: Sequence[int], results: Results) -> Panel:
    names = [switches.fields[place].replace("_", " ") for place in order]

    def paint(axes) -> None:
        axes.axvspan(-switches.margin, switches.margin, color=FAINT, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.6)
        for shift, kind, alone in ((-0.2, "tf2", effects.from_keras), (0.2, "pytorch", effects.from_pytorch)):
            if alone and effects.over_design:
                _dots(axes, [alone[place] for place in order], shift, COLOURS[kind])
        _dots(axes, [effects.main[place] for place in order], 0.0, INK, 1.8)
        axes.set(ylim=(len(order) - 0.5, -0.5), xlabel="", ylabel="")
        axes.set_yticks(range(len(order)), names)

    title = f"{switches.cell}, after epoch {effects.epoch}"
    values = ", ".join(
        f"{name} {number(effects.main[place].estimate.value, sign=True)}"
        for name, place in zip(names, order, strict=True)
    )
    spoken = f"Effects in {title}, {switches.unit}: {values}."
    svg = draw(paint, spoken, names, width=4.6, height=0.7 + ROW * len(order))
    return Panel(title, svg, spoken, results.links.runs(task=switches.task, cell=switches.cell))


def _dots(axes, effects: Sequence[Effect], shift: float, colour: str, width: float = 1.0) -> None:
    for place, effect in enumerate(effects):
        estimate = effect.estimate
        if estimate.known:
            axes.plot([estimate.low, estimate.high], [place + shift] * 2, color=colour, linewidth=width)
        axes.plot(estimate.value, place + shift, "o", color=colour, markersize=4)


def pair_map(switches: Switches, effects: Effects, results: Results) -> Figure:
    """A square for each pair of fields whose interval excludes zero, its area the effect's size."""
    names = [field.replace("_", " ") for field in switches.fields]
    shown = [pair for pair in effects.pairs if pair.estimate.excludes_zero]
    largest = max((abs(pair.estimate.value) for pair in shown), default=1.0)

    def paint(axes) -> None:
        for pair in shown:
            value = pair.estimate.value
            side, colour = 12 * (abs(value) / largest) ** 0.5, COLOURS["pytorch" if value > 0 else "tf2"]
            for x, y in (pair.fields, pair.fields[::-1]):
                axes.plot(x, y, "s", color=colour, markersize=side)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="", ylabel="")
        axes.set_xticks(range(len(names)), [name[0:3] for name in names])
        axes.set_yticks(range(len(names)), names)
        axes.grid()

    words = [
        f"{names[first]} with {names[second]} {number(pair.estimate.value, sign=True)}"
        for pair in shown
        for first, second in [pair.fields]
    ]
    spoken = f"Pairs that act together in {switches.cell}, {switches.unit}: {', '.join(words) or 'none'}."
    panel = Panel(switches.cell, draw(paint, spoken, names, width=4.6, height=0.8 + ROW * len(names)), spoken)
    keys = (Key("together they score higher", "pytorch"), Key("together they score lower", "tf2"))
    caption = (
        f"Pairs of fields whose 95% interval excludes zero, after epoch {effects.epoch}; the largest square is "
        f"{number(largest, 1)} {switches.unit}. Of {len(effects.pairs)} intervals about one in twenty excludes zero by "
        "chance: the table says which hold beside the others."
    )
    return Figure(caption, (panel,), keys, results.links.runs(task=switches.task, cell=switches.cell))
