"""The reports' statistics against scipy, known values and what must hold for any sample."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports import statistics
from reports.statistics import Estimate

FLOATS = st.floats(-100, 100, allow_nan=False)
SAMPLES = st.lists(FLOATS, min_size=2, max_size=8)
LEFT, RIGHT = np.array([84.1, 83.6, 84.4, 83.9]), np.array([81.2, 80.7, 81.9])


def close(estimate: Estimate, interval, value: float) -> bool:
    return np.allclose(estimate[:3], [value, interval.low, interval.high], rtol=1e-12)


def test_a_mean_has_students_interval():
    expected = stats.ttest_1samp(LEFT, 0).confidence_interval(0.95)
    assert close(statistics.mean(LEFT), expected, LEFT.mean())


def test_a_difference_has_welchs_interval():
    expected = stats.ttest_ind(LEFT, RIGHT, equal_var=False).confidence_interval(0.95)
    assert close(statistics.difference(LEFT, RIGHT), expected, LEFT.mean() - RIGHT.mean())


def test_one_value_has_no_interval():
    found = statistics.mean([84.0])
    assert (found.value, found.n, found.known, found.excludes_zero) == (84.0, 1, False, False)


def test_no_value_has_no_mean():
    found = statistics.mean([])
    assert math.isnan(found.value)
    assert found.n == 0


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.0, 0.0, 0.0]])
def test_without_variance_the_interval_is_a_point(values):
    assert statistics.mean(values) == Estimate(values[0], values[0], values[0], len(values))


@given(SAMPLES)
def test_an_interval_holds_its_mean(values):
    found = statistics.mean(values)
    assert found.low <= found.value <= found.high


@given(SAMPLES, FLOATS)
def test_an_interval_moves_with_its_sample(values, by):
    found, moved = statistics.mean(values), statistics.mean([value + by for value in values])
    assert moved.low == pytest.approx(found.low + by, abs=1e-6)


@given(SAMPLES, SAMPLES)
def test_a_difference_turns_its_sign(left, right):
    there, back = statistics.difference(left, right), statistics.difference(right, left)
    assert (there.value, there.low) == pytest.approx((-back.value, -back.high), abs=1e-9)


@pytest.mark.parametrize("margin", [0.1, 0.5, 1.0, 3.0])
def test_equivalence_is_two_one_sided_tests(margin):
    differences = np.array([0.3, -0.2, 0.4, 0.1])
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    assert statistics.equivalence(statistics.moment(differences), margin) == pytest.approx(max(above, below))


def test_equivalence_of_independent_samples_is_welchs():
    shifted = RIGHT + 2.5
    above = stats.ttest_ind(LEFT, shifted - 1, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(LEFT, shifted + 1, equal_var=False, alternative="less").pvalue
    part = statistics.welch(statistics.moment(LEFT), statistics.moment(shifted))
    assert statistics.equivalence(part, 1.0) == pytest.approx(max(above, below))


@pytest.mark.parametrize(("values", "p"), [([0.5, 0.5], 0.0), ([1.0, 1.0], 1.0), ([-2.0, -2.0], 1.0)])
def test_equivalence_without_variance_is_the_means_own(values, p):
    assert statistics.equivalence(statistics.moment(values), 1.0) == p


def test_equivalence_of_one_pair_is_unknown():
    assert math.isnan(statistics.equivalence(statistics.moment([0.0])))


@given(SAMPLES)
def test_a_wider_margin_is_never_harder_to_keep(values):
    part = statistics.moment(values)
    assert statistics.equivalence(part, 2.0) <= statistics.equivalence(part, 1.0)


@pytest.mark.parametrize(("n", "power", "off"), [(3, 0.04, 0.01), (20, 0.92, 0.02)])
def test_the_power_of_the_equivalence_test_is_what_simulation_gave(n, power, off):
    """Margin 1, standard deviation 0.9, two samples."""
    assert statistics.power(2 * 0.9**2 / n, 2 * (n - 1), 1.0) == pytest.approx(power, abs=off)


@pytest.mark.parametrize("n", [3, 8, 20])
def test_the_power_is_that_of_made_studies(n):
    rng, studies = np.random.default_rng(n), 1_500
    left, right = rng.normal(0, 0.9, (2, studies, n))
    parts = [
        statistics.Moment(a.mean() - b.mean(), (a.var(ddof=1) + b.var(ddof=1)) / n, 2 * (n - 1))
        for a, b in zip(left, right, strict=True)
    ]
    shown = np.mean([statistics.equivalence(part) < 0.05 for part in parts])
    assert shown == pytest.approx(statistics.power(2 * 0.9**2 / n, 2 * (n - 1)), abs=0.04)


def test_a_true_difference_of_the_margin_is_called_equal_in_one_of_twenty():
    rng = np.random.default_rng(0)
    found = [statistics.equivalence(statistics.moment(rng.normal(1.0, 0.8, 8))) < 0.05 for _ in range(1_500)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.02)


def test_a_t_interval_of_a_welch_contrast_covers():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(1_500):
        left, right = rng.normal(3, 1.0, 3), rng.normal(0, 0.4, 3)
        estimate = statistics.difference(left, right)
        covered += estimate.low <= 3 <= estimate.high
    assert 0.92 <= covered / 1_500 <= 0.98


def test_the_seeds_needed_reach_the_power_and_one_fewer_does_not():
    needed = statistics.seeds_needed(0.9, 2)
    powers = [statistics.power(2 * 0.9**2 / n, 2 * (n - 1)) for n in (needed - 1, needed)]
    assert powers[0] < 0.8 <= powers[1]
    assert statistics.seeds_needed(50.0, 2, most=20) is None


def test_holm_adjusts_in_order_and_leaves_the_unknown_out():
    found = statistics.holm([0.01, float("nan"), 0.04, 0.03])
    assert found[0] == pytest.approx(0.03) and math.isnan(found[1])
    assert found[2:] == pytest.approx([0.06, 0.06])


@pytest.mark.parametrize(("n", "points"), [(25_000, 0.5), (5_000, 1.1)])
def test_the_test_sets_own_noise(n, points):
    assert statistics.binomial_half(0.82, n) == pytest.approx(points, abs=0.05)
