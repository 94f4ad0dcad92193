"""Means and differences of means, with Student's t intervals."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

CONFIDENCE = 0.95
#: A sample whose values differ by less than this share of the largest is constant: the rest is float64's rounding.
ROUNDING = 1e-9


class Estimate(NamedTuple):
    """A value with its 95% interval and the number of seeds; the interval is NaN where it is unknown."""

    value: float
    low: float
    high: float
    n: int

    @property
    def half(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return bool(self.low > 0 or self.high < 0)


class Moment(NamedTuple):
    """A mean, the variance of that mean and its degrees of freedom."""

    mean: float | np.ndarray
    variance: float | np.ndarray
    freedom: float | np.ndarray


def moment(values: ArrayLike) -> Moment:
    """The moment of each sample ``(..., n)``.

    The variance is NaN for a single value, and exactly 0 where all values are the same.
    """
    sample = np.asarray(values, float)
    n = sample.shape[-1]
    if n == 0:
        return Moment(math.nan, math.nan, math.nan)
    mean = sample.mean(axis=-1)
    if n == 1:
        return Moment(mean, np.full_like(mean, math.nan)[()], 0)
    constant = np.ptp(sample, axis=-1) <= ROUNDING * np.abs(sample).max(axis=-1)
    return Moment(mean, np.where(constant, 0.0, sample.var(axis=-1, ddof=1) / n)[()], n - 1)


def combine(moments: Sequence[Moment], weights: Sequence[float]) -> Moment:
    """A weighted sum of independent means; degrees of freedom by Welch (1947) and Satterthwaite (1946)."""
    mean = sum(weight * part.mean for part, weight in zip(moments, weights, strict=True))
    shares = [weight**2 * part.variance for part, weight in zip(moments, weights, strict=True)]
    variance = sum(shares)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sum(np.square(share) / part.freedom for part, share in zip(moments, shares, strict=True))
        fewest = reduce(np.minimum, (part.freedom for part in moments))
        freedom = np.where(spread > 0, np.square(variance) / spread, fewest)[()]
    return Moment(mean, variance, freedom)


def interval(part: Moment, n: int, members: int = 1) -> Estimate:
    """Student's t interval of a mean (Student 1908) from ``n`` seeds; NaN where the variance is unknown.

    The intervals of ``members`` means are simultaneous: all hold with 95%, however they depend on each other
    (Bonferroni; Dunn 1961).
    """
    half = special.stdtrit(part.freedom, 1 - (1 - CONFIDENCE) / (2 * members)) * np.sqrt(part.variance)
    return Estimate(part.mean, part.mean - half, part.mean + half, n)


def mean(values: ArrayLike, members: int = 1) -> Estimate:
    """A sample's mean with its t interval, one of ``members`` simultaneous ones; of paired differences, the paired."""
    return interval(moment(values), np.shape(values)[-1], members)


def welch(left: Moment, right: Moment) -> Moment:
    """The difference of two independent means (Welch 1947)."""
    return combine([left, right], [1, -1])


def difference(left: ArrayLike, right: ArrayLike) -> Estimate:
    """Left minus right for independent samples, with Welch's interval; n is that of the smaller sample."""
    n = min(np.shape(left)[-1], np.shape(right)[-1])
    return interval(welch(moment(left), moment(right)), n)


def binomial_half(accuracy: float, samples: int) -> float:
    """Half the 95% interval, in points, that a test set of this size alone leaves (normal approximation)."""
    return 100 * 1.96 * math.sqrt(accuracy * (1 - accuracy) / samples)
