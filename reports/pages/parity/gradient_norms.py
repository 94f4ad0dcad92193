"""How far back each cell's gradient reaches: norms of ∂s_T/∂s_t, by the reference's product and by both autodiffs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn

from reports.data.comparable import CELLS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Figure, Key, Panel, Points, Prose, Section
from reports.html.format import count, listed, name, significant
from reports.html.svg import INK, draw

STAGES = ("start", "trained")
FLOOR = 1e-18  # below this a float64 gradient of size 1 has long lost the step
DASHES = {"start": (2.2, 1.6), "trained": ""}


def section(results: Results) -> Section:
    """The formula, a panel for each cell, and what it shows."""
    found = frame(results.horizons)
    if found.empty:
        text = "Not measured yet: it takes a trained trial of each cell under Keras's conventions, on tokens."
        return Section("horizon", "Gradients through time", (Prose(text, "missing"),))
    return Section(
        "horizon", "Gradients through time", (*_words(), _figure(found, results), _findings(found), *_agreement(found))
    )


def frame(horizons: Mapping[tuple[str, str], Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each cell, framework, stage, state and step; ``back`` counts the steps from the end."""
    rows = [
        (cell, framework, stage, state, len(norms) - 1 - step, norm)
        for (cell, framework), record in horizons.items()
        for stage in STAGES
        for state, norms in record[stage].items()
        for step, norm in enumerate(norms)
    ]
    return pd.DataFrame(rows, columns=["cell", "framework", "stage", "state", "back", "norm"])


def _words() -> tuple[Block, ...]:
    return (
        Prose(
            "A loss at the last step T reaches the state at an earlier step t through the product of the Jacobians "
            "between them, ∂h_T/∂h_t = ∂h_T/∂h_(T−1) · … · ∂h_(t+1)/∂h_t (Pascanu et al. 2013). Where their norms lie "
            "below 1 the product vanishes and early words cannot be learnt from; above 1 it explodes. An LSTM's cell "
            "state has a way past the squashing, ∂c_t/∂c_(t−1) = f plus what goes round through h, so it decays as the "
            "forget gate lets it; a GRU's update gate keeps z of the old state."
        ),
        Prose(
            "Norms are Frobenius over √size, so that ∂h_T/∂h_T is 1; the geometric mean over the first two test "
            "reviews; first recurrent layer, float64, Keras's conventions."
        ),
    )


def _findings(found: pd.DataFrame) -> Points:
    """What is left at the furthest step, cell by cell."""
    items = []
    for cell in ordered(found.cell, CELLS):
        rows = found[found.cell == cell]
        furthest = rows[rows.back == rows.back.max()].drop_duplicates(["stage", "state"])
        left = {(row.state, row.stage): significant(row.norm, 1) for row in furthest.itertuples()}
        states = dict.fromkeys(state for state, _ in left)
        parts = (
            f"{state} {left[state, 'start']} at the start and {left[state, 'trained']} trained" for state in states
        )
        items.append(f"{cell}, {rows.back.max()} steps back: {'; '.join(parts)}.")
    return Points(tuple(items))


def _figure(found: pd.DataFrame, results: Results) -> Figure:
    cells = ordered(found.cell, CELLS)
    return Figure(
        "The gradient's norm by how many steps back it has come, on a logarithmic scale; read from left to right. "
        "Dashed at the start, solid after training. A line that falls forgets; one that stays level remembers.",
        tuple(_panel(cell, found[found.cell == cell], results) for cell in cells),
        (
            Key("h, at the start", "ink", "dash"),
            Key("h, trained", "ink", "line"),
            Key("c, at the start", "tf2", "dash"),
            Key("c, trained", "tf2", "line"),
        ),
        results.check_links.measured("horizon"),
    )


def _panel(cell: str, rows: pd.DataFrame, results: Results) -> Panel:
    shown = ordered(rows.framework, ("reference", "pytorch", "tf2"))[0]
    lines = rows[rows.framework == shown].assign(norm=lambda part: part.norm.clip(lower=FLOOR))

    def paint(axes) -> None:
        shared = {"style": "stage", "dashes": DASHES, "estimator": None, "legend": False, "lw": 1.3}
        for state, colour in (("h", INK), ("c", "#d9730d")):
            if len(part := lines[lines.state == state]):
                seaborn.lineplot(part, x="back", y="norm", color=colour, ax=axes, **shared)
        axes.set(yscale="log", xlabel="steps back", ylabel="")
        axes.set_ylim(min(lines.norm.min() / 3, 1e-2), max(lines.norm.max() * 3, 3))
        axes.minorticks_off()
        axes.grid(axis="y")

    furthest = lines[lines.back == lines.back.max()]
    parts = [f"{row.state} {significant(row.norm, 1)} ({row.stage})" for row in furthest.itertuples()]
    spoken = f"{cell}: {lines.back.max()} steps back the norm is {listed(parts)}."
    return Panel(cell, draw(paint, spoken, ("10⁻¹⁸",)), spoken, results.check_links.measured("horizon", cell=cell))


def _agreement(found: pd.DataFrame) -> tuple[Block, ...]:
    keys = ["cell", "stage", "state", "back"]
    wide = found.pivot_table(index=keys, columns="framework", values="norm")
    if "reference" not in wide:
        return (Prose("The reference's product is missing, so nothing stands beside the autodiff.", "missing"),)
    said = []
    for framework in ("tf2", "pytorch"):
        if framework in wide:
            both = wide[["reference", framework]].dropna()
            off = (both[framework] / both.reference - 1).abs().max()
            said.append(f"{name(framework)} by at most {significant(off, 1)} of it")
    if not said:
        return (Prose("No twin's autodiff has been measured yet.", "missing"),)
    cells = count(found.cell.nunique(), "cell")
    return (Prose(f"Autodiff and the reference's product of Jacobians agree on {cells}: {listed(said)}."),)
