"""TensorFlow 2 minus PyTorch by epoch: under each conventions, and as the written conventions reconstruct it."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from experiments.twins import COLOURS, TWINS
from reports import statistics
from reports.data.comparable import CELLS, layers, ordered
from reports.data.results import BASES, IMPOSED, Results
from reports.html.blocks import Block, Cell, Column, Details, Figure, Key, Panel, Points, Prose, Section, Table
from reports.html.format import bracketed, listed, n_of, number, plus_minus, seeds_cell, shortfall
from reports.html.svg import INK, draw, mark
from reports.pages.accuracy import comparison, reconstruction
from reports.statistics import Estimate, Reconstruction

#: Each conventions' line: stock in ink, an imposed one in its framework's colour; widths tell lines that agree apart.
WIDTHS = (1.8, 3.4, 1.2)
LINES = {
    label: {"color": colour, "linewidth": width}
    for label, colour, width in zip(BASES, (INK, *(COLOURS[twin] for twin in TWINS)), WIDTHS, strict=True)
}
READING = (
    "How far apart are the frameworks, and when? Defaults move how fast a network learns, so a difference after two "
    "epochs can be gone or reversed after ten. No verdict is given here: each interval stands for its own epoch, and "
    "none is adjusted for the others."
)


class Step(NamedTuple):
    """The differences of one cell after one epoch, in points."""

    cell: str
    epoch: int
    seeds: tuple[int, ...]  # both stock frameworks, pairs under each imposed conventions, pairs of the reconstruction
    differences: dict[str, Estimate]  # TensorFlow 2 minus PyTorch, by conventions
    reconstruction: Reconstruction


def steps(results: Results) -> list[Step]:
    """Every cell and epoch of the framework × conventions table."""
    trials = layers(results)
    history = results.history[results.history.fingerprint.isin(trials.fingerprint)]
    history = history.assign(accuracy=100 * history["test/accuracy"].astype(float)).dropna(subset="accuracy")
    groups = history.groupby(["cell", "epoch"], sort=True)
    made = [_step(cell, int(epoch), rows) for (cell, epoch), rows in groups]
    cells = ordered((step.cell for step in made), CELLS)
    return sorted(made, key=lambda step: (cells.index(step.cell), step.epoch))


def _step(cell: str, epoch: int, rows: pd.DataFrame) -> Step:
    evidence = reconstruction.of_cell(cell, rows)
    rebuilt = evidence.reconstruction
    imposed = {label: statistics.mean(gaps) for label, gaps in evidence.twins.items()}  # paired by seed
    *stock, pairs = evidence.seeds
    seeds = (*stock, *(estimate.n for estimate in imposed.values()), pairs)
    return Step(cell, epoch, seeds, {"stock": rebuilt.stock, **imposed}, rebuilt)


def section(results: Results) -> Section:
    """First and last epoch in words, a panel for each cell, and the table."""
    trials, made = layers(results), steps(results)
    blocks: list[Block] = [Prose(READING), *shortfall(trials, "of form layer on IMDB")]
    made = [step for step in made if any(estimate.n for estimate in step.differences.values())]
    if made:
        blocks += [_summary(made), _figure(made, results)]
        blocks += [Details("The differences of every cell and epoch", (_table(made, results),))]
    elif (trials.state == "done").any():
        blocks.append(Prose("No conventions have run in both frameworks yet, so there is no difference.", "missing"))
    return Section("epochs", "TensorFlow 2 minus PyTorch, by epoch", tuple(blocks))


def _summary(made: list[Step]) -> Points:
    by_cell: dict[str, list[Step]] = {}
    for step in made:
        if not np.isnan(step.differences["stock"].value):
            by_cell.setdefault(step.cell, []).append(step)
    without = [cell for cell in dict.fromkeys(step.cell for step in made) if cell not in by_cell]
    missing = [f"{cell}: no stock difference, since not both frameworks have run under stock." for cell in without]
    return Points((*(_in_words(cell, epochs) for cell, epochs in by_cell.items()), *missing))


def _in_words(cell: str, epochs: list[Step]) -> str:
    """The stock difference at both ends, and where its estimate changes sign."""
    first, last = epochs[0], epochs[-1]
    text = f"{cell}, stock: {bracketed(first.differences['stock'])} after epoch {first.epoch}"
    if last is not first:
        text += f"; {bracketed(last.differences['stock'])} after epoch {last.epoch}, the last"
    stock = [(step.epoch, step.differences["stock"].value) for step in epochs]
    turns = [str(epoch) for (_, before), (epoch, value) in pairwise(stock) if before * value < 0]
    return f"{text}." + f" The estimate changes sign at epoch {listed(turns)}." * bool(turns)


def _figure(made: list[Step], results: Results) -> Figure:
    cells = list(dict.fromkeys(step.cell for step in made))
    panels = tuple(_panel(cell, [step for step in made if step.cell == cell], results) for cell in cells)
    keys = [Key("stock: each framework's own defaults", "ink", "line")]
    keys += [Key(f"{label} imposed on both", twin, "line") for label, twin in zip(IMPOSED, TWINS, strict=True)]
    return Figure(
        "TensorFlow 2 minus PyTorch in test accuracy, points, by epoch: above zero TensorFlow 2 is ahead. The bands "
        "are 95% t intervals of that epoch alone; those of few seeds may reach beyond the panel, and the table has "
        "them. Under imposed conventions both start alike, so their lines should keep to zero.",
        panels,
        (*keys, Key("95% interval", "faint", "band")),
        results.links.runs(task="imdb", form="layer"),
    )


def _panel(cell: str, epochs: list[Step], results: Results) -> Panel:
    values = [step.differences[label].value for step in epochs for label in BASES]
    reach = max(1.0, 1.6 * np.nanmax(np.abs(values), initial=0))

    last = epochs[-1]
    ends = ", ".join(f"{label} {number(last.differences[label].value, 1, True)}" for label in BASES)
    spoken = f"TensorFlow 2 minus PyTorch of {cell} by epoch; points after epoch {last.epoch}: {ends}."
    href = results.links.runs(task="imdb", form="layer", cell=cell)
    facets = {"task": "imdb", "cell": cell}
    points = {label: [(step.epoch, step.differences[label]) for step in epochs] for label in (*IMPOSED, "stock")}
    return Panel(cell, draw(_paint, (points, reach), spoken, ("−10.0",), height=2.4), spoken, href, facets)


def _paint(axes: Axes, points: dict[str, list[tuple[int, Estimate]]], reach: float) -> None:
    axes.axhline(0, color=INK, linewidth=0.6)
    for label, of_label in points.items():
        _line(axes, label, of_label)
    axes.set(ylim=(-reach, reach), xlabel="epoch", ylabel="")
    shown = [epoch for epoch, _ in points["stock"]]
    axes.set_xticks(shown if len(shown) <= 10 else shown[:: -(-len(shown) // 8)])
    axes.grid(axis="y")


def _line(axes: Axes, label: str, points: list[tuple[int, Estimate]]) -> None:
    style, (epochs, estimates) = LINES[label], zip(*points, strict=True)
    low, high = ([getattr(estimate, bound) for estimate in estimates] for bound in ("low", "high"))
    band = axes.fill_between(epochs, low, high, color=style["color"], alpha=0.13, linewidth=0)
    line = axes.plot(epochs, [estimate.value for estimate in estimates], **style)
    mark([band, *line], conventions=label)
    for epoch, estimate in points:
        said = f"{label}, epoch {epoch}: {plus_minus(estimate, sign=True)} points, {n_of(estimate.n)}"
        mark(axes.plot(epoch, estimate.value, "o", markersize=3, **style), said, conventions=label)


def _table(made: list[Step], results: Results) -> Table:
    columns = ["Cell", Column("After epoch", True), Column("Seeds", True)]
    columns += [Column(label, True) for label in BASES]
    columns += [Column("Reconstructed", True), Column("Residual", True)]
    return Table.of(
        "TensorFlow 2 minus PyTorch in test accuracy after each epoch, points ± half of the 95% t interval. stock: "
        "each with its own defaults, independent seeds (Welch). keras, pytorch: the same conventions imposed on both, "
        "paired by seed. Reconstructed: keras minus pytorch conventions. Residual: stock minus reconstructed. Seeds: "
        "of both stock frameworks, and the pairs under keras, under pytorch and of the reconstruction, if they differ.",
        columns,
        [_row(step, results) for step in made],
        results.links.runs(task="imdb", form="layer"),
    )


def _row(step: Step, results: Results) -> list[Cell]:
    estimates = [*(step.differences[label] for label in BASES), *step.reconstruction[1:]]
    return [
        Cell(step.cell, href=results.links.runs(task="imdb", form="layer", cell=step.cell), kind="code"),
        Cell(str(step.epoch), step.epoch),
        seeds_cell(step.seeds),
        *map(comparison.difference_cell, estimates),
    ]
