"""The chart: what each trap costs, errors on a logarithmic axis, points of accuracy and ratios of times apart."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from experiments.traps.trap import MEANINGFUL
from experiments.twins import COLOURS, TWINS
from reports.data.results import Results
from reports.html.blocks import Figure, Key, Panel
from reports.html.format import name, number, significant
from reports.html.svg import FAINT, INK, draw
from reports.pages.traps.costs import Cost, Port

ROW = 0.27  # inches
TICKS = (1e-8, 1e-6, 1e-4, 1e-2, 1.0)
RANGE = (3e-9, 30.0)
RATIOS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
SHIFT = {"tf2": -0.12, "pytorch": 0.12}  # rows, so that neither dot hides the other


def figure(errors: Sequence[Cost], scored: Sequence[Cost], timed: Sequence[Cost], results: Results) -> Figure:
    """A panel for the errors, one for the accuracies and one for the times, each where there are any."""
    panels = [made(costs) for made, costs in ((_errors, errors), (_points, scored), (_ratios, timed)) if costs]
    return Figure(
        "What the naive port costs, the costliest first. An error is the largest difference from the original's "
        "numbers, as a share of their largest: at 1 it is as large as the output itself. Left of the grey line nothing "
        "is wrong.",
        tuple(panels),
        tuple(Key(f"ported into {name(twin)}", twin) for twin in TWINS),
        results.trap_links.measured("trap"),
    )


def _errors(costs: Sequence[Cost]) -> Panel:
    return _panel("Errors of the output", costs, _paint_errors, lambda port: significant(port.naive, 2))


def _paint_errors(axes: Axes, costs: Sequence[Cost]) -> None:
    axes.axvline(MEANINGFUL, color=FAINT, linewidth=1.2)
    for row, cost in enumerate(costs):
        for port in cost.ports:
            place = min(max(port.naive, RANGE[0] * 2), RANGE[1])
            axes.plot(place, row + SHIFT[port.into], "o", color=COLOURS[port.into], markersize=5)
    axes.set(xscale="log", xlim=RANGE, xlabel="largest error, as a share", ylabel="")
    axes.set_xticks(TICKS, [significant(tick, 1) for tick in TICKS])
    axes.minorticks_off()
    _rows(axes, costs)


def _points(costs: Sequence[Cost]) -> Panel:
    return _panel("Accuracy", costs, _paint_points, lambda port: f"{number(port.moved.value, 1)} points")


def _paint_points(axes: Axes, costs: Sequence[Cost]) -> None:
    axes.axvline(0, color=INK, linewidth=0.6)
    for row, cost in enumerate(costs):
        for port in cost.ports:
            at, colour = row + SHIFT[port.into], COLOURS[port.into]
            axes.plot([port.moved.low, port.moved.high], [at] * 2, color=colour, linewidth=1.4)
            axes.plot(port.moved.value, at, "o", color=colour, markersize=5)
    axes.set(xlabel="points of accuracy, naive − right, 95% interval", ylabel="")
    _rows(axes, costs)


def _ratios(costs: Sequence[Cost]) -> Panel:
    return _panel("Time", costs, _paint_ratios, lambda port: f"{significant(port.slower.ratio.value, 2)} times as long")


def _paint_ratios(axes: Axes, costs: Sequence[Cost]) -> None:
    axes.axvline(1, color=INK, linewidth=0.6)
    for row, cost in enumerate(costs):
        for port in cost.ports:
            at, colour, ratio = row + SHIFT[port.into], COLOURS[port.into], port.slower.ratio
            axes.plot([ratio.low, ratio.high], [at] * 2, color=colour, linewidth=1.4)
            axes.plot(ratio.value, at, "o", color=colour, markersize=5)
    axes.set(xscale="log", xlim=(RATIOS[0] / 1.4, RATIOS[-1]), xlabel="naive ÷ right, 95% interval", ylabel="")
    axes.set_xticks(RATIOS, [significant(tick, 2) for tick in RATIOS])
    axes.minorticks_off()
    _rows(axes, costs)


def _rows(axes: Axes, costs: Sequence[Cost]) -> None:
    axes.set_ylim(len(costs) - 0.5, -0.5)
    axes.set_yticks(range(len(costs)), [_label(cost) for cost in costs])
    axes.grid(axis="y")


def _label(cost: Cost) -> str:
    return cost.trap.name.replace("_", " ")


def _panel(title: str, costs: Sequence[Cost], paint, in_words) -> Panel:
    def spoken(port: Port) -> str:
        return f"{name(port.into)} {in_words(port)}"

    values = "; ".join(f"{_label(cost)}: {', '.join(map(spoken, cost.ports))}" for cost in costs)
    label = f"{title}, naive ports into each framework: {values}."
    labels = [_label(cost) for cost in costs]
    return Panel(title, draw(paint, (costs,), label, labels, width=5.0, height=0.75 + ROW * len(costs)), label)
