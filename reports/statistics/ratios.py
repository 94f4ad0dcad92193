"""Which of two steps is faster: Student's t on the log-ratios of rounds, whose few values lean on those of all pairs.

A pair's variance is that of its own rounds and, with the weight of four further degrees of freedom, of all pairs': the
moderated t of Smyth (2004, Statistical Applications in Genetics and Molecular Biology 3), its weight fixed so low that
pairs of very different variances do not mislead it. ``reports.simulate`` has the error rates.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.intervals import Moment

COMMON_FREEDOM = 4.0
#: The standard deviation of a round's log-ratio as seen on a shared machine of two cores, for where fewer than
#: ``FEWEST`` pairs have two rounds to tell it.
USUAL_SD = 0.13
FEWEST = 3
LEAST_SD = 0.005  # where rounds agree better, that is chance


def common_variance(samples: Sequence[ArrayLike]) -> float:
    """The variance of one round's log-ratio, pooled over pairs, each ``(rounds,)``."""
    known = [np.asarray(sample, float) for sample in samples if np.size(sample) > 1]
    if len(known) < FEWEST:
        return USUAL_SD**2
    squares = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in known)
    return max(squares / sum(len(sample) - 1 for sample in known), LEAST_SD**2)


def moderated(samples: Sequence[ArrayLike]) -> list[Moment]:
    """The moment of each pair's mean log-ratio; NaN for a pair without rounds."""
    common = common_variance(samples)
    return [_moment(np.asarray(sample, float), common) for sample in samples]


def _moment(sample: np.ndarray, common: float) -> Moment:
    n = len(sample)
    if n == 0:
        return Moment(math.nan, math.nan, math.nan)
    squares, freedom = float(((sample - sample.mean()) ** 2).sum()), COMMON_FREEDOM + n - 1
    return Moment(float(sample.mean()), (COMMON_FREEDOM * common + squares) / freedom / n, freedom)
