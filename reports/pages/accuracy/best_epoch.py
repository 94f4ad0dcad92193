"""The test accuracy at the best epoch, which validation reviews choose; the test reviews stay untouched."""

import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.comparable import experiments, layer_table
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Prose, Section, Table
from reports.html.format import NONE, Settings, count, estimate_cell, name, number, shortfall
from reports.pages.accuracy import comparison
from reports.statistics import Estimate

READING = (
    "What if each training stops at its best epoch? The best is the epoch with the highest accuracy on validation "
    "reviews: reviews of the training split that are not trained on. No test review takes part in the choice. Ties go "
    "to the earlier epoch."
)
MISSING = "No trial of this study's table keeps validation reviews back (task.validation_reviews)."


def best(results: Results) -> pd.DataFrame:
    """A row for each trial of the table with validation reviews: its best epoch and the test accuracy there, in %."""
    history = results.history[results.history.fingerprint.isin(layer_table(results.trials).fingerprint)]
    known = history.dropna(subset=["validation/accuracy", "test/accuracy"]).sort_values("epoch", kind="stable")
    chosen = known.loc[known.groupby("run_id", sort=False)["validation/accuracy"].idxmax()]
    last = known.groupby("run_id").epoch.max()
    return chosen.assign(accuracy=100 * chosen["test/accuracy"].astype(float), last=chosen.run_id.map(last))


def section(results: Results) -> Section:
    """A row for each experiment of the table."""
    trials, chosen = layer_table(results.trials), best(results)
    title = "At the best epoch, chosen by validation"
    if chosen.empty:
        return Section("best-epoch", title, (Prose(READING), Prose(MISSING, "missing")))
    blocks: list[Block] = [Prose(READING), *shortfall(trials, "of form layer on IMDB")]
    return Section("best-epoch", title, (*blocks, _table(trials, chosen, results)))


def _table(trials: pd.DataFrame, chosen: pd.DataFrame, results: Results) -> Table:
    settings = Settings(trials)
    columns = ["Cell", "Conventions", *settings.column(), Column("Epochs trained", True)]
    columns += [Column(f"{name(twin)}: best epoch", True, twin) for twin in TWINS]
    columns += [Column(f"{name(twin)}, %", True, twin) for twin in TWINS] + [Column("Difference, points", True)]
    rows = [
        _row(key, part, chosen[chosen.spec_fingerprint == key], settings, results)
        for key, part in experiments(trials)
        if (chosen.spec_fingerprint == key).any()
    ]
    return Table.of(
        "Best epoch (median over seeds) and mean test accuracy there, ± half of the 95% t interval. Difference: "
        f"TensorFlow 2 minus PyTorch, paired by seed where both start alike, else Welch. {settings.caption}",
        columns,
        rows,
        results.links.runs(task="imdb", form="layer"),
    )


def _row(key: str, trials: pd.DataFrame, chosen: pd.DataFrame, settings: Settings, results: Results) -> list[Cell]:
    first, by_twin = trials.iloc[0], {twin: chosen[chosen.framework == twin] for twin in TWINS}
    return [
        Cell(first.cell, kind="code"),
        Cell(first.conventions, href=results.links.spec(key)),
        *settings.cell(trials),
        Cell(str(int(first.epochs)), int(first.epochs)),
        *(_epoch(rows.epoch) for rows in by_twin.values()),
        *(estimate_cell(statistics.mean(rows.accuracy)) for rows in by_twin.values()),
        comparison.difference_cell(difference(by_twin, bool(first.imposed))),
    ]


def difference(by_twin: dict[str, pd.DataFrame], imposed: bool) -> Estimate:
    """The first twin's accuracy minus the second's: over pairs of a seed where imposed, else of independent seeds."""
    first, second = (rows.set_index("seed").accuracy for rows in by_twin.values())
    if imposed:
        return statistics.mean((first - second).dropna())
    return statistics.difference(first, second)


def _epoch(epochs: pd.Series) -> Cell:
    if epochs.empty:
        return Cell(NONE, kind="quiet", note="not run")
    low, high = int(epochs.min()), int(epochs.max())
    note = f"{low} to {high}, {count(len(epochs), 'seed')}" if low < high else count(len(epochs), "seed")
    return Cell(number(epochs.median(), 0), epochs.median(), note=note)
