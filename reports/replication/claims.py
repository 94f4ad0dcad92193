"""What a study claims, computed in the same way when it is frozen and when it is judged."""

from collections.abc import Iterator

import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.comparable import layer_table
from reports.data.results import BASES, IMPOSED, Results
from reports.html.format import name
from reports.pages.accuracy import equivalence, reconstruction
from reports.statistics.intervals import Moment
from reports.statistics.replication import Claim

ONE, OTHER = (name(twin) for twin in TWINS)


def claims(results: Results) -> list[Claim]:
    """Of each cell of the framework × conventions table, and of the parity checks; what has not run is left out."""
    return [*_of_cells(results), *_of_twins(results), *_of_checks(results)]


def table(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that the claims rest on."""
    chosen = layer_table(trials)
    return chosen[chosen.framework.isin(TWINS) & chosen.conventions.isin(BASES)]


def _of_cells(results: Results) -> Iterator[Claim]:
    """The stock difference and the reconstruction's residual."""
    for cell in reconstruction.evidence(results):
        epochs = "/".join(map(str, cell.epochs))
        if cell.missing:
            continue
        stock, written, residual = statistics.differences(*cell.samples)
        n = min(cell.seeds)
        yield Claim(f"{cell.cells[0]}, epoch {epochs}: {ONE} − {OTHER} under stock, points", "difference", stock, n)
        text = f"{cell.cells[0]}, epoch {epochs}: keras − pytorch conventions, points"
        yield Claim(text, "difference", written, cell.seeds[-1])
        text = f"{cell.cells[0]}, epoch {epochs}: stock minus reconstructed, points"
        yield Claim(text, "difference", residual, n)


def _of_twins(results: Results) -> Iterator[Claim]:
    """The twins are equal under imposed conventions."""
    for row in equivalence.compared(results):
        first, comparison = row.trials.iloc[0], row.comparison
        if first.conventions in IMPOSED and comparison.difference.n:
            text = f"{first.cell}, epoch {int(first.epochs)}, {first.conventions}: {ONE} − {OTHER}, points"
            yield Claim(text, "equal", comparison.part, comparison.difference.n)


def _of_checks(results: Results) -> Iterator[Claim]:
    """Every parity check passes every rung."""
    made = [check for check in results.checks if check.record]
    if made:
        share = sum(check.state == "done" for check in made) / len(made)
        yield Claim("share of parity checks that pass every rung", "all", Moment(share, 0.0, 0.0), len(made))
