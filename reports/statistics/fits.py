"""Whether a fitted line bends: lack of fit apart from noise (Draper & Smith 1998, Applied Regression Analysis)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


class LackOfFit(NamedTuple):
    """How far the points lie from a straight line, beyond what their repetitions differ by."""

    largest: float  # of the points' means, in units of y, with its sign
    p: float  # of the F test; NaN where no point was repeated


def lack_of_fit(x: Sequence[float], samples: Sequence[Sequence[float]]) -> LackOfFit:
    """Compare the points' distances from the line that fits their means with the spread of each point's repetitions.

    Args:
        x: at least three different places.
        samples: each place's repetitions, each ``(repetitions,)``.
    """
    means = np.array([np.mean(sample) for sample in samples])
    weights = np.array([len(sample) for sample in samples])
    slope, start = np.polyfit(x, means, 1, w=np.sqrt(weights))
    off = means - (start + slope * np.asarray(x, float))
    largest = float(off[np.argmax(np.abs(off))])
    freedom, repeated = len(means) - 2, int(weights.sum()) - len(means)
    if not repeated:
        return LackOfFit(largest, math.nan)
    noise = sum(float(((np.asarray(sample) - np.mean(sample)) ** 2).sum()) for sample in samples) / repeated
    ratio = math.inf if noise == 0 else float((weights * off**2).sum()) / freedom / noise
    return LackOfFit(largest, float(stats.f.sf(ratio, freedom, repeated)))
