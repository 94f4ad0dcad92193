"""The ladder's fourth rung, drawn: how far two losses part, step by step."""

import pandas as pd
import seaborn

from experiments.parity.tolerances import TRAINED
from reports.data.comparable import CELLS, ordered
from reports.data.results import RecordedCheck, Results
from reports.html.blocks import Figure, Key, Panel, Prose, Section
from reports.html.format import significant
from reports.html.svg import BAD, INK, draw

DTYPES = ("float64", "float32")
FLOOR = 1e-17  # where equal losses are drawn: a logarithm has no place for zero
TICKS = (1e-16, 1e-12, 1e-8, 1e-4)


def gaps(checks: tuple[RecordedCheck, ...]) -> pd.DataFrame:
    """|a − b| / |b| for each variant, dtype and step: the largest of its forms, conventions and pairs."""
    rows = [
        (each.check.spec.variant, each.check.spec.training.dtype, step, abs(a - b) / abs(b))
        for each in checks
        for left, right in each.check.pairs
        for step, (a, b) in enumerate(zip(*(each.record.get("losses", {}).get(x, ()) for x in (left, right))), 1)  # noqa: B905
        if a is not None and b
    ]
    found = pd.DataFrame(rows, columns=["cell", "dtype", "step", "gap"])
    return found.groupby(["cell", "dtype", "step"], sort=False).gap.max().clip(lower=FLOOR).reset_index()


def section(results: Results) -> Section:
    """A panel for each cell."""
    found = gaps(results.checks)
    if found.empty:
        return Section("losses", "Rung 4, step by step", (Prose("No check has recorded its losses.", "missing"),))
    return Section("losses", "Rung 4, step by step", (_figure(found, results),))


def _figure(found: pd.DataFrame, results: Results) -> Figure:
    panels = tuple(_panel(cell, found[found.cell == cell], results) for cell in ordered(found.cell, CELLS))
    return Figure(
        "Relative difference of two losses over 200 training steps, on a logarithmic scale: at each step the largest "
        "of all pairs, forms and conventions. A line that creeps up is rounding, amplified by training; a different "
        "rule would jump to the top at once. Equal losses are drawn at the foot.",
        panels,
        (
            Key("float64", "ink", "line"),
            Key("float32", "ink", "dash"),
            *(Key(f"bound, {dtype}: {significant(TRAINED[dtype].rtol, 1)}", "bound", "dash") for dtype in DTYPES),
        ),
        results.check_links.checks(),
    )


def _panel(cell: str, rows: pd.DataFrame, results: Results) -> Panel:
    def paint(axes) -> None:
        dashes = {"float64": "", "float32": (2.2, 1.6)}
        shared = {"style": "dtype", "style_order": DTYPES, "dashes": dashes, "estimator": None, "legend": False}
        seaborn.lineplot(rows, x="step", y="gap", color=INK, lw=1, ax=axes, **shared)
        for dtype in DTYPES:
            axes.axhline(TRAINED[dtype].rtol, color=BAD, linewidth=1, linestyle=(0, (4, 2)))
        axes.set(yscale="log", ylim=(FLOOR / 3, max(1e-2, 3 * rows.gap.max())), xlabel="step", ylabel="")
        axes.set_yticks(TICKS, [significant(tick, 1) for tick in TICKS])
        axes.minorticks_off()
        axes.grid(axis="y")

    largest = rows.groupby("dtype", sort=False).gap.max()
    parts = " and ".join(f"{significant(value, 1)} in {dtype}" for dtype, value in largest.items())
    spoken = f"Losses of {cell}: the largest relative difference is {parts}."
    return Panel(
        cell.replace("+", ", "),
        draw(paint, spoken, ("1·10⁻¹⁶",)),
        spoken,
        results.check_links.checks(cell=rows.cell.iloc[0].partition("+")[0]),
    )
