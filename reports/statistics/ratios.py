"""Which of two steps is faster: Student's t on the log-ratios of rounds, with variances shrunk towards all pairs'.

A pair's variance is that of its own rounds and, with the weight of four further degrees of freedom, of all pairs': the
moderated t of Smyth (2004, Statistical Applications in Genetics and Molecular Biology 3), its weight fixed so low that
pairs of very different variances do not mislead it. ``reports.simulate`` has the error rates.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.equivalence import LEVEL, holm, significance
from reports.statistics.intervals import Moment

COMMON_FREEDOM = 4.0
#: The standard deviation of a round's log-ratio as seen on a shared machine of two cores, for where fewer than
#: ``FEWEST`` pairs have two rounds to tell it.
USUAL_SD = 0.13
FEWEST = 3
LEAST_SD = 0.005  # where rounds agree better, that is chance


class Rounds(NamedTuple):
    """The log-ratios of pairs, summed up: three arrays ``(..., pairs)``, of one page or of many."""

    n: np.ndarray  # rounds that have both variants
    mean: np.ndarray  # NaN where there is none
    squares: np.ndarray  # the sum of squares about the mean


def rounds(samples: Sequence[ArrayLike]) -> Rounds:
    """Sum up the log-ratios of a page's pairs, each sample ``(rounds,)``."""
    known = [np.asarray(sample, float) for sample in samples]
    means = [sample.mean() if sample.size else np.nan for sample in known]
    squares = [((sample - mean) ** 2).sum() for sample, mean in zip(known, means, strict=True)]
    return Rounds(np.array([sample.size for sample in known]), np.array(means), np.array(squares))


def common_variance(log_ratios: Rounds, itself: ArrayLike = False) -> np.ndarray:
    """The variance of one round's log-ratio, pooled over the pairs of each page: ``(...)``.

    Where fewer than ``FEWEST`` pairs have two rounds it is the usual one, or that which the pairs of a variant and
    itself show (``itself``, bool, ``(..., pairs)``), if that is more: they are known to have a log-ratio of 0, so one
    round is enough.
    """
    known = log_ratios.n > 1
    freedom = np.where(known, log_ratios.n - 1, 0).sum(axis=-1)
    pooled = np.where(known, log_ratios.squares, 0.0).sum(axis=-1) / np.maximum(freedom, 1)
    null = np.asarray(itself) & (log_ratios.n > 0)
    about_zero = np.where(null, log_ratios.squares + log_ratios.n * log_ratios.mean**2, 0.0).sum(axis=-1)
    usual = np.maximum(USUAL_SD**2, about_zero / np.maximum(np.where(null, log_ratios.n, 0).sum(axis=-1), 1))
    return np.where(known.sum(axis=-1) < FEWEST, usual, np.maximum(pooled, LEAST_SD**2))


def moderated(log_ratios: Rounds, itself: ArrayLike = False) -> Moment:
    """The moment of each pair's mean log-ratio; NaN for a pair without rounds; ``itself`` as in ``common_variance``."""
    known, common = log_ratios.n > 0, common_variance(log_ratios, itself)[..., None]
    freedom = np.where(known, COMMON_FREEDOM + log_ratios.n - 1, np.nan)
    variance = (COMMON_FREEDOM * common + log_ratios.squares) / freedom / np.where(known, log_ratios.n, 1)
    return Moment(np.where(known, log_ratios.mean, np.nan), variance, freedom)


def decided(part: Moment, looks: int = 1) -> np.ndarray:
    """Which pairs have a faster one, ``(..., pairs)``: by Holm's method over the pairs, at ``LEVEL`` over all looks.

    Each of at most ``looks`` looks at the growing data decides at ``LEVEL / looks`` (Bonferroni; Dunn 1961). A page
    errs only where a pair of equal steps has, at some look, a p value of at most LEVEL / looks / (number of such
    pairs), which over all of them happens with ``LEVEL`` at most, however each look chooses what is timed further.
    """
    return holm(significance(part)) < LEVEL / looks
