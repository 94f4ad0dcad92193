"""Are the twins equal? Differences with intervals, equivalence tests with their power, and the test set's own noise."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.comparable import experiments, layer_table, pairs, sample
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Points, Prose, Section, Table
from reports.html.format import NONE, Settings, count, estimate_cell, listed, number, percent, probability, shortfall
from reports.statistics import MARGIN, Estimate


class Comparison(NamedTuple):
    """TensorFlow 2 minus PyTorch in one experiment."""

    difference: Estimate
    p: float  # of the equivalence test, adjusted for its family by ``adjusted``; NaN where there is none
    power: float  # of the test at a true difference of 0
    needed: int | None  # seeds a framework for a power of 80 %; None where 1,000 are too few or the spread is unknown
    how: str  # paired by seed, or independent seeds
    identical: bool = False  # every seed gives both twins the same accuracy


def compare(trials: pd.DataFrame) -> Comparison:
    """Compare the twins in one experiment."""
    if trials.imposed.any():
        wide = pairs(trials)
        values = (wide[TWINS[0]] - wide[TWINS[1]]).to_numpy(float)
        part, n, how, samples = statistics.moment(values), len(wide), "paired by seed", 1
        sd = float(np.std(values, ddof=1)) if n > 1 else math.nan
    else:
        sides = [sample(trials, twin) for twin in TWINS]
        part, n = statistics.welch(*map(statistics.moment, sides)), min(map(len, sides))
        how, samples = "independent seeds", 2
        sd = math.sqrt(float(np.mean([np.var(side, ddof=1) for side in sides]))) if n > 1 else math.nan
        values = np.array([])
    difference = statistics.interval(part, n)
    if math.isnan(part.variance):
        return Comparison(difference, math.nan, math.nan, None, how)
    if part.variance == 0:
        # Without any variance a test has no meaning: the values are the same, or differ by a constant.
        return Comparison(difference, math.nan, math.nan, None, how, bool(len(values)) and not values.any())
    needed = statistics.seeds_needed(sd, samples)
    power = statistics.power(part.variance, part.freedom)
    return Comparison(difference, statistics.equivalence(part), power, needed, how)


def adjusted(comparisons: list[Comparison]) -> list[Comparison]:
    """The comparisons of one page with p values adjusted by Holm's method."""
    p_values = statistics.holm([each.p for each in comparisons])
    return [each._replace(p=p) for each, p in zip(comparisons, p_values, strict=True)]


def verdict(comparison: Comparison) -> Cell:
    """What may be said; equal only by the equivalence test, or where every seed's values are the same."""
    difference, n = comparison.difference, comparison.difference.n
    if comparison.identical:
        return Cell("identical", "0", kind="good", note=f"{n} of {count(n, 'seed')}")
    if n < 2 or math.isnan(comparison.p):
        return Cell("cannot be said", "3", kind="quiet", note="two seeds at least are needed")
    if comparison.p < 0.05:
        note = "though a small difference was shown" if difference.excludes_zero else ""
        return Cell(f"equal within ±{number(MARGIN, 1)} points", "0", kind="good", note=note)
    if difference.excludes_zero:
        return Cell("different", "2", kind="bad")
    return Cell("undecided", "1", kind="quiet", note="neither equal nor different was shown")


def section(results: Results) -> Section:
    """The differences and what they let us say."""
    trials = layer_table(results.trials)
    blocks: list[Block] = [_meaning(), *_noise(trials), *shortfall(trials, "of form layer on IMDB")]
    if (trials.state == "done").any():
        chosen = experiments(trials)
        comparisons = adjusted([compare(rows) for _, rows in chosen])
        rows = [(key, part.iloc[0], each) for (key, part), each in zip(chosen, comparisons, strict=True)]
        blocks += [Prose("What this study shows of test accuracy:"), _summary(rows), _table(trials, rows, results)]
    return Section("equal", "Are the twins equal?", tuple(blocks))


def _meaning() -> Prose:
    return Prose(
        "Two twins are called equal only where an equivalence test shows it: two one-sided t tests (TOST, Schuirmann "
        f"1987) that the difference of mean test accuracies lies within ±{number(MARGIN, 1)} points, a margin fixed "
        "before any run. The p values are adjusted for all comparisons of the table (Holm 1979) and held against 5%. "
        "Where every seed gives both twins the same accuracy, that is said in place of a test. A difference that is "
        "not significant is not equality: the power column says how likely the test was to show equality had the true "
        "difference been 0. Under imposed conventions the twins are paired by seed, since a seed gives both the same "
        "weights, batches and masks; under stock a seed means nothing across frameworks, so the samples are "
        "independent (Welch)."
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


def _summary(rows) -> Points:
    kinds: dict[str, list[str]] = {}
    for _, row, comparison in rows:
        kinds.setdefault(verdict(comparison).text, []).append(f"{row.cell} under {row.conventions}")
    parts = [f"{text[0].upper()}{text[1:]}: {listed(items)}." for text, items in sorted(kinds.items())]
    return Points(tuple(parts))


def _table(trials: pd.DataFrame, rows, results: Results) -> Table:
    settings = Settings(trials)
    columns = ["Cell", "Conventions", *settings.column(), Column("Epochs", True), Column("Seeds", True)]
    columns += [Column("Difference, points", True), "Taken as", Column("TOST p, Holm", True), Column("Power", True)]
    columns += [Column("Seeds for 80 % power", True), "Verdict"]
    cells = []
    for key, row, comparison in rows:
        first = [Cell(row.cell, kind="code"), Cell(row.conventions, href=results.links.spec(key))]
        first += [*settings.cell(row.to_frame().T), Cell(str(int(row.epochs)), int(row.epochs))]
        cells.append([*first, *_numbers(comparison), verdict(comparison)])
    family = sum(not math.isnan(comparison.p) for _, _, comparison in rows)
    return Table.of(
        "TensorFlow 2 minus PyTorch, test accuracy of the last epoch, points ± half of the 95% interval. A TOST p "
        f"below 0.05, adjusted for {count(family, 'test')}, shows equality within ±{number(MARGIN, 1)} points. "
        f"{settings.caption}",
        columns,
        cells,
        results.links.runs(task="imdb", form="layer"),
    )


def _numbers(comparison: Comparison) -> list[Cell]:
    unknown = math.isnan(comparison.power)
    needed = NONE if unknown else "over 1,000" if comparison.needed is None else f"{comparison.needed:,}"
    return [
        Cell(str(comparison.difference.n), comparison.difference.n),
        estimate_cell(comparison.difference, sign=True),
        Cell(comparison.how, kind="quiet"),
        Cell(probability(comparison.p), None if math.isnan(comparison.p) else comparison.p),
        Cell(NONE, kind="quiet") if unknown else Cell(percent(comparison.power), comparison.power),
        Cell(needed, comparison.needed),
    ]
