"""How far back each cell's gradient reaches: norms of ∂s_T/∂s_t, from the reference and from both autodiffs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn
from matplotlib.axes import Axes

from experiments.twins import COLOURS, REFERENCE, TWINS
from reports.data.cached import cached_by_fields
from reports.data.comparable import CELLS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Figure, Key, Panel, Points, Prose, Section
from reports.html.format import count, listed, name, significant
from reports.html.svg import INK, draw

STAGES = ("start", "trained")
FLOOR = 1e-18  # far below the rounding of a float64 gradient of size 1
DASHES = {"start": (2.2, 1.6), "trained": ""}
TITLE = "Gradients through time"
EXPLANATION = (
    Prose(
        "A loss at the last step T depends on the state at an earlier step t through a product of Jacobians, "
        "∂h_T/∂h_t = ∂h_T/∂h_(T−1) · … · ∂h_(t+1)/∂h_t (Pascanu et al. 2013). If their norms lie below 1, the "
        "product vanishes, and nothing can be learnt from early words; if above 1, it explodes. An LSTM's cell state "
        "also has a path without squashing, ∂c_t/∂c_(t−1) = f plus the path through h, so its gradient decays as the "
        "forget gate sets; a GRU's update gate keeps the share z of the old state."
    ),
    Prose(
        "Shown is the Frobenius norm over √size, which makes that of ∂h_T/∂h_T equal to 1: the geometric mean over the "
        "first two test reviews, in the first recurrent layer, in float64, under Keras's conventions."
    ),
)


@cached_by_fields("gradient_norms", "check_links")
def section(results: Results) -> Section:
    """What is measured, a panel for each cell, and the numbers at the furthest step."""
    norms = frame(results.gradient_norms)
    if norms.empty:
        text = "Not measured yet: this needs a trained trial of each cell under Keras's conventions, on tokens."
        return Section("gradient-norms", TITLE, (Prose(text, "missing"),))
    blocks = (*EXPLANATION, _figure(norms, results), _furthest(norms), *_agreement(norms))
    return Section("gradient-norms", TITLE, blocks)


def frame(recorded: Mapping[tuple[str, str], Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each cell, framework, stage, state and step; ``back`` counts the steps back from the end."""
    rows = [
        (cell, framework, stage, state, len(of_steps) - 1 - step, norm)
        for (cell, framework), record in recorded.items()
        for stage in STAGES
        for state, of_steps in record[stage].items()
        for step, norm in enumerate(of_steps)
    ]
    return pd.DataFrame(rows, columns=["cell", "framework", "stage", "state", "back", "norm"])


def _furthest(norms: pd.DataFrame) -> Points:
    """The norm at the furthest step, cell by cell."""
    items = []
    for cell in ordered(norms.cell, CELLS):
        rows = norms[norms.cell == cell]
        furthest = rows[rows.back == rows.back.max()].drop_duplicates(["stage", "state"])
        left = {(row.state, row.stage): significant(row.norm, 1) for row in furthest.itertuples()}
        states = dict.fromkeys(state for state, _ in left)
        parts = (
            f"{state} {left[state, 'start']} before and {left[state, 'trained']} after training" for state in states
        )
        items.append(f"{cell}, {rows.back.max()} steps back: {'; '.join(parts)}.")
    return Points(tuple(items))


def _figure(norms: pd.DataFrame, results: Results) -> Figure:
    cells = ordered(norms.cell, CELLS)
    return Figure(
        "The gradient's norm by the number of steps back, on a logarithmic scale. Dashed before training, solid after "
        "it. Where a line falls, the cell forgets; where it stays level, the cell remembers.",
        tuple(_panel(cell, norms[norms.cell == cell], results) for cell in cells),
        (
            Key("h, before training", "ink", "dash"),
            Key("h, after training", "ink", "line"),
            Key("c, before training", "tf2", "dash"),
            Key("c, after training", "tf2", "line"),
        ),
        results.check_links.measured("horizon"),
    )


def _panel(cell: str, rows: pd.DataFrame, results: Results) -> Panel:
    shown = ordered(rows.framework, (REFERENCE, *TWINS))[0]
    lines = rows[rows.framework == shown].assign(norm=lambda part: part.norm.clip(lower=FLOOR))

    furthest = lines[lines.back == lines.back.max()]
    parts = [f"{row.state} {significant(row.norm, 1)} ({row.stage})" for row in furthest.itertuples()]
    spoken = f"{cell}: {lines.back.max()} steps back, the norm is {listed(parts)}."
    href = results.check_links.measured("horizon", cell=cell)
    return Panel(cell, draw(_paint, (lines,), spoken, ("10⁻¹⁸",)), spoken, href, {"cell": cell})


def _paint(axes: Axes, lines: pd.DataFrame) -> None:
    shared = {"style": "stage", "dashes": DASHES, "estimator": None, "legend": False, "lw": 1.3}
    for state, colour in (("h", INK), ("c", COLOURS["tf2"])):
        if len(part := lines[lines.state == state]):
            seaborn.lineplot(part, x="back", y="norm", color=colour, ax=axes, **shared)
    axes.set(yscale="log", xlabel="steps back", ylabel="")
    axes.set_ylim(min(lines.norm.min() / 3, 1e-2), max(lines.norm.max() * 3, 3))
    axes.minorticks_off()
    axes.grid(axis="y")


def _agreement(norms: pd.DataFrame) -> tuple[Block, ...]:
    """The largest relative difference between each twin's autodiff and the reference's product of Jacobians."""
    keys = ["cell", "stage", "state", "back"]
    wide = norms.pivot_table(index=keys, columns="framework", values="norm")
    if REFERENCE not in wide:
        return (Prose("The reference's product is missing, so there is nothing to compare autodiff with.", "missing"),)
    parts = []
    for framework in (twin for twin in TWINS if twin in wide):
        both = wide[[REFERENCE, framework]].dropna()
        difference = (both[framework] / both[REFERENCE] - 1).abs().max()
        parts.append(f"{significant(difference, 1)} in {name(framework)}")
    if not parts:
        return (Prose("No twin's autodiff has been measured yet.", "missing"),)
    cells = count(norms.cell.nunique(), "cell")
    text = f"Autodiff differs from the reference's product of Jacobians, over {cells},"
    return (Prose(f"{text} by a relative error of at most {listed(parts)}."),)
