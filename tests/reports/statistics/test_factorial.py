"""Effects in two-level designs: intervals of a family, verdicts of several families, and the model's predictions."""

import numpy as np
import pytest
from scipy import stats

from experiments.study.factorial import factorial
from reports import statistics
from reports.statistics import factorial as effects

RNG = np.random.default_rng(0)
SAMPLES = [RNG.normal(mean, 1, 8) for mean in (-4, 0, 0.3, 2)]


@pytest.mark.parametrize("members", [1, 4, 8])
def test_intervals_that_hold_at_once_are_students_at_a_stricter_level(members):
    found = statistics.mean(SAMPLES[0], members)
    expected = stats.ttest_1samp(SAMPLES[0], 0).confidence_interval(1 - 0.05 / members)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_family_has_both_intervals():
    for effect, sample in zip(effects.family(SAMPLES), SAMPLES, strict=True):
        assert effect.estimate == statistics.mean(sample)
        assert effect.together == statistics.mean(sample, len(SAMPLES))


def test_an_interval_without_zero_shows_the_effect_within_its_family():
    """Holm's method never asks for more than Bonferroni's, whose intervals are drawn."""
    for effect in effects.family(SAMPLES):
        assert effect.verdict == "moves" or not effect.together.excludes_zero
    assert effects.family(SAMPLES)[0].together.excludes_zero


def test_families_are_adjusted_as_one():
    parts = [effects.family(SAMPLES[:2], 0.5), effects.family(SAMPLES[2:], 0.5)]
    first, second = effects.adjusted(parts, [0.5, 0.5])
    whole = effects.family(SAMPLES, 0.5)
    assert [(each.differs, each.equal) for each in first + second] == [(each.differs, each.equal) for each in whole]
    assert [each.together for each in first] == [each.together for each in parts[0]]


@pytest.mark.parametrize("fields", [3, 5, 8])
def test_the_model_predicts_an_arm_that_was_never_trained(fields):
    """Exactly, where no three fields act together."""
    levels = factorial(fields)
    slopes, pair = np.arange(1.0, fields + 1), 0.7

    def outcome(arms):
        return 75 + arms @ slopes / 2 + pair * arms[..., 0] * arms[..., 1] / 2

    start, end = np.ones(fields, int), np.array([-1, *[1] * (fields - 2), -1])
    found = effects.predicted(levels, np.stack([outcome(levels)] * 2), start, end)
    assert found == pytest.approx([outcome(end) - outcome(start)] * 2)
