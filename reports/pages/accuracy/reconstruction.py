"""Do the written conventions give the stock difference? For each cell, and over all cells, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.cached import cached_by_results
from reports.data.comparable import CELLS, layers, ordered
from reports.data.results import BASES, IMPOSED, Results
from reports.html.blocks import Block, Cell, Column, Points, Prose, Section, Table
from reports.html.format import count, listed, name, number, seeds_cell, shortfall
from reports.pages.accuracy.comparison import difference_cell
from reports.statistics import Reconstruction

#: One column for each framework under its defaults, and one for each framework's conventions imposed on both.
STOCK = tuple(("stock", twin) for twin in TWINS)
WRITTEN = tuple(("imposed", label) for label in IMPOSED)
SEEN = ["conventions", "framework", "seed", "accuracy"]  # columns of the trials that the evidence is made of
WORDS = (
    "Stock difference: TensorFlow 2 minus PyTorch, each with its own defaults and random numbers. The seeds of two "
    "frameworks share nothing, so the samples are independent (Welch 1947).",
    "Reconstructed difference: TensorFlow 2 under keras minus PyTorch under pytorch, both written out in NumPy. It is "
    "paired by seed. Under imposed conventions the twins repeat one computation, so the two twins of a seed are one "
    "sample: their mean, or the one that ran.",
    "Residual: the stock difference minus the reconstructed one. The two rest on different runs, so they are "
    "independent (Satterthwaite 1946). Zero means that the written conventions account for the stock difference.",
    "All cells: the mean over the cells within each seed, then over seeds. Cells share a seed's draws, so seeds are "
    "the units. Every cell of the table that has run is in it, whatever its difference.",
)
METHOD = (
    "That the twins agree under the same imposed conventions checks the method and is not a finding: both are given "
    "the same weights, batches and dropout masks, which makes them agree whatever the conventions do."
)


@dataclass(frozen=True)
class Evidence:
    """Test accuracies in per cent of one cell, or of several averaged within each seed."""

    cells: tuple[str, ...]
    epochs: tuple[int, ...]  # after which they were measured
    accuracies: pd.DataFrame  # a row for each seed, the columns STOCK and WRITTEN; NaN is not run
    twins: Mapping[str, np.ndarray] = field(default_factory=dict)  # imposed conventions → their difference, by seed

    @cached_property
    def seeds(self) -> tuple[int, int, int]:
        """Seeds of each stock framework, and pairs of the reconstruction."""
        left, right, first, second = (self.accuracies[side].notna().to_numpy() for side in (*STOCK, *WRITTEN))
        return int(left.sum()), int(right.sum()), int((first & second).sum())

    @property
    def apart(self) -> float:
        """The largest difference between the two imposed twins of a seed."""
        return max((float(np.abs(gaps).max()) for gaps in self.twins.values() if len(gaps)), default=0.0)

    @property
    def missing(self) -> list[str]:
        """The sides without a single seed, in words."""
        sides = [f"{name(twin)} under stock" for _, twin in STOCK] + [f"both {listed(IMPOSED)}"]
        return [side for side, seeds in zip(sides, self.seeds, strict=True) if not seeds]

    @cached_property
    def reconstruction(self) -> Reconstruction:
        """The three differences, from the seeds that ran."""
        return statistics.reconstruct(*self.samples)

    @property
    def samples(self) -> tuple[pd.Series, pd.Series, pd.Series]:
        """Both stock frameworks' accuracies, and the paired differences of the imposed conventions, by seed."""
        left, right = (self.accuracies[side].dropna() for side in STOCK)
        return left, right, (self.accuracies[WRITTEN[0]] - self.accuracies[WRITTEN[1]]).dropna()


@cached_by_results
def evidence(results: Results) -> list[Evidence]:
    """The evidence of each cell in the framework × conventions table, after the last epoch."""
    table = layers(results)
    return [of_cell(cell, table[table.cell == cell]) for cell in ordered(table.cell, CELLS)]


def of_cell(cell: str, rows: pd.DataFrame) -> Evidence:
    """The evidence of one cell; ``rows`` have framework, conventions, seed, accuracy and epochs."""
    accuracies: dict[tuple[str, str], dict[int, list[float]]] = {(label, twin): {} for label in BASES for twin in TWINS}
    for label, twin, seed, accuracy in rows[SEEN].dropna(subset="accuracy").itertuples(index=False):
        if (label, twin) in accuracies:
            accuracies[label, twin].setdefault(seed, []).append(accuracy)
    seeds = sorted(set().union(*accuracies.values()))
    wide = {side: np.array([np.mean(ran.get(seed, np.nan)) for seed in seeds]) for side, ran in accuracies.items()}
    imposed = {label: np.stack([wide[label, twin] for twin in TWINS]) for label in IMPOSED}  # (twins, seeds)
    merged = {("imposed", label): statistics.merge_twins(values) for label, values in imposed.items()}
    frame = pd.DataFrame({side: wide[side] for side in STOCK} | merged, index=seeds)
    gaps = {label: left - right for label, (left, right) in imposed.items()}
    twins = {label: values[~np.isnan(values)] for label, values in gaps.items()}
    return Evidence((cell,), tuple(sorted(set(rows.epochs))), frame, twins)


