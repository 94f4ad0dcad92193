"""One comparison of mean accuracies: its difference, its tests with their power, and what they let us say."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reports import statistics
from reports.html.blocks import Cell, Column
from reports.html.format import NONE, count, estimate_cell, number, percent, probability
from reports.statistics import LEVEL, MARGIN, Estimate, Moment

EQUAL = f"equal within ±{number(MARGIN, 1)} points"
OVER = 10**6  # sorts seeds beyond the highest number tried
COLUMNS = (
    Column("Difference, points", True),
    "Taken as",
    Column("p of equality", True),
    Column("p of difference", True),
    Column("Power", True),
    Column("Seeds for 80% power", True),
    "Verdict",
)
METHOD = (
    "Equality is said only where an equivalence test shows it: two one-sided t tests (TOST, Schuirmann 1987) that the "
    f"difference of means lies within ±{number(MARGIN, 1)} points, a margin fixed before any run. A difference is said "
    "only where a t test shows it. A difference that is not significant is not equality: the power column says how "
    "likely this equality test was to pass, at 5% and the spread that was seen, if the true difference is 0; from few "
    "seeds that spread is itself uncertain. Where every seed gives the same difference there is nothing to test, and "
    "that is said."
)


class Comparison(NamedTuple):
    """A difference of two means, left minus right."""

    difference: Estimate
    part: Moment  # of the difference
    variances: tuple[float, ...]  # of one seed's value in each independent sample
    how: str  # paired by seed, or independent seeds
    equal: float  # p of the equivalence test, NaN where there is none; adjusted for its family by ``adjusted``
    unequal: float  # p of the test of a difference of 0, likewise

    @property
    def tested(self) -> bool:
        """Whether there is a test: there are two seeds at least, and they differ."""
        return not math.isnan(self.equal)

    @property
    def constant(self) -> bool:
        """Whether every seed gives the same difference."""
        return self.part.variance == 0

    @property
    def identical(self) -> bool:
        """Whether every seed gives both sides the same accuracy."""
        return self.constant and len(self.variances) == 1 and self.difference.value == 0

    @property
    def power(self) -> float:
        """Of the equivalence test alone, at a true difference of 0; NaN where there is no test."""
        return statistics.power(self.part.variance, self.part.freedom) if self.tested else math.nan


def paired(differences: ArrayLike) -> Comparison:
    """Of one sample's differences, seed by seed."""
    return _of([statistics.moment(differences)], [differences], "paired by seed")


def independent(left: ArrayLike, right: ArrayLike) -> Comparison:
    """Of two samples with different seeds (Welch 1947)."""
    return _of([statistics.moment(left), statistics.moment(right)], [left, right], "independent seeds")


def _of(moments: list[Moment], samples: Sequence[ArrayLike], how: str) -> Comparison:
    part = statistics.welch(*moments) if len(moments) == 2 else moments[0]
    sizes = [len(np.asarray(sample)) for sample in samples]
    variances = tuple(float(each.variance) * size for each, size in zip(moments, sizes, strict=True))
    estimate = statistics.interval(part, min(sizes))
    return Comparison(estimate, part, variances, how, statistics.equivalence(part), statistics.significance(part))


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of one page, a family: p values adjusted by Holm's method."""
    pairs = statistics.adjust([(each.equal, each.unequal) for each in comparisons])
    return [
        each._replace(equal=equal, unequal=unequal) for each, (equal, unequal) in zip(comparisons, pairs, strict=True)
    ]


def family(comparisons: Sequence[Comparison]) -> str:
    """How many comparisons are adjusted together, in a sentence."""
    tested = sum(each.tested for each in comparisons)
    if not tested:
        return "No comparison of this page can be tested: two seeds of each side at least are needed."
    return (
        f"The family: {count(tested, 'comparison')} of this page {'is' if tested == 1 else 'are'} tested, each for "
        "equality and for a difference. All p values are adjusted together (Holm 1979; equality and a difference "
        f"exclude each other, Shaffer 1986) and held against {percent(LEVEL)}, so that a false verdict anywhere on "
        f"this page has a probability of at most {percent(LEVEL)}."
    )


def verdict(comparison: Comparison) -> Cell:
    """What may be said: equal or different only by a test, identical where every seed agrees."""
    difference, n = comparison.difference, comparison.difference.n
    if comparison.constant and len(comparison.variances) == 2:
        return Cell("cannot be said", "4", kind="quiet", note="no seed differs from another of its side")
    if comparison.constant:
        seeds = f"{n} of {count(n, 'seed')}"
        if comparison.identical:
            return Cell("identical", "0", kind="good", note=seeds)
        return Cell(
            "always the same difference", "2", kind="bad", note=f"{number(difference.value, sign=True)} in {seeds}"
        )
    if not comparison.tested:
        return Cell("cannot be said", "4", kind="quiet", note="fewer than two seeds of each")
    if comparison.equal < LEVEL:
        note = "though a smaller difference was shown" if comparison.unequal < LEVEL else ""
        return Cell(EQUAL, "1", kind="good", note=note)
    if comparison.unequal < LEVEL:
        return Cell("different", "2", kind="bad")
    alone = "; the interval excludes zero, but not once adjusted for the family" * difference.excludes_zero
    return Cell("undecided", "3", kind="quiet", note=f"neither equality nor a difference was shown{alone}")


def cells(comparison: Comparison, tested: int) -> list[Cell]:
    """The cells of ``COLUMNS``; ``tested`` is the size of the family."""
    return [
        difference_cell(comparison.difference),
        Cell(comparison.how, kind="quiet"),
        *(_p_value(p) for p in (comparison.equal, comparison.unequal)),
        Cell(percent(comparison.power), comparison.power) if comparison.tested else Cell(NONE, kind="quiet"),
        _needed(comparison, tested),
        verdict(comparison),
    ]


def difference_cell(difference: Estimate) -> Cell:
    """A difference with half its interval, which is left out where every seed gives the same."""
    if difference.low == difference.high:
        return Cell(number(difference.value, sign=True), difference.value, note="in every seed")
    return estimate_cell(difference, sign=True)


def _p_value(p: float) -> Cell:
    return Cell(NONE, kind="quiet") if math.isnan(p) else Cell(probability(p), p)


def _needed(comparison: Comparison, tested: int) -> Cell:
    """The seeds for one test at 5%; below, for the strictest level of the family."""
    if not comparison.tested:
        return Cell(NONE, kind="quiet")
    alone, strictest = (statistics.seeds_needed(comparison.variances, level=level) for level in (LEVEL, LEVEL / tested))
    text = [f"{seeds:,}" if seeds else "over 1,000" for seeds in (alone, strictest)]
    return Cell(text[0], alone or OVER, note=f"{text[1]} in the family" if tested > 1 else "")
