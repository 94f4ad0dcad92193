"""The statistics of the pages, each defined once with its source. Accuracies and margins are in percentage points."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import integrate, stats

CONFIDENCE = 0.95
#: Two twins count as equal where their mean test accuracies differ by less than this; stated before any run.
MARGIN = 1.0
#: Under imposed conventions the twins' mean training losses may differ by this share in any epoch.
LOSS_BOUND = 0.005


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
        """Whether a difference from zero was shown."""
        return self.known and (self.low > 0 or self.high < 0)


class Moment(NamedTuple):
    """A mean, the variance of that mean and its degrees of freedom."""

    mean: float
    variance: float
    freedom: float


def moment(values: Sequence[float]) -> Moment:
    """Of one sample; variance NaN where there is but one value."""
    sample = np.asarray(values, float)
    if len(sample) == 0:
        return Moment(math.nan, math.nan, math.nan)
    variance = float(sample.var(ddof=1)) / len(sample) if len(sample) > 1 else math.nan
    return Moment(float(sample.mean()), variance, len(sample) - 1)


def combine(moments: Sequence[Moment], weights: Sequence[float]) -> Moment:
    """A weighted sum of independent means; degrees of freedom by Welch (1947) and Satterthwaite (1946)."""
    mean = math.fsum(weight * part.mean for part, weight in zip(moments, weights, strict=True))
    shares = [weight**2 * part.variance for part, weight in zip(moments, weights, strict=True)]
    variance = math.fsum(shares)
    spread = math.fsum(share**2 / part.freedom for part, share in zip(moments, shares, strict=True) if share > 0)
    freedom = variance**2 / spread if spread > 0 else min(part.freedom for part in moments)
    return Moment(mean, variance, freedom)


def interval(part: Moment, n: int) -> Estimate:
    """Student's t interval of a mean (Student 1908)."""
    if n < 2 or math.isnan(part.variance):
        return Estimate(part.mean, math.nan, math.nan, n)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, part.freedom)) * math.sqrt(part.variance)
    return Estimate(part.mean, part.mean - half, part.mean + half, n)


def mean(values: Sequence[float]) -> Estimate:
    """A sample's mean with its t interval; of paired differences, the paired t interval."""
    return interval(moment(values), len(values))


def welch(left: Moment, right: Moment) -> Moment:
    """The difference of two independent means (Welch 1947)."""
    return combine([left, right], [1, -1])


def difference(left: Sequence[float], right: Sequence[float]) -> Estimate:
    """Left minus right for independent samples, with Welch's interval."""
    return interval(welch(moment(left), moment(right)), min(len(left), len(right)))


def equivalence(part: Moment, margin: float = MARGIN) -> float:
    """The p value of two one-sided t tests that a mean lies within ±margin (TOST: Schuirmann 1987).

    Below 0.05 the mean is equal within the margin. Give it the moment of paired differences, or of ``welch``.
    NaN where the variance is unknown; without any variance the mean itself decides.
    """
    if math.isnan(part.variance):
        return math.nan
    if part.variance == 0:
        return 0.0 if abs(part.mean) < margin else 1.0
    distance = (margin - abs(part.mean)) / math.sqrt(part.variance)
    return float(stats.t.sf(distance, part.freedom))


def power(variance: float, freedom: float, margin: float = MARGIN) -> float:
    """The probability that ``equivalence`` shows equality at the 5% level if the true difference is 0.

    Exact for a t statistic: the test passes where |mean| < margin − t·s, so the normal probability of that is averaged
    over the distribution of the standard error s, σ·√(χ²/ν) (Schuirmann 1987; Phillips 1990).

    Args:
        variance: of the mean difference, σ².
        freedom: its degrees of freedom ν.
        margin: of the equivalence.
    """
    if variance == 0:
        return 1.0
    sigma, critical = math.sqrt(variance), stats.t.ppf(0.95, freedom)
    widest = freedom * (margin / (critical * sigma)) ** 2  # beyond it the margin is smaller than t·s

    def passes(chi: float) -> float:
        room = (margin - critical * sigma * math.sqrt(chi / freedom)) / sigma
        return (2 * stats.norm.cdf(room) - 1) * stats.chi2.pdf(chi, freedom)

    return float(integrate.quad(passes, 0, widest, limit=200)[0])


def seeds_needed(sd: float, samples: int, wanted: float = 0.8, most: int = 1_000) -> int | None:
    """The seeds a side with which ``power`` reaches ``wanted``; None where ``most`` are too few.

    Args:
        sd: of one seed's value, or of one paired difference.
        samples: 2 for two independent samples, 1 for paired differences.
        wanted: the power.
        most: the highest number tried.
    """

    def enough(n: int) -> bool:
        return power(samples * sd**2 / n, samples * (n - 1), MARGIN) >= wanted

    tried = range(2, most + 1)
    place = bisect_left(tried, True, key=enough)  # more seeds never lower the power
    return tried[place] if place < len(tried) else None


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted so that the family's error stays at the level (Holm 1979); NaN stays and does not count."""
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, highest = list(p_values), 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted


def binomial_half(accuracy: float, samples: int) -> float:
    """Half the 95% interval, in points, that a test set of this size alone leaves (normal approximation)."""
    return 100 * 1.96 * math.sqrt(accuracy * (1 - accuracy) / samples)
