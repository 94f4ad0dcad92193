"""How many training steps a framework needs to reach 80% test accuracy."""

import math

import pandas as pd

from reports import statistics
from reports.data.comparable import FRAMEWORKS, experiments, layers, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Prose, Section, Table
from reports.html.format import NONE, Settings, count, name, number, shortfall

LEVEL = 80.0  # per cent
NEVER = 10**12  # sorts behind every number of steps
READING = (
    f"When is a test accuracy of {LEVEL:g}% reached? The test set is scored after each epoch, so the answer is a whole "
    "number of epochs, given in training steps (batches). A seed that has not reached it by the last epoch counts as "
    "later than all others; where half of the seeds or more have not, the median is said to be not reached."
)


def times(results: Results) -> pd.DataFrame:
    """The epoch at which each done trial of the table first reaches the level; infinite where it does not."""
    trials = layers(results)
    history = results.history[results.history.fingerprint.isin(trials.fingerprint)].dropna(subset="test/accuracy")
    rows = [
        (*key, statistics.first_time(part.epoch, 100 * part["test/accuracy"].astype(float), LEVEL))
        for key, part in history.groupby(["spec_fingerprint", "framework", "seed"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["spec_fingerprint", "framework", "seed", "epoch"])


def steps_per_epoch(trial: pd.Series) -> int | None:
    """The batches of an epoch: the last partial one counts, but tf.data's pipeline drops it; None where unknown."""
    if pd.isna(trial.train_n):
        return None
    samples, size = int(trial.train_n), int(trial.batch_size)
    return samples // size if trial.pipeline == "tf.data" else -(-samples // size)


def section(results: Results) -> Section:
    """A row for each experiment of the table, a column for each framework."""
    trials, reached = layers(results), times(results)
    blocks: list[Block] = [Prose(READING), *shortfall(trials, "of form layer on IMDB")]
    if len(reached):
        blocks.append(_table(trials, reached, results))
    return Section("steps", f"Steps to {LEVEL:g}% test accuracy", tuple(blocks))


def _table(trials: pd.DataFrame, reached: pd.DataFrame, results: Results) -> Table:
    frameworks, settings = ordered(trials.framework, FRAMEWORKS), Settings(trials)
    columns = ["Cell", "Conventions", *settings.column(), Column("Epochs trained", True)]
    columns += [Column("Steps an epoch", True), *(Column(name(each), True, each) for each in frameworks)]
    rows = []
    for key, chosen in experiments(trials):
        first = chosen.iloc[0]
        steps = steps_per_epoch(first)
        cells = [Cell(first.cell, kind="code"), Cell(first.conventions, href=results.links.spec(key))]
        cells += [*settings.cell(first), Cell(str(int(first.epochs)), int(first.epochs))]
        cells += [Cell(f"{steps:,}", steps) if steps else Cell("unknown", kind="quiet")]
        of_spec = reached[reached.spec_fingerprint == key]
        rows.append([*cells, *(_cell(of_spec[of_spec.framework == each].epoch, steps) for each in frameworks)])
    return Table.of(
        f"Training steps until the test accuracy is first {LEVEL:g}% or more: median over seeds, and how many reached "
        "it.",
        columns,
        rows,
        results.links.runs(task="imdb", form="layer"),
        settings=settings.caption,
    )


def _cell(epochs: pd.Series, steps: int | None) -> Cell:
    if epochs.empty:
        return Cell(NONE, kind="quiet", note="not run")
    median, note = statistics.median_time(epochs), f"{(epochs < math.inf).sum()} of {count(len(epochs), 'seed')}"
    if median == math.inf:
        return Cell("not reached", NEVER, kind="quiet", note=note)
    if steps is None:
        return Cell(f"epoch {median:g}", median, note=note)
    return Cell(number(median * steps, 0), median * steps, note=f"epoch {median:g}, {note}")
