"""Are the twins equal? Differences with intervals, equivalence tests with their power, and the test set's own noise."""

from typing import NamedTuple

import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.comparable import experiments, layers, pairs, sample
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import Settings, count, listed, name, number, shortfall
from reports.pages.accuracy import comparison
from reports.pages.accuracy.comparison import Comparison, verdict

__all__ = ["Compared", "compare", "compared", "section", "verdict"]


class Compared(NamedTuple):
    """One experiment of the framework × conventions table, and the comparison of its twins."""

    spec: str  # the experiment's fingerprint
    trials: pd.DataFrame
    comparison: Comparison


def compare(trials: pd.DataFrame) -> Comparison:
    """TensorFlow 2 minus PyTorch in one experiment; p values are those of the tests alone."""
    if trials.imposed.any():
        wide = pairs(trials)
        return comparison.paired(wide[TWINS[0]] - wide[TWINS[1]])
    return comparison.independent(*(sample(trials, twin) for twin in TWINS))


def compared(results: Results) -> list[Compared]:
    """Every experiment of the table."""
    return [Compared(key, trials, compare(trials)) for key, trials in experiments(layers(results))]


def section(results: Results, rows: list[Compared], tested: int) -> Section:
    """The differences and what they let us say.

    Args:
        results: of the study.
        rows: as ``compared`` gives them, with p values adjusted for the page's family.
        tested: the size of that family.
    """
    trials = layers(results)
    blocks: list[Block] = [_meaning(), *_noise(trials), *shortfall(trials, "of form layer on IMDB")]
    if (trials.state == "done").any():
        blocks += [Prose("What this study shows of test accuracy:"), _summary(rows)]
        blocks += [_table(trials, rows, tested, results)]
    return Section("equal", "Are the twins equal?", tuple(blocks))


def _meaning() -> Prose:
    return Prose(
        "TensorFlow 2 against PyTorch in each experiment of the table. Under imposed conventions the twins are paired "
        "by seed, since a seed gives both the same weights, batches and masks; under stock a seed means nothing across "
        "frameworks, so the samples are independent."
    )


def _noise(trials: pd.DataFrame) -> tuple[Prose, ...]:
    done = trials[trials.state == "done"].dropna(subset="test_n")
    if done.empty:
        return ()
    accuracy, size = float(done.accuracy.mean()), int(done.test_n.min())
    half = statistics.binomial_half(accuracy / 100, size)
    text = (
        f"The test set itself is a sample: at {number(accuracy, 1)}% accuracy, {count(size, 'review')} alone leave "
        f"±{number(half)} points (95%, binomial) on any accuracy as an estimate for all reviews there might be. All "
        "trials are scored on the same reviews, so differences between them are sharper than that; the intervals "
        "here speak of other seeds, not of other reviews."
    )
    return (Prose(text),)


def _summary(rows: list[Compared]) -> Points:
    verdicts: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: verdict(row.comparison).sort):
        first = row.trials.iloc[0]
        words = f"{first.cell} under {first.conventions} after {count(int(first.epochs), 'epoch')}"
        verdicts.setdefault(verdict(row.comparison).text, []).append(words)
    return Points(tuple(f"{text[0].upper()}{text[1:]}: {listed(items)}." for text, items in verdicts.items()))


def _table(trials: pd.DataFrame, rows: list[Compared], tested: int, results: Results) -> Table | Details:
    settings = Settings(trials)
    columns = ["Cell", "Conventions", *settings.column(), Column("After epoch", True), Column("Seeds", True)]
    return Table.of(
        f"{name(TWINS[0])} minus {name(TWINS[1])} in test accuracy after the named epoch, points ± half of the 95% t "
        f"interval. The p values are adjusted for the page's {count(tested, 'comparison')}; a p below 0.05 shows "
        f"equality within ±{number(statistics.MARGIN, 1)} points, or a difference. Power and seeds are those of the "
        f"equality test alone, and below it of the family's strictest level.",
        [*columns, *comparison.COLUMNS],
        [[*_first(row, settings, results), *comparison.cells(row.comparison, tested)] for row in rows],
        results.links.runs(task="imdb", form="layer"),
        settings=settings.caption,
    ).agreed("Verdict", "comparisons")


def _first(row: Compared, settings: Settings, results: Results) -> list[Cell]:
    first, n = row.trials.iloc[0], row.comparison.difference.n
    return [
        Cell(first.cell, kind="code"),
        Cell(first.conventions, href=results.links.spec(row.spec)),
        *settings.cell(first),
        Cell(str(int(first.epochs)), int(first.epochs)),
        Cell(str(n), n),
    ]
