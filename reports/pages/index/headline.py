"""The stock difference and its reconstruction: for each cell, and over all cells, with intervals.

Stock difference: TensorFlow 2 minus PyTorch, each with its own defaults and random numbers. Reconstruction:
TensorFlow 2 under ``keras`` minus PyTorch under ``pytorch``, each following the written conventions. Residual: the one
minus the other; it is what the written conventions do not account for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.comparable import CELLS, layer_table, ordered
from reports.data.results import IMPOSED, Results
from reports.html.blocks import Block, Cell, Column, Prose, Table
from reports.html.format import bracketed, estimate_cell, listed, name, seeds_cell, shortfall
from reports.statistics import Estimate, Moment

#: The two sides of the comparison under stock conventions, and of its reconstruction.
STOCK = tuple((twin, "stock") for twin in TWINS)
RECONSTRUCTION = tuple(zip(TWINS, IMPOSED, strict=True))

Samples = Mapping[tuple[str, str], pd.Series]  # framework, conventions -> test accuracy in per cent, by seed


@dataclass(frozen=True)
class Evidence:
    """Test accuracies of one cell, or of several averaged within each seed."""

    cell: str
    epochs: tuple[int, ...]
    samples: Samples

    def seeds(self, *sides: tuple[str, str]) -> int:
        """The fewest seeds of these sides."""
        return min(len(self.samples[side]) for side in sides)

    @property
    def complete(self) -> bool:
        """Whether every side has run with at least one seed."""
        return self.seeds(*STOCK, *RECONSTRUCTION) > 0

    @property
    def stock(self) -> Moment:
        """The stock difference: its seeds mean nothing across frameworks, so the samples are independent (Welch)."""
        return statistics.welch(*(statistics.moment(self.samples[side]) for side in STOCK))

    @property
    def reconstruction(self) -> Moment:
        """The reconstructed difference, paired by seed: one seed gives both sides the same draws."""
        left, right = (self.samples[side] for side in RECONSTRUCTION)
        return statistics.moment((left - right).dropna())

    @property
    def residual(self) -> Moment:
        """The stock difference minus its reconstruction, which has other draws and so is independent."""
        return statistics.combine([self.stock, self.reconstruction], [1, -1])

    def estimate(self, part: Moment) -> Estimate:
        """A difference with its 95 % t interval."""
        return statistics.interval(part, self.seeds(*STOCK, *RECONSTRUCTION))


def evidence(trials: pd.DataFrame) -> list[Evidence]:
    """The evidence of each cell in the framework × conventions table."""
    table = layer_table(trials)
    return [_of_cell(cell, table[table.cell == cell]) for cell in ordered(table.cell, CELLS)]


def _of_cell(cell: str, rows: pd.DataFrame) -> Evidence:
    done = rows[rows.state == "done"]
    samples = {
        (twin, label): done[(done.framework == twin) & (done.conventions == label)].set_index("seed").accuracy
        for twin in TWINS
        for label in ("stock", *IMPOSED)
    }
    return Evidence(cell, tuple(sorted(set(rows.epochs))), samples)


def pooled(cells: Sequence[Evidence]) -> Evidence:
    """All cells together: accuracies averaged over the cells within each seed, since cells share a seed's draws.

    Cells are not selected; a seed counts on a side where every cell has it.
    """
    sides = cells[0].samples
    samples = {side: pd.concat([cell.samples[side] for cell in cells], axis=1).dropna().mean(axis=1) for side in sides}
    epochs = tuple(sorted({epoch for cell in cells for epoch in cell.epochs}))
    return Evidence(listed(cell.cell for cell in cells), epochs, samples)


def after(epochs: Sequence[int]) -> str:
    """``after 2 epochs``, or ``after 2 or 4 epochs`` where cells differ."""
    text = listed(map(str, epochs), "or")
    return f"after {text} epoch{'s' * (text != '1')}"


def sentences(cells: list[Evidence]) -> tuple[str, ...]:
    """The headline and what qualifies it."""
    complete = [cell for cell in cells if cell.complete]
    whole = pooled(complete) if complete else None
    if whole is None or not whole.complete:
        return (
            "No answer yet: it needs both twins trained with one cell in form layer under stock, keras and pytorch "
            "conventions.",
        )
    stock, reconstruction, residual = map(whole.estimate, (whole.stock, whole.reconstruction, whole.residual))
    first = (
        f"{after(whole.epochs).capitalize()}, TensorFlow 2 minus PyTorch in test accuracy, each with its own defaults, "
        f"is {bracketed(stock)} over {whole.cell}; the written conventions reconstruct {bracketed(reconstruction)}."
    )
    return first, _residual(residual), _meaning(whole)


def _residual(residual: Estimate) -> str:
    left = f"What the written conventions do not account for, stock minus reconstructed, is {bracketed(residual)}."
    if not residual.known:
        return f"{left} Two seeds of each at least are needed to say more."
    if residual.excludes_zero:
        return f"{left} The interval excludes zero: a part of the stock difference is not in the written conventions."
    return f"{left} The interval includes zero: no further cause was shown, which is no proof that there is none."


def _meaning(whole: Evidence) -> str:
    return (
        "That the twins agree under the same imposed conventions checks the method and is no finding: they are given "
        "the same weights, batches and dropout masks. The difference between frameworks is one of early training: it "
        f"is stated {after(whole.epochs)}, and may vanish or turn with more."
    )


def table(results: Results) -> Table:
    """The evidence of each cell."""
    columns = ["Cell", Column("Epochs", True), Column("Seeds", True), Column("Stock", True)]
    columns += [Column("Reconstructed", True), Column("Residual", True)]
    columns += [Column(f"{name(twin)}: stock − {label}", True, twin) for twin, label in RECONSTRUCTION]
    return Table.of(
        "Differences in test accuracy of the last epoch, points ± half of the 95% t interval. Stock: TensorFlow 2 "
        "minus PyTorch, independent seeds (Welch 1947). Reconstructed: TensorFlow 2 under keras minus PyTorch under "
        "pytorch, paired by seed. Residual: stock minus reconstructed. The last two columns ask whether an imposed "
        "convention is the framework's own: each framework's stock minus its imposed convention (Welch).",
        columns,
        [_row(cell, results) for cell in evidence(results.trials)],
        results.links.runs(task="imdb", form="layer"),
    )


def _row(cell: Evidence, results: Results) -> list[Cell]:
    contrasts = [cell.stock, cell.reconstruction, cell.residual]
    samples = cell.samples
    own = [statistics.difference(samples[twin, "stock"], samples[twin, label]) for twin, label in RECONSTRUCTION]
    return [
        Cell(cell.cell, href=results.links.runs(task="imdb", form="layer", cell=cell.cell), kind="code"),
        Cell(listed(map(str, cell.epochs), "or")),
        seeds_cell([cell.seeds(side) for side in (*STOCK, *RECONSTRUCTION)]),
        *(estimate_cell(cell.estimate(part), sign=True) for part in contrasts),
        *(estimate_cell(estimate, sign=True) for estimate in own),
    ]


def first(results: Results) -> str:
    """The headline itself."""
    return sentences(evidence(results.trials))[0]


def blocks(results: Results) -> tuple[Block, ...]:
    """What stands behind the headline."""
    cells = evidence(results.trials)
    gap = shortfall(layer_table(results.trials), "of form layer on IMDB")
    shown = any(len(sample) for cell in cells for sample in cell.samples.values())
    return (*map(Prose, sentences(cells)[1:]), *gap, *([table(results)] if shown else []))
