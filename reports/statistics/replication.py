"""Does a study's claim hold in a second study with other seeds? One rule for each kind of claim.

``difference``  FAIL where the second estimate differs from the first (Welch's t test, Holm over the bundle's claims).
                Otherwise PASS where both intervals exclude zero on the same side, or neither excludes it; UNDECIDED
                where one does and the other does not.
``equal``       PASS where the second study shows equality within the margin (TOST: its 90% interval lies inside);
                FAIL where its 95% interval lies outside; UNDECIDED between them.
``all``         PASS where the share is 1, else FAIL.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from reports.statistics.equivalence import LEVEL, MARGIN, equivalence, holm, significance
from reports.statistics.intervals import Estimate, Moment, interval, welch

Rule = Literal["difference", "equal", "all"]
Verdict = Literal["PASS", "FAIL", "UNDECIDED"]


class Claim(NamedTuple):
    """What a study says: a mean in points with its standard error, or a share of checks."""

    name: str
    rule: Rule
    part: Moment
    n: int  # seeds, or checks
    margin: float = MARGIN

    @property
    def estimate(self) -> Estimate:
        """The value with its 95% t interval."""
        return interval(self.part, self.n)


def judge(first: Sequence[Claim], second: Sequence[Claim]) -> list[Verdict]:
    """A verdict on each claim of the first study; the second has the same claims in the same order."""
    changes = [welch(new.part, old.part) for old, new in zip(first, second, strict=True)]
    tested = [place for place, claim in enumerate(first) if claim.rule == "difference"]
    p_values = dict(zip(tested, holm([_p_value(changes[place]) for place in tested]).tolist(), strict=True))
    return [_of(old, new, p_values.get(place, 1.0)) for place, (old, new) in enumerate(zip(first, second, strict=True))]


def _p_value(change: Moment) -> float:
    """Of no change; without any spread the values are compared."""
    p = significance(change)
    return float(change.mean == 0) if change.variance == 0 else 1.0 if math.isnan(p) else float(p)


def _of(old: Claim, new: Claim, p_changed: float) -> Verdict:
    if old.rule == "all":
        return "PASS" if new.part.mean == 1 else "FAIL"
    if old.rule == "equal":
        return _equal(new)
    if p_changed <= LEVEL:
        return "FAIL"
    sides = [_side(claim.estimate) for claim in (old, new)]
    return "PASS" if sides[0] == sides[1] else "UNDECIDED"


def _equal(new: Claim) -> Verdict:
    estimate = new.estimate
    if new.part.variance == 0:
        return "PASS" if abs(estimate.value) < new.margin else "FAIL"
    if equivalence(new.part, new.margin) <= LEVEL:
        return "PASS"
    return "FAIL" if estimate.low > new.margin or estimate.high < -new.margin else "UNDECIDED"


def _side(estimate: Estimate) -> int:
    """1 above zero, −1 below, 0 where the interval holds zero or is unknown."""
    return int(np.sign(estimate.value)) if estimate.excludes_zero else 0
