"""Ratios, their intervals, and what is said against a timing."""

import math
from dataclasses import replace

import pytest
from made_reports import timings as toys
from made_reports.speed_page import STEPS, flat, row, said
from scipy import stats

from experiments.speed.outcome import BUSY, SPREAD
from reports.pages.speed import ranking
from reports.pages.speed.timed.timings import Comparisons, TimedVariant, times


def ratio(top, bottom, *others):
    """The ratio of two variants, alone on a page or beside other pairs."""
    return Comparisons([(top, bottom), *others]).of(top, bottom)


def test_a_ratio_is_the_geometric_mean_of_its_rounds():
    comparison = ratio(row("tf2", 2.0, 8.0), row("pytorch", 1.0, 1.0))
    assert comparison.value == pytest.approx(4.0)
    assert comparison.low < 4.0 < comparison.high and comparison.low * comparison.high == pytest.approx(16.0)


def test_rounds_are_paired():
    slowed = ratio(row("tf2", 2.0, 10.0), row("pytorch", 1.0, 5.0))
    assert slowed.value == pytest.approx(2.0)
    assert slowed.high < ratio(row("tf2", 2.0, 10.0), row("pytorch", 5.0, 1.0)).high


def test_the_interval_is_students_with_the_pages_variance():
    """Worked out by hand: variances 0.02, 0.08 and 0 of two rounds each, and four degrees of freedom of their mean."""
    apart = [(math.exp(half), math.exp(-half)) for half in (0.1, 0.2, 0.0)]
    pairs = [
        (row("tf2", *scales, tokens=tokens), row("pytorch", 1.0, 1.0, tokens=tokens))
        for scales, tokens in zip(apart, (10, 20, 30), strict=True)
    ]
    comparison = ratio(*pairs[0], *pairs[1:])
    common = (0.02 + 0.08 + 0.0) / 3
    half = stats.t.ppf(0.975, 5) * math.sqrt((4 * common + 0.02) / 5 / 2)
    assert (math.log(comparison.low), math.log(comparison.high)) == (pytest.approx(-half), pytest.approx(half))


@pytest.mark.parametrize(
    ("again", "sd"), [((4.0, 0.5), math.sqrt((math.log(4) ** 2 + math.log(2) ** 2) / 2)), ((1.1,), 0.13)]
)
def test_from_one_round_what_differs_from_itself_tells_the_scatter(again, sd):
    """Worked out by hand: the mean square of the variants' own log-ratios, where it is above the usual 0.13²."""
    pair = row("tf2", 3.0), row("pytorch", 1.0)
    itself = [(row("tf2", 1.0, tokens=n), row("tf2", scale, tokens=n, threads=1)) for n, scale in enumerate(again, 10)]
    comparison = Comparisons([pair], 1, itself).of(*pair)
    assert math.log(comparison.high / comparison.value) == pytest.approx(stats.t.ppf(0.975, 4) * sd)


def test_turned_round_the_interval_is_its_inverse():
    left, right = row("tf2", 2.0, 3.0), row("pytorch", 1.0, 1.1)
    known = Comparisons([(left, right), (right, left)])
    there, back = known.of(left, right), known.of(right, left)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))
    assert back.decided == there.decided


def test_more_rounds_decide_more():
    one, eight = (ratio(row("tf2", *[1.4] * n), row("pytorch", *[1.0] * n)) for n in (1, 8))
    assert one.value == pytest.approx(eight.value)
    assert (one.decided, eight.decided) == (False, True)
    assert one.high / one.low > eight.high / eight.low


def test_without_a_common_round_nothing_is_decided():
    late = replace(row("pytorch").timed, processes=(toys.record(5, list(STEPS), "pytorch"),))
    comparison = ratio(row("tf2", 9.0), TimedVariant(late, "lstm"))
    assert math.isnan(comparison.low)
    assert (comparison.decided, comparison.interval) == (False, "no interval")


def test_a_pair_that_the_page_did_not_name_is_refused():
    with pytest.raises(KeyError):
        Comparisons([(row("tf2"), row("pytorch"))]).of(row("tf2"), row("pytorch", tokens=10))