def pooled(cells: Sequence[Evidence]) -> Evidence:
    """All cells together: accuracies averaged over the cells within each seed that every cell has."""
    seeds = sorted(set().union(*(cell.accuracies.index for cell in cells)))
    stacked = np.stack([cell.accuracies.reindex(seeds).to_numpy() for cell in cells])  # (cells, seeds, sides)
    means = statistics.merge_cells(stacked.transpose(2, 0, 1))
    frame = pd.DataFrame(means.T, index=seeds, columns=cells[0].accuracies.columns)
    epochs = tuple(sorted({epoch for cell in cells for epoch in cell.epochs}))
    return Evidence(sum((cell.cells for cell in cells), ()), epochs, frame)


def whole(cells: Sequence[Evidence]) -> Evidence | None:
    """The cells that have run on every side, pooled; None where there is none."""
    complete = [cell for cell in cells if not cell.missing]
    return pooled(complete) if complete else None


def left_out(cells: Sequence[Evidence]) -> list[str]:
    """A sentence for each cell that is not pooled, with what it lacks."""
    reasons = {cell.cells[0]: listed(cell.missing, "or") for cell in cells if cell.missing}
    return [f"{cell} is left out, since no seed has run of {sides}." for cell, sides in reasons.items()]


def section(results: Results) -> Section:
    """The differences of each cell, in words and in a table."""
    cells = evidence(results)
    gap = shortfall(layers(results), "of form layer on IMDB")
    blocks: list[Block] = [Points(WORDS), *gap]
    if any(sum(cell.seeds) for cell in cells):
        blocks += [Prose(text, "missing") for text in left_out(cells)]
        blocks += [table(results), Prose(METHOD + _apart(cells))]
    return Section("reconstruction", "Do the written conventions give the stock difference?", tuple(blocks))


def _apart(cells: Sequence[Evidence]) -> str:
    largest = max(cell.apart for cell in cells)
    return f" Here the two twins of a seed end at most {number(largest)} points apart."


@cached_by_results
def table(results: Results) -> Table:
    """A row for each cell, and one for all of them."""
    cells = evidence(results)
    together = whole(cells)
    pooled_row = [together] if together and len(together.cells) > 1 and not together.missing else []
    columns = ["Cell", Column("After epoch", True), Column("Seeds", True), Column("Stock", True)]
    columns += [Column("Reconstructed", True), Column("Residual", True)]
    rows = [_row(cell, results) for cell in (*cells, *pooled_row)]
    return Table.of(
        "TensorFlow 2 minus PyTorch in test accuracy after the named epoch, points ± half of the 95% t interval. "
        "Stock: each with its own defaults. Reconstructed: keras minus pytorch conventions. Residual: stock minus "
        f"reconstructed. Seeds: {listed(f'of {name(twin)} under stock' for twin in TWINS)}, and of both conventions, "
        "if they differ.",
        columns,
        rows,
        results.links.runs(task="imdb", form="layer"),
    )


def _row(cell: Evidence, results: Results) -> list[Cell]:
    alone = len(cell.cells) == 1
    wanted = {"cell": cell.cells[0]} if alone else {}
    href = results.links.runs(task="imdb", form="layer", **wanted)
    title = Cell(cell.cells[0], href=href, kind="code") if alone else Cell(f"{listed(cell.cells)} together", href=href)
    return [
        title,
        Cell(listed(map(str, cell.epochs), "or"), max(cell.epochs)),
        seeds_cell(cell.seeds),
        *map(difference_cell, cell.reconstruction),
    ]


def after(cells: Sequence[Evidence]) -> str:
    """``after 2 epochs``, or ``after 2 epochs (lstm and gru) and 4 epochs (simple_rnn)``."""
    by_epochs: dict[int, list[str]] = {}
    for cell in cells:
        by_epochs.setdefault(max(cell.epochs), []).extend(cell.cells)
    if len(by_epochs) == 1:
        return f"after {count(next(iter(by_epochs)), 'epoch')}"
    return "after " + listed(f"{count(n, 'epoch')} ({listed(names)})" for n, names in by_epochs.items())
