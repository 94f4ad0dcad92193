"""When a curve reaches a level, and the middle of several such times of which some may never come."""

import math

import numpy as np
from numpy.typing import ArrayLike


def first_time(times: ArrayLike, values: ArrayLike, level: float) -> float:
    """The first of ``times`` at which ``values`` is ``level`` or above; infinite if none is."""
    reached = np.asarray(times, float)[np.asarray(values, float) >= level]
    return float(reached.min()) if len(reached) else math.inf


def median_time(times: ArrayLike) -> float:
    """The median, where a time that never came is later than all others; infinite unless more than half came.

    With every curve cut off at the same end this is the median of Kaplan and Meier (1958).
    """
    return float(np.median(times)) if np.size(times) else math.nan