@pytest.mark.parametrize(
    ("left", "right", "text", "kind"),
    [
        (2.0, 1.0, "PyTorch: 2.0× faster", "pytorch"),
        (1.0, 1.4, "TensorFlow 2: 1.4× faster", "tf2"),
        (1.05, 1.0, "too close to call", "quiet"),
        (1.0, 1.0, "too close to call", "quiet"),
    ],
)
def test_the_verdict_follows_from_the_test(left, right, text, kind):
    cell = ranking.verdict(ratio(row("tf2", *[left] * 8), row("pytorch", *[right] * 8)))
    assert (cell.text, cell.kind) == (text, kind)


def test_a_winner_among_many_pairs_needs_more_than_one_alone():
    """Holm's method: the interval excludes 1, and with 37 other pairs nothing is decided."""
    left, right = row("tf2", *[1.3] * 4), row("pytorch", *[1.0] * 4)
    others = [(row("tf2", 0.9, 1.1, tokens=n), row("pytorch", 1.0, 1.0, tokens=n)) for n in range(100, 137)]
    alone, among = ratio(left, right), ratio(left, right, *others)
    assert alone.low > 1 and alone.decided
    assert among.low > 1 and not among.decided


@pytest.mark.parametrize(
    ("second", "said_so"),
    [(1.005, "; none is called different."), (9.0, "; 1 of 1 called different: the verdicts here err.")],
)
def test_a_variant_is_compared_with_itself_and_counts_nowhere_else(second, said_so):
    first, again = row("tf2", 1.0, 1.0).timed, row("tf2", second, second).timed
    copy = replace(again, timing=replace(again.timing, copy=1, depth="step"))
    others = [row(twin, 1.0, 1.0, form=form).timed for form in ("scratch", "wrapped") for twin in ("tf2", "pytorch")]
    text = said(toys.results(first, row("pytorch", 1.0, 1.0).timed, *others, copy))
    assert "A variant against itself: timed again, in further processes of the same rounds" in text and said_so in text
    assert f"lstm layer TensorFlow 2 2 threads 10,000 9,000 to 11,000 {10_000 * second:,.0f} " in text
    assert f" {1 / second:.2f} " in text[text.index("First / again") :]
    assert "Of 3 pairs of the same cell and form" in text
    assert "against itself" not in said(toys.results(first))


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
    doubts = TimedVariant(flat("tf2", 0.01, settled=False, load=2 * BUSY), "lstm").doubts
    assert doubts == ("other programs kept 0.4 cores busy", "2 processes did not settle")


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


def test_more_looks_widen_every_interval_and_decide_at_a_lower_level():
    """Worked out by hand: one pair, so the usual standard deviation; at three looks 98.3 % and 5 % / 3."""
    rows = row("tf2", *[1.45] * 4), row("pytorch", *[1.0] * 4)
    one, three = (Comparisons([rows], looks).of(*rows) for looks in (1, 3))
    sd = 0.13 * math.sqrt(4 / 7 / 4)
    assert math.log(three.high / three.value) == pytest.approx(stats.t.ppf(1 - 0.025 / 3, 7) * sd)
    assert math.log(one.high / one.value) == pytest.approx(stats.t.ppf(0.975, 7) * sd)
    close = row("tf2", *[1.15] * 4), row("pytorch", *[1.0] * 4)
    p = 2 * stats.t.sf(math.log(1.15) / sd, 7)
    assert 0.05 / 3 < p < 0.05
    assert [Comparisons([close], looks).of(*close).decided for looks in (1, 3)] == [True, False]


def test_the_page_says_how_often_the_rounds_are_looked_at():
    timings = toys.results(row("tf2", 1.0, 1.0).timed, row("pytorch", 1.0, 1.0).timed)
    text = said(replace(timings, looks=3))
    assert "may be looked at 3 times" in text and "decides at 1.7%" in text and "is a 98.3% interval" in text
    assert "looked at" not in said(timings)
