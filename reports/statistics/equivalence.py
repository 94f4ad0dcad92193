"""Tests of equality and of difference, the power of the first, and the control of many of them."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, special

from reports.statistics.intervals import Moment, combine

LEVEL = 0.05
#: Two mean test accuracies count as equal where they differ by less than this many points; fixed before any run.
MARGIN = 1.0
MOST_SEEDS = 1_000


def equivalence(part: Moment, margin: float = MARGIN) -> float | np.ndarray:
    """The p value of two one-sided t tests that a mean lies within ±margin (TOST: Schuirmann 1987).

    Args:
        part: the moment of paired differences, or of ``welch``.
        margin: in the unit of the mean.

    Returns:
        The larger of both p values. NaN where the variance is unknown or 0: without spread there is nothing to test.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (margin - np.abs(part.mean)) / np.sqrt(part.variance)
        return np.where(np.asarray(part.variance) > 0, special.stdtr(part.freedom, -distance), math.nan)[()]


def significance(part: Moment) -> float | np.ndarray:
    """The two-sided p value of a t test that a mean is 0 (Student 1908; Welch 1947); NaN as in ``equivalence``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(part.mean) / np.sqrt(part.variance)
        return np.where(np.asarray(part.variance) > 0, 2 * special.stdtr(part.freedom, -distance), math.nan)[()]


@lru_cache(maxsize=4_096)  # several pages ask for the same, whenever they are written
def power(
    variance: float, freedom: float, margin: float = MARGIN, level: float = LEVEL, difference: float = 0.0
) -> float:
    """The probability that ``equivalence`` shows equality (Schuirmann 1987; Phillips 1990).

    The test passes where |mean| < margin − t·s. The normal probability of that is integrated over the distribution of
    the standard error s, which is σ·χ/√ν.

    Args:
        variance: of the mean difference, σ².
        freedom: the degrees of freedom ν of its estimate.
        margin: of the equivalence.
        level: of the test.
        difference: the true one.
    """
    sigma, critical = math.sqrt(variance), special.stdtrit(freedom, 1 - level)
    if sigma == 0:
        return float(abs(difference) < margin)
    scale = math.log(2) * (1 - freedom / 2) - special.gammaln(freedom / 2)

    def passes(chi: float) -> float:
        room = margin / sigma - critical * chi / math.sqrt(freedom)
        normal = special.ndtr(room - difference / sigma) - special.ndtr(-room - difference / sigma)
        return normal * math.exp(scale + (freedom - 1) * math.log(chi) - chi**2 / 2)

    # Nearly all of χ's probability, so that quad finds it; beyond the last bound the margin is smaller than t·s.
    low, high = (math.sqrt(2 * special.gammaincinv(freedom / 2, share)) for share in (1e-12, 1 - 1e-12))
    high = min(high, margin * math.sqrt(freedom) / (critical * sigma))
    return float(integrate.quad(passes, low, high)[0]) if high > low else 0.0


def seeds_needed(variances: Sequence[float], wanted: float = 0.8, level: float = LEVEL) -> int | None:
    """The seeds with which ``power`` reaches ``wanted`` at a true difference of 0; None where 1,000 are too few.

    Args:
        variances: of one seed's value in each independent sample; a single one for paired differences.
        wanted: the power.
        level: of the test.
    """

    def enough(n: int) -> bool:
        parts = [Moment(0.0, variance / n, n - 1) for variance in variances]
        whole = combine(parts, [1] * len(parts))
        return power(whole.variance, whole.freedom, level=level) >= wanted

    few, many = 1, 2
    while many <= MOST_SEEDS and not enough(many):  # more seeds never lower the power
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many if many <= MOST_SEEDS else None


def holm(p_values: ArrayLike, most_true: int | None = None) -> np.ndarray:
    """p values adjusted so that a false rejection among all of them stays at the level of one (Holm 1979).

    Args:
        p_values: of the family, or of many families, ``(..., family)``; NaN stands for no test, stays and does not
            count.
        most_true: the most hypotheses that can be true together, if they exclude each other (Shaffer 1986).
    """
    values = np.asarray(p_values, float)
    order = np.argsort(values, axis=-1)  # NaN last
    count = np.sum(~np.isnan(values), axis=-1, keepdims=True)
    left = np.minimum(count - np.arange(values.shape[-1]), count if most_true is None else most_true)
    raised = np.minimum(1.0, left * np.take_along_axis(values, order, axis=-1))
    adjusted = np.empty_like(values)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(raised, axis=-1), axis=-1)
    return adjusted


def adjust(tests: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Adjust a family of comparisons, each with the p values of ``equivalence`` and of ``significance``.

    A difference cannot be 0 and outside the margin at once: of each comparison one hypothesis at most is true.
    """
    compared = sum(not all(map(math.isnan, pair)) for pair in tests)
    adjusted = holm([p for pair in tests for p in pair], compared).tolist()
    return list(zip(adjusted[::2], adjusted[1::2], strict=True))
