"""The control for float32: how far a framework parts from itself when its initial weights move by one last place."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from experiments.twins import COLOURS, TWINS
from reports.data.cached import cached_by_fields
from reports.data.comparable import CELLS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import NONE, name, number, significant
from reports.html.svg import INK, draw

TITLE = "Do the twins diverge more than rounding alone explains?"
FLOOR = 1e-9  # where equal losses are drawn: zero has no logarithm
TICKS = (1e-8, 1e-6, 1e-4, 1e-2)
QUESTION = (
    "In float32 two correct implementations round differently, and training amplifies that. The control is one "
    "framework against itself, with each initial weight moved up by one unit in the last place (about 6 parts in "
    "10⁸): same code, same batches, same dropout masks. Twins that part no further than this are equal up to rounding."
)
HELPED = (
    "One choice helped the agreement that this study shows elsewhere: it trains {cells} at a learning rate of {rates} "
    "in place of the sources' {usual}, where training is chaotic enough to amplify the last bit. Both rates are here."
)


class Control(NamedTuple):
    """The losses of one cell at one learning rate; each array ``(steps,)`` of relative differences."""

    cell: str
    rate: float
    twins: np.ndarray  # TensorFlow 2 against PyTorch
    own: dict[str, np.ndarray]  # each framework against itself, its weights moved


def controls(results: Results) -> list[Control]:
    """Each cell and learning rate that both twins have measured, cells in the usual order, rates falling."""
    keys = {(cell, rate) for cell, rate, _ in results.rounding}
    whole = [key for key in keys if all((*key, twin) in results.rounding for twin in TWINS)]
    cells = ordered((cell for cell, _ in whole), CELLS)
    return [_control(results, *key) for key in sorted(whole, key=lambda key: (cells.index(key[0]), -key[1]))]


def _control(results: Results, cell: str, rate: float) -> Control:
    losses = {twin: results.rounding[cell, rate, twin]["losses"] for twin in TWINS}
    own = {twin: _difference(losses[twin]["1"], losses[twin]["0"]) for twin in TWINS}
    return Control(cell, rate, _difference(*(losses[twin]["0"] for twin in TWINS)), own)


def _difference(first: Sequence[float], second: Sequence[float]) -> np.ndarray:
    """|a − b| over |b|, step by step."""
    a, b = np.asarray(first, float), np.asarray(second, float)
    return np.abs(a - b) / np.abs(b)


@cached_by_fields("rounding", "check_links")
def section(results: Results) -> Section:
    """The question, a panel for each cell and rate, and the largest differences."""
    made = controls(results)
    if not made:
        return Section("rounding", TITLE, (Prose(QUESTION), Prose("Not measured yet in both frameworks.", "missing")))
    blocks: list[Block] = [Prose(QUESTION), *_helped(made), _figure(made, results), _table(made, results)]
    return Section("rounding", TITLE, tuple(blocks))


def _helped(made: list[Control]) -> list[Prose]:
    """Says which cells the study trains at a lower rate than the sources."""
    lowered = [low for high, low in pairwise(made) if high.cell == low.cell]
    if not lowered:
        return []
    cells, rates = (
        ", ".join(dict.fromkeys(values)) for values in zip(*((c.cell, f"{c.rate:g}") for c in lowered), strict=True)
    )
    return [Prose(HELPED.format(cells=cells, rates=rates, usual=f"{max(c.rate for c in made):g}"))]


def _figure(made: list[Control], results: Results) -> Figure:
    return Figure(
        "Relative difference of two training losses, step by step, on a logarithmic scale. The black line is "
        "TensorFlow 2 against PyTorch; the coloured ones are a framework against itself with moved weights. The black "
        "line should not rise above the coloured ones.",
        tuple(_panel(each, results) for each in made),
        (
            Key("TensorFlow 2 against PyTorch", "ink", "line"),
            *(Key(f"{name(twin)} against itself, weights moved", twin, "dash") for twin in TWINS),
        ),
        results.check_links.measured("rounding"),
    )


def _panel(control: Control, results: Results) -> Panel:
    title = f"{control.cell} at {control.rate:g}"
    own = ", ".join(f"{name(twin)} {significant(values.max(), 1)}" for twin, values in control.own.items())
    spoken = f"{title}: the twins' largest difference is {significant(control.twins.max(), 1)}; against itself: {own}."
    href = results.check_links.measured("rounding", cell=control.cell)
    return Panel(title, draw(_paint, (control,), spoken, ("1·10⁻⁸",)), spoken, href, {"cell": control.cell})


def _paint(axes: Axes, control: Control) -> None:
    steps = np.arange(1, len(control.twins) + 1)
    for twin, values in control.own.items():
        axes.plot(steps, np.maximum(values, FLOOR), color=COLOURS[twin], lw=1.2, linestyle=(0, (3, 1.5)))
    axes.plot(steps, np.maximum(control.twins, FLOOR), color=INK, lw=1.1)
    top = max(values.max() for values in (control.twins, *control.own.values()))
    axes.set(yscale="log", ylim=(FLOOR / 2, max(3e-2, 3 * top)), xlabel="step", ylabel="")
    axes.set_yticks(TICKS, [significant(tick, 1) for tick in TICKS])
    axes.minorticks_off()
    axes.grid(axis="y")


def _table(made: list[Control], results: Results) -> Table | Details:
    columns = ["Cell", Column("Learning rate", True), Column("Steps", True), Column("Twins", True)]
    columns += [Column(f"{name(twin)} against itself", True, twin) for twin in TWINS]
    columns += [Column("Twins over control", True), "Reading"]
    return Table.of(
        "Largest relative difference of the losses over the steps; one seed, float32, Keras's conventions. The last "
        "but one column divides the twins' by the larger of the two controls'.",
        columns,
        [_row(each) for each in made],
        results.check_links.measured("rounding"),
    ).agreed("Reading", "rows")


def _row(control: Control) -> list[Cell]:
    largest = [control.twins.max(), *(values.max() for values in control.own.values())]
    bound = max(largest[1:])
    ratio = largest[0] / bound if bound else float("nan")
    return [
        Cell(control.cell, kind="code"),
        Cell(f"{control.rate:g}", control.rate),
        Cell(str(len(control.twins)), len(control.twins)),
        *(Cell(significant(value, 2), value) for value in largest),
        Cell(number(ratio, 2), ratio) if bound else Cell(NONE, kind="quiet"),
        Cell("equal up to rounding", kind="good")
        if largest[0] <= bound
        else Cell("further than the control", kind="bad"),
    ]
