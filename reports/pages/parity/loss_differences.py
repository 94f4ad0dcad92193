"""Rung 4, drawn: how far the training losses of two implementations differ, step by step."""

import pandas as pd
import seaborn
from matplotlib.axes import Axes

from experiments.parity.tolerances import TRAINED
from reports.data.cached import cached_by_fields
from reports.data.comparable import CELLS, ordered
from reports.data.results import Recorded, Results
from reports.html.blocks import Figure, Key, Panel, Prose, Section
from reports.html.format import significant
from reports.html.svg import BAD, INK, draw
from reports.pages.parity.rungs import DTYPES

FLOOR = 1e-17  # where equal losses are drawn: zero has no logarithm
TICKS = (1e-16, 1e-12, 1e-8, 1e-4)


def relative_differences(checks: tuple[Recorded, ...]) -> pd.DataFrame:
    """|a − b| / |b| for each variant, dtype and step: the largest over forms, conventions and pairs."""
    rows = [
        (recorded.job.spec.variant, recorded.job.spec.training.dtype, step, abs(a - b) / abs(b))
        for recorded in checks
        for pair in recorded.job.pairs
        for step, (a, b) in enumerate(zip(*_losses(recorded, pair)), 1)  # noqa: B905
        if a is not None and b
    ]
    differences = pd.DataFrame(rows, columns=["cell", "dtype", "step", "difference"])
    largest = differences.groupby(["cell", "dtype", "step"], sort=False).difference.max()
    return largest.clip(lower=FLOOR).reset_index()


def _losses(recorded: Recorded, pair: tuple[str, str]) -> list[list[float | None]]:
    losses = recorded.record.get("losses", {})
    return [losses.get(framework, []) for framework in pair]


@cached_by_fields("checks", "check_links")
def section(results: Results) -> Section:
    """A panel for each cell."""
    differences = relative_differences(results.checks)
    if differences.empty:
        return Section("losses", "Rung 4, step by step", (Prose("No check has recorded its losses.", "missing"),))
    return Section("losses", "Rung 4, step by step", (_figure(differences, results),))


def _figure(differences: pd.DataFrame, results: Results) -> Figure:
    cells = ordered(differences.cell, CELLS)
    panels = tuple(_panel(cell, differences[differences.cell == cell], results) for cell in cells)
    return Figure(
        f"Relative difference of two losses over {differences.step.max()} training steps, on a logarithmic scale: at "
        "each step the largest "
        "over all pairs, forms and conventions. A line that rises slowly is rounding, amplified by training; a "
        "different update rule would jump at once. Equal losses are drawn at the bottom.",
        panels,
        (
            Key("float64", "ink", "line"),
            Key("float32", "ink", "dash"),
            *(Key(f"tolerance, {dtype}: {significant(TRAINED[dtype].rtol, 1)}", "bound", "dash") for dtype in DTYPES),
        ),
        results.check_links.checks(),
    )


def _panel(cell: str, rows: pd.DataFrame, results: Results) -> Panel:
    largest = rows.groupby("dtype", sort=False).difference.max()
    parts = " and ".join(f"{significant(value, 1)} in {dtype}" for dtype, value in largest.items())
    spoken = f"Losses of {cell}: the largest relative difference is {parts}."
    facets = {"cell": rows.cell.iloc[0].partition("+")[0]}
    svg = draw(_paint, (rows,), spoken, ("1·10⁻¹⁶",))
    return Panel(cell.replace("+", ", "), svg, spoken, results.check_links.checks(**facets), facets)


def _paint(axes: Axes, rows: pd.DataFrame) -> None:
    dashes = {"float64": "", "float32": (2.2, 1.6)}
    shared = {"style": "dtype", "style_order": DTYPES, "dashes": dashes, "estimator": None, "legend": False}
    seaborn.lineplot(rows, x="step", y="difference", color=INK, lw=1, ax=axes, **shared)
    for dtype in DTYPES:
        axes.axhline(TRAINED[dtype].rtol, color=BAD, linewidth=1, linestyle=(0, (4, 2)))
    axes.set(yscale="log", ylim=(FLOOR / 3, max(1e-2, 3 * rows.difference.max())), xlabel="step", ylabel="")
    axes.set_yticks(TICKS, [significant(tick, 1) for tick in TICKS])
    axes.minorticks_off()
    axes.grid(axis="y")
