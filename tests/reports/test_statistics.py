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


def test_the_share_explained_is_what_imposing_takes_away():
    stock = [(np.array([84.0, 84.0, 84.0]), np.array([80.0, 80.0, 80.0]))]
    imposed = [(np.array([1.0, 1.0, 1.0]), None), (np.array([-1.0, -1.0, -1.0]), None)]
    assert statistics.share_explained(stock, imposed) == Estimate(0.75, 0.75, 0.75, 3)


def test_the_share_is_negative_where_imposing_parts_the_twins():
    stock, imposed = [(np.array([1.0]), np.array([0.0]))], [(np.array([2.0]), None)]
    assert statistics.share_explained(stock, imposed).value == -1


def test_without_a_stock_difference_there_is_no_share():
    same = np.array([80.0, 80.0, 80.0])
    found = statistics.share_explained([(same, same)], [(np.array([0.1, 0.2, 0.3]), None)])
    assert math.isnan(found.value)
    assert not found.known


def test_two_seeds_are_too_few_for_a_bootstrap():
    found = statistics.share_explained([(LEFT[:2], RIGHT)], [(np.array([0.1, -0.1]), None)])
    assert found.n == 2
    assert not found.known


def test_the_bootstrap_is_reproducible_and_holds_the_share():
    stock, imposed = [(LEFT, RIGHT)], [(np.array([0.1, 0.3, -0.2]), None)]
    found = statistics.share_explained(stock, imposed)
    assert found == statistics.share_explained(stock, imposed)
    assert found.low <= found.value <= found.high <= 1


@given(st.lists(SAMPLES, min_size=1, max_size=3))
def test_a_size_lies_between_its_contrasts(samples):
    contrasts = [(np.array(sample), None) for sample in samples]
    sizes = [abs(np.mean(sample)) for sample in samples]
    assert min(sizes) - 1e-9 <= statistics.size(contrasts).value <= max(sizes) + 1e-9


@pytest.mark.parametrize(("n", "points"), [(25_000, 0.5), (5_000, 1.1)])
def test_the_test_sets_own_noise(n, points):
    assert statistics.binomial_half(0.82, n) == pytest.approx(points, abs=0.05)
