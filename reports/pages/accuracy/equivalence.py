"""Are the twins equal? Differences with intervals, equivalence tests, and the noise of the test set itself."""

import math

import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.comparable import experiments, layer_table, pairs, sample
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Points, Prose, Section, Table
from reports.html.format import Settings, count, estimate_cell, listed, number, probability, shortfall
from reports.statistics import MARGIN, Estimate


def compare(trials: pd.DataFrame) -> tuple[Estimate, float, str]:
    """tf2 minus pytorch of one experiment: the difference, the p value of equivalence, and how it was taken."""
    if trials.imposed.any():
        wide = pairs(trials)
        part, n, how = statistics.moment(wide[TWINS[0]] - wide[TWINS[1]]), len(wide), "paired by seed"
    else:
        samples = [sample(trials, twin) for twin in TWINS]
        part, n = statistics.welch(*map(statistics.moment, samples)), min(map(len, samples))
        how = "independent seeds"
    return statistics.interval(part, n), statistics.equivalence(part), how


def verdict(found: Estimate, p: float) -> Cell:
    """What may be said; equal only by the equivalence test."""
    if found.n < 2 or math.isnan(p):
        return Cell("cannot be said", "3", kind="quiet", note="two seeds at least are needed")
    if p < 0.05:
        note = "though a small difference was shown" if found.excludes_zero else ""
        return Cell(f"equal within ±{number(MARGIN, 1)} points", "0", kind="good", note=note)
    if found.excludes_zero:
        return Cell("different", "2", kind="bad")
    return Cell("undecided", "1", kind="quiet", note="neither equal nor different was shown")


def section(results: Results) -> Section:
    """The paired differences and what they let us say."""
    trials = layer_table(results.trials)
    blocks: list[Block] = [_meaning(), *_noise(trials), *shortfall(trials, "of form layer on IMDB")]
    if (trials.state == "done").any():
        found = [(key, rows.iloc[0], *compare(rows)) for key, rows in experiments(trials)]
        blocks += [Prose("What this study shows of test accuracy:"), _summary(found), _table(trials, found, results)]
    return Section("equal", "Are the twins equal?", tuple(blocks))


def _meaning() -> Prose:
    return Prose(
        "Two twins are called equal only where an equivalence test shows it: two one-sided t tests (TOST, Schuirmann "
        f"1987) that the difference of mean test accuracies lies within ±{number(MARGIN, 1)} points, a margin fixed "
        "before any run, at the 5% level. A difference that is not significant is not thereby equality: it may "
        "only mean too few seeds. Under imposed conventions the twins are paired by seed, since a seed gives both the "
        "same weights, batches and masks; under stock a seed means nothing across frameworks, so the samples are "
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


def _summary(found) -> Points:
    kinds: dict[str, list[str]] = {}
    for _, row, estimate, p, _ in found:
        kinds.setdefault(verdict(estimate, p).text, []).append(f"{row.cell} under {row.conventions}")
    parts = [f"{text[0].upper()}{text[1:]}: {listed(items)}." for text, items in sorted(kinds.items())]
    return Points(tuple(parts))


def _table(trials: pd.DataFrame, found, results: Results) -> Table:
    settings = Settings(trials)
    columns = ["Cell", "Conventions", *settings.column(), Column("Seeds", True), Column("Difference, points", True)]
    columns += ["Taken as", Column("TOST p", True), "Verdict"]
    rows = []
    for key, row, estimate, p, how in found:
        cells = [Cell(row.cell, kind="code"), Cell(row.conventions, href=results.links.spec(key))]
        cells += [
            *settings.cell(row.to_frame().T),
            Cell(str(estimate.n), estimate.n),
            estimate_cell(estimate, sign=True),
        ]
        cells += [Cell(how, kind="quiet"), Cell(probability(p), None if math.isnan(p) else p), verdict(estimate, p)]
        rows.append(cells)
    return Table.of(
        "TensorFlow 2 minus PyTorch, test accuracy of the last epoch, points ± half of the 95% interval. A TOST p "
        f"below 0.05 shows equality within ±{number(MARGIN, 1)} points. {settings.caption}",
        columns,
        rows,
        results.links.runs(task="imdb", form="layer"),
    )
