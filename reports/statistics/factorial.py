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

from experiments.study.factorial import columns
from reports.statistics.equivalence import LEVEL, adjust, equivalence, significance
from reports.statistics.intervals import Estimate, Moment, mean, moment

#: A field is shown not to matter where its effect lies within this many points; fixed before any run.
EFFECT_MARGIN = 0.5


class Effect(NamedTuple):
    """One field's effect, or one pair's; p values are adjusted for the family."""

    fields: tuple[int, ...]
    part: Moment
    estimate: Estimate  # its interval by itself
    together: Estimate  # with the interval that holds at once with those of its family
    differs: float = float("nan")  # p of an effect of 0
    equal: float = float("nan")  # p of an effect beyond the margin; NaN for pairs

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
    """Effects from each one's values ``(seeds,)``; intervals and p values are those of this family."""
    rows = [_effect((place,), sample, len(samples)) for place, sample in enumerate(samples)]
    return adjusted([rows], [margin])[0]


def adjusted(families: Sequence[Sequence[Effect]], margins: Sequence[float]) -> list[list[Effect]]:
    """The effects with p values adjusted over all families as one (Holm 1979; Shaffer 1986).

    Args:
        families: effects of fields.
        margins: each family's, in its outcomes' unit.
    """
    margin_of = [margin for effects, margin in zip(families, margins, strict=True) for _ in effects]
    parts = [effect.part for effects in families for effect in effects]
    raw = [(float(equivalence(*each)), float(significance(each[0]))) for each in zip(parts, margin_of, strict=True)]
    tests = iter(adjust(raw))
    return [[_judged(effect, *next(tests)) for effect in effects] for effects in families]


def _judged(effect: Effect, equal: float, differs: float) -> Effect:
    return effect._replace(differs=differs, equal=equal)


def _effect(fields: tuple[int, ...], sample: np.ndarray, members: int) -> Effect:
    return Effect(fields, moment(sample), mean(sample), mean(sample, members))


def pair_effects(levels: np.ndarray, outcomes: np.ndarray) -> list[Effect]:
    """Every pair's effect, p values adjusted by Benjamini & Hochberg (1995)."""
    pairs = list(combinations(range(levels.shape[1]), 2))
    samples = [contrasts(levels, outcomes, pair) for pair in pairs]
    raw = np.array([float(significance(moment(sample))) for sample in samples])
    known = np.nan_to_num(raw, nan=1.0)
    controlled = stats.false_discovery_control(known) if pairs else known
    rows = zip(pairs, samples, controlled, strict=True)
    return [_effect(pair, sample, len(pairs))._replace(differs=float(p)) for pair, sample, p in rows]


def predicted(levels: np.ndarray, outcomes: np.ndarray, start: Sequence[int], end: Sequence[int]) -> np.ndarray:
    """Each seed's change from one arm to another by the model of mean, fields and pairs, which the design fits.

    The columns of a design of resolution V are orthogonal, so that least squares are plain means.

    Args:
        levels: ``(arms, fields)`` of ±1.
        outcomes: ``(..., seeds, arms)``.
        start: a level for each field.
        end: the same of the other arm.

    Returns:
        ``(..., seeds)``.
    """
    model, names = columns(levels)
    ends = [np.array([np.prod(np.take(arm, name)) for name in names]) for arm in (start, end)]
    return outcomes @ model @ (ends[1] - ends[0]) / len(levels)


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
