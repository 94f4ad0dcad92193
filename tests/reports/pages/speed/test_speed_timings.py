"""Ratios, their intervals, and what is said against a timing."""

import math
from dataclasses import replace

import pytest
from made_reports import timings as toys
from made_reports.speed_page import STEPS, flat, row, said

from experiments.speed.outcome import BUSY, SPREAD
from reports.pages.speed import ranking
from reports.pages.speed.timings import TimedVariant, ratio, times


def test_the_interval_goes_from_the_lowest_to_the_highest_of_all_rounds():
    found = ratio(row("tf2", 2.0, 3.0), row("pytorch", 1.0, 1.0))
    assert found.value == pytest.approx(2.5)  # the median of 20 and 30 over 10
    assert found.low == pytest.approx(18 / 11)  # the first round's
    assert found.high == pytest.approx(33 / 9)  # the second's


def test_rounds_are_paired():
    slowed = ratio(row("tf2", 1.0, 5.0), row("pytorch", 1.0, 5.0))
    assert (slowed.low, slowed.high) == (pytest.approx(9 / 11), pytest.approx(11 / 9))


def test_turned_round_the_interval_is_its_inverse():
    left, right = row("tf2", 2.0, 3.0), row("pytorch", 1.0, 1.1)
    there, back = ratio(left, right), ratio(right, left)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))


def test_a_single_round_is_wider_by_what_another_might_bring():
    one, two = (ratio(row("tf2", *[2.0] * n), row("pytorch", *[1.0] * n)) for n in (1, 2))
    assert (one.low, one.high) == (pytest.approx(two.low / 1.25), pytest.approx(two.high * 1.25))
    assert one.value == two.value


def test_without_a_common_round_nothing_is_decided():
    late = replace(row("pytorch").timed, processes=(toys.record(5, list(STEPS), "pytorch"),))
    found = ratio(row("tf2", 9.0), TimedVariant(late, "lstm"))
    assert math.isnan(found.low)
    assert (found.decided, found.interval) == (False, "no interval")


@pytest.mark.parametrize(
    ("left", "right", "text", "kind"),
    [
        (2.0, 1.0, "PyTorch: 2.0× faster", "pytorch"),
        (1.0, 1.4, "TensorFlow 2: 1.4× faster", "tf2"),
        (1.1, 1.0, "too close to call", "quiet"),
        (1.0, 1.0, "too close to call", "quiet"),
    ],
)
def test_the_verdict_follows_from_the_interval(left, right, text, kind):
    cell = ranking.verdict(ratio(row("tf2", left, left), row("pytorch", right, right)))
    assert (cell.text, cell.kind) == (text, kind)


def test_an_interval_that_touches_one_is_too_close_to_call():
    found = ratio(*(TimedVariant(flat(twin, 0.5), "lstm") for twin in toys.TWINS))
    assert (found.low, found.high, found.decided) == (1, 1, False)


@pytest.mark.parametrize(("value", "text"), [(1.04, "1.04×"), (1.44, "1.4×"), (13.7, "14×"), (0.82, "0.820×")])
def test_multiples_near_one_have_a_digit_more(value, text):
    assert times(value) == text


def test_quiet_steady_timings_have_no_mark():
    assert TimedVariant(flat("tf2", 0.01), "lstm").doubts == ()


def test_spread_within_a_process_is_marked():
    assert row("tf2").doubts == ("steps spread over 20%",)  # (11 − 9) / 10


def test_spread_between_processes_is_marked():
    apart = toys.timed(toys.spec(), "tf2", [1.0] * 9, [1.0 + 1.5 * SPREAD] * 9)
    assert TimedVariant(apart, "lstm").doubts == ("processes 14% apart",)  # 0.15 / 1.075


def test_unsettled_warm_ups_and_load_are_marked():
    found = TimedVariant(flat("tf2", 0.01, settled=False, load=2 * BUSY), "lstm").doubts
    assert found == ("other programs kept 0.4 cores busy", "2 processes did not settle")


def test_a_mark_stands_at_the_number_and_says_why():
    text = said(toys.results(row("tf2").timed, flat("pytorch", 3.0)))
    assert "† 10,000 9,000 to 11,000" in text
    assert "TensorFlow 2: steps spread over 20%" in text


def test_a_quiet_machine_is_said_with_its_load():
    assert "The machine was quiet: other programs kept at most 0.01 cores busy." in said(
        toys.results(flat("tf2", 0.01))
    )


def test_a_busy_machine_is_said_with_how_many_cores_and_which():
    text = said(toys.results(flat("tf2", 0.01, load=1.23), flat("pytorch", 0.01)))
    assert (
        "while 1 of 2 variants were timed, at most 1.23 cores: lstm layer on imdb in TensorFlow 2, 2 threads (1.23)"
        in text
    )


def test_of_many_busy_variants_the_rest_is_folded_up():
    busy = [flat("tf2", 0.01, form, load=0.5, cell=cell) for cell in ("lstm", "gru") for form in toys.FORMS]
    text = said(toys.results(*busy))
    assert "while 12 of 12 variants were timed, at most 0.50 cores." in text
    assert "Which, and how many cores" in text
