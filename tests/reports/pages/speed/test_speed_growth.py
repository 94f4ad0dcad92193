"""How a step's time grows."""

import math

import numpy as np
import pytest
from made_reports import timings as toys
from made_reports.speed_page import flat, said, swept

from reports import statistics
from reports.pages.speed import growth
from reports.pages.speed.timed import traits
from reports.pages.speed.timed.benchmarks import benchmarks, timed_variants


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_law_is_recovered(power):
    values = (20, 40, 80, 160)
    exponent = growth.exponent(values, [0.003 * value**power for value in values])
    assert tuple(exponent) == pytest.approx((power, power, power, 4), abs=1e-6)


def test_the_exponents_interval_is_students():
    # By hand: logs 0, 1, 2 → 0, 1, 3; slope 1.5, residuals 1/6, −1/3, 1/6; se √(1/6 / 2), t with 1 degree 12.706.
    exponent = growth.exponent([1, math.e, math.e**2], [1, math.e, math.e**3])
    assert exponent.value == pytest.approx(1.5)
    assert exponent.half == pytest.approx(12.7062 * math.sqrt(1 / 12), rel=1e-4)


def share_that_bend(bend: float) -> float:
    """Of made sweeps with this bend and 2 % noise, the share that the test calls bent."""
    values, rng = (20, 40, 80, 160), np.random.default_rng(0)
    means = [math.log(value) + bend * place * (place - 3) for place, value in enumerate(values)]
    made = ([mean + rng.normal(0, 0.02, 3) for mean in means] for _ in range(1_000))
    return float(np.mean([statistics.lack_of_fit(np.log(values), samples).p < 0.05 for samples in made]))


def test_a_bend_is_told_from_noise():
    assert 0.02 <= share_that_bend(0.0) <= 0.08
    assert share_that_bend(0.05) >= 0.9


def test_the_distance_from_the_line_is_that_of_the_worst_point():
    # Logs 0, 1, 3 at 0, 1, 2: the line is −1/6 + 3/2 x, and the middle point lies a third below it.
    misfit = statistics.lack_of_fit([0, 1, 2], [[0.0], [1.0], [3.0]])
    assert misfit.largest == pytest.approx(-1 / 3) and math.isnan(misfit.p)


def test_three_points_make_a_sweep():
    (sweep,) = traits.sweeps(timed_variants(toys.results(*swept(20, 80, 40))))
    assert (sweep.word, sweep.values) == ("tokens", [20, 40, 80])


def test_two_points_make_none():
    assert traits.sweeps(timed_variants(toys.results(*swept(20, 40)))) == []


def test_nothing_else_may_change_in_a_sweep():
    odd = toys.spec("lstm", "layer", {"name": "imdb", "tokens": 80}, training={"batch_size": 8})
    assert traits.sweeps(timed_variants(toys.results(*swept(20, 40), toys.timed(odd, "tf2", [1.0] * 5)))) == []


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("units", [{"network": {"units": [size, size]}} for size in (16, 32, 64)]),
        ("batch", [{"training": {"batch_size": size}} for size in (8, 32, 128)]),
        ("window", [{"task": {"name": "sine", "window": size}} for size in (10, 20, 40)]),
    ],
)
def test_every_quantity_has_its_sweeps(word, parts):
    sweeps = traits.sweeps(timed_variants(toys.results(*(flat("tf2", 0.01, parts=each) for each in parts))))
    assert [each.word for each in sweeps] == [word]


def test_uneven_layers_are_no_sweep():
    parts = [{"network": {"units": [size, 64]}} for size in (16, 32, 48)]
    assert traits.sweeps(timed_variants(toys.results(*(flat("tf2", 0.01, parts=each) for each in parts)))) == []


def test_a_sweeps_points_are_no_benchmarks(whole):
    assert [benchmark.name for benchmark in benchmarks(timed_variants(whole))] == ["imdb-2", "imdb-1", "sine-2"]


def test_without_a_sweep_the_page_says_so():
    assert "This study plans no sweep" in said(toys.results(flat("tf2", 0.01)))
