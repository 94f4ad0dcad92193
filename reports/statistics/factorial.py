"""Effects in a two-level design whose seeds are blocks (Box, Hunter & Hunter 2005, chapters 5 and 6).

A field's effect is the mean at PyTorch's level minus the mean at Keras's, over all arms. It is taken seed by seed, and
its interval is Student's over the seeds. Where no three fields act together, the sum of the effects is the difference
of the corners, and each effect is the field's Shapley value.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from reports.statistics.equivalence import LEVEL, adjust, equivalence, significance
from reports.statistics.intervals import Estimate, mean, moment

#: A field is shown not to matter where its effect lies within this many points; fixed before any run.
EFFECT_MARGIN = 0.5


class Effect(NamedTuple):
    """One field's effect, or one pair's; p values are adjusted for the family."""

    fields: tuple[int, ...]
    estimate: Estimate
    differs: float  # p of an effect of 0
    equal: float  # p of an effect beyond the margin; NaN for pairs

    @property
    def verdict(self) -> str:
        """``moves`` or ``does not``, where a test shows it, else ``open``."""
        if self.differs <= LEVEL:
            return "moves"
        return "does not" if self.equal <= LEVEL else "open"


def contrasts(levels: np.ndarray, outcomes: np.ndarray, fields: tuple[int, ...]) -> np.ndarray:
    """Each seed's effect: ``levels (arms, fields)`` of ±1, ``outcomes (..., seeds, arms) -> (..., seeds)``.

    Of a pair: half the change of one field's effect between the other's levels.
    """
    signs = levels[:, list(fields)].prod(axis=1)
    return 2 * outcomes @ signs / len(levels)


def main_effects(levels: np.ndarray, outcomes: np.ndarray, margin: float = EFFECT_MARGIN) -> list[Effect]:
    """Every field's effect, p values adjusted together by Holm's method.

    Args:
        levels: ``(arms, fields)`` of ±1, balanced.
        outcomes: ``(seeds, arms)``.
        margin: in the outcomes' unit.
    """
    return family([contrasts(levels, outcomes, (field,)) for field in range(levels.shape[1])], margin)


def family(samples: Sequence[np.ndarray], margin: float = EFFECT_MARGIN) -> list[Effect]:
    """Effects from each one's values ``(seeds,)``, p values adjusted together (Holm 1979; Shaffer 1986)."""
    moments = [moment(sample) for sample in samples]
    tests = adjust([(float(equivalence(part, margin)), float(significance(part))) for part in moments])
    return [
        Effect((place,), mean(sample), differs, equal)
        for place, (sample, (equal, differs)) in enumerate(zip(samples, tests, strict=True))
    ]


def pair_effects(levels: np.ndarray, outcomes: np.ndarray) -> list[Effect]:
    """Every pair's effect, p values adjusted by Benjamini & Hochberg (1995)."""
    pairs = list(combinations(range(levels.shape[1]), 2))
    samples = [contrasts(levels, outcomes, pair) for pair in pairs]
    raw = np.array([float(significance(moment(sample))) for sample in samples])
    known = np.nan_to_num(raw, nan=1.0)
    adjusted = stats.false_discovery_control(known) if pairs else known
    rows = zip(pairs, samples, adjusted, strict=True)
    return [Effect(pair, mean(sample), float(p), float("nan")) for pair, sample, p in rows]


def detectable(spread: float, seeds: int, fields: int, power: float = 0.8) -> float:
    """The effect that is shown with this power at Holm's strictest level, by a t test's normal approximation.

    Args:
        spread: standard deviation of one seed's effect.
        seeds: blocks.
        fields: of the family.
    """
    freedom = seeds - 1
    critical = special.stdtrit(freedom, 1 - LEVEL / (2 * fields)) + special.stdtrit(freedom, power)
    return float(critical * spread / np.sqrt(seeds))
