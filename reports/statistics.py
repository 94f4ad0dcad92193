"""The statistics of the pages, each defined once with its source. Accuracies and margins are in percentage points."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
#: Two twins count as equal where their mean test accuracies differ by less than this; stated before any run.
MARGIN = 1.0
#: Under imposed conventions the twins' mean training losses may differ by this share in any epoch.
LOSS_BOUND = 0.005
RESAMPLES = 9_999


class Estimate(NamedTuple):
    """A value with its 95% interval and the number of seeds; the interval is NaN where there is none to give."""

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


#: Left minus right, for independent samples; right is None where left holds paired differences already.
Contrast = tuple[np.ndarray, np.ndarray | None]


def size(contrasts: Sequence[Contrast], seed: int = 0) -> Estimate:
    """The mean over contrasts of the absolute difference of means, with the interval of ``_bootstrapped``."""
    return _bootstrapped(lambda rng: _size(contrasts, rng), _smallest(contrasts), seed)


def share_explained(stock: Sequence[Contrast], imposed: Sequence[Contrast], seed: int = 0) -> Estimate:
    """1 − size(imposed) / size(stock): the share of the stock difference that imposing conventions takes away.

    At most 1; negative where the twins differ more under imposed conventions than under stock.
    """

    def share(rng: np.random.Generator | None) -> np.ndarray:
        remaining, whole = _size(imposed, rng), _size(stock, rng)
        quotient = np.full(whole.shape, np.nan)
        np.divide(remaining, whole, out=quotient, where=whole > 0)
        return 1 - quotient

    return _bootstrapped(share, _smallest([*stock, *imposed]), seed)


def _bootstrapped(statistic: Callable[[np.random.Generator | None], np.ndarray], n: int, seed: int) -> Estimate:
    """The observed statistic with the percentile bootstrap (Efron 1979; Efron & Tibshirani 1993, ch. 13).

    The seeds of each sample are drawn anew with replacement, pairs kept together. From fewer than three seeds there is
    too little to draw from, and no interval is given.
    """
    observed = float(statistic(None))
    if n < 3 or math.isnan(observed):
        return Estimate(observed, math.nan, math.nan, n)
    drawn = statistic(np.random.default_rng(seed))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn[~np.isnan(drawn)], [tail, 1 - tail])
    return Estimate(observed, float(low), float(high), n)


def _smallest(contrasts: Sequence[Contrast]) -> int:
    return min((len(sample) for contrast in contrasts for sample in contrast if sample is not None), default=0)


def _size(contrasts: Sequence[Contrast], rng: np.random.Generator | None) -> np.ndarray:
    parts = [np.abs(_means(left, rng) - (0 if right is None else _means(right, rng))) for left, right in contrasts]
    return np.mean(parts, axis=0) if parts else np.asarray(math.nan)


def _means(sample: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """The sample's mean, or those of its resamples."""
    if rng is None:
        return np.asarray(sample.mean())
    return sample[rng.integers(len(sample), size=(RESAMPLES, len(sample)))].mean(axis=1)


def binomial_half(accuracy: float, samples: int) -> float:
    """Half the 95% interval, in points, that a test set of this size alone leaves (normal approximation)."""
    return 100 * 1.96 * math.sqrt(accuracy * (1 - accuracy) / samples)
