"""The reports' statistics against scipy, known values and what must hold for any sample."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
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


@pytest.mark.parametrize("values", [[0.0, 0.0], [0.5, 0.5, 0.5], [84.02 - 84.0, 82.52 - 82.5]])
@pytest.mark.parametrize("test", [statistics.equivalence, statistics.significance])
def test_without_variance_there_is_no_p_value(values, test):
    part = statistics.moment(values)
    assert part.variance == 0
    assert math.isnan(test(part))


def test_a_difference_is_tested_as_welch_does():
    expected = stats.ttest_ind(LEFT, RIGHT, equal_var=False).pvalue
    part = statistics.welch(statistics.moment(LEFT), statistics.moment(RIGHT))
    assert statistics.significance(part) == pytest.approx(expected)


def test_many_studies_at_once_are_each_study():
    left, right = np.random.default_rng(3).normal(80, 1, (2, 5, 4))
    together = statistics.difference(left, right)
    alone = [statistics.difference(*pair) for pair in zip(left, right, strict=True)]
    assert np.allclose(np.transpose(together[:3]), [estimate[:3] for estimate in alone], rtol=1e-12)


def test_equivalence_of_one_pair_is_unknown():
    assert math.isnan(statistics.equivalence(statistics.moment([0.0])))


@given(SAMPLES)
def test_a_wider_margin_is_never_harder_to_keep(values):
    part = statistics.moment(values)
    assume(part.variance > 0)
    assert statistics.equivalence(part, 2.0) <= statistics.equivalence(part, 1.0)


@pytest.mark.parametrize(("n", "power", "off"), [(3, 0.04, 0.01), (20, 0.92, 0.02)])
def test_the_power_of_the_equivalence_test_is_what_simulation_gave(n, power, off):
    """Margin 1, standard deviation 0.9, two samples."""
    assert statistics.power(2 * 0.9**2 / n, 2 * (n - 1), 1.0) == pytest.approx(power, abs=off)


@pytest.mark.parametrize("variance", [1e-6, 1e-2, 1.0, 1e3])
@pytest.mark.parametrize("freedom", [1, 3.7, 38, 1998])
def test_the_power_is_the_integral_over_the_standard_error(variance, freedom):
    """The same by a sum over the quantiles of chi-square, from extremely small to extremely large spreads."""
    shares = (np.arange(20_000) + 0.5) / 20_000
    errors = np.sqrt(variance * stats.chi2.ppf(shares, freedom) / freedom)
    room = np.maximum(0, 1.0 - stats.t.ppf(0.95, freedom) * errors) / np.sqrt(variance)
    expected = np.mean(2 * stats.norm.cdf(room) - 1)
    assert statistics.power(variance, freedom, 1.0) == pytest.approx(expected, abs=1e-4)


def test_at_the_margin_the_power_is_at_most_the_level():
    powers = [statistics.power(variance, 4, difference=1.0) for variance in (1e-4, 0.01, 0.1, 1.0, 10.0)]
    assert max(powers) <= 0.05 + 1e-9
    assert powers[0] == pytest.approx(0.05)


@pytest.mark.parametrize(("variances", "level"), [((0.81, 0.81), 0.05), ((0.81, 0.81), 0.05 / 15), ((0.5,), 0.05)])
def test_the_seeds_needed_reach_the_power_and_one_fewer_does_not(variances, level):
    needed = statistics.seeds_needed(variances, level=level)
    sides = len(variances)
    before, after = (statistics.power(sum(variances) / n, sides * (n - 1), level=level) for n in (needed - 1, needed))
    assert before < 0.8 <= after


def test_a_thousand_seeds_may_be_too_few():
    assert statistics.seeds_needed((1e4, 1e4)) is None


def test_holm_adjusts_in_order_and_leaves_the_unknown_out():
    found = statistics.holm([0.01, float("nan"), 0.04, 0.03])
    assert found[0] == pytest.approx(0.03) and math.isnan(found[1])
    assert found[2:] == pytest.approx([0.06, 0.06])


def test_no_more_hypotheses_count_than_can_be_true():
    assert statistics.holm([0.01, 0.02, 0.9, 0.9], most_true=2) == pytest.approx([0.02, 0.04, 1.0, 1.0])


def test_a_family_counts_comparisons_not_tests():
    nan = float("nan")
    adjusted = statistics.adjust([(0.01, 0.9), (nan, nan), (0.8, 0.02)])
    assert adjusted[0][0] == pytest.approx(0.02) and adjusted[2][1] == pytest.approx(0.04)
    assert all(map(math.isnan, adjusted[1]))


def test_the_residual_is_stock_minus_reconstructed():
    stock, reconstructed, residual = statistics.reconstruct([84, 85, 86], [74, 75], [9, 10, 11])
    assert (stock.value, reconstructed.value, residual.value) == (10.5, 10, 0.5)
    assert (stock.n, reconstructed.n, residual.n) == (2, 3, 2)
    assert residual.known and not residual.excludes_zero


@pytest.mark.parametrize("parts", [([84], [74, 75], [9, 10]), ([84, 85], [74, 75], [9]), ([], [74, 75], [9, 10])])
def test_a_side_without_two_seeds_leaves_the_residual_without_an_interval(parts):
    assert not statistics.reconstruct(*parts).residual.known


def test_twins_of_a_seed_are_one_sample():
    nan = float("nan")
    merged = statistics.merge_twins([[80, nan, nan, 84], [82, 83, nan, 84]])
    assert np.array_equal(merged, [81, 83, nan, 84], equal_nan=True)


def test_a_seed_counts_where_every_cell_has_it():
    merged = statistics.merge_cells([[80, 81, float("nan")], [84, 83, 82]])
    assert np.array_equal(merged, [82, 82, float("nan")], equal_nan=True)


@pytest.mark.parametrize(
    ("values", "time"), [([70, 80, 90], 2), ([81, 79, 79], 1), ([70, 79.9, 70], math.inf), ([], math.inf)]
)
def test_the_first_time_a_level_is_reached(values, time):
    assert statistics.first_time(range(1, len(values) + 1), values, 80) == time


@pytest.mark.parametrize(
    ("times", "median"), [([1, 3, 2], 2), ([1, 2, math.inf], 2), ([1, math.inf, math.inf], math.inf), ([2, 3], 2.5)]
)
def test_what_is_not_reached_is_later_than_all(times, median):
    assert statistics.median_time(times) == median


@pytest.mark.parametrize(("n", "points"), [(25_000, 0.5), (5_000, 1.1)])
def test_the_test_sets_own_noise(n, points):
    assert statistics.binomial_half(0.82, n) == pytest.approx(points, abs=0.05)
