"""Lengths, masks and sides in NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.draws import POOL, bucketed_order
from experiments.errors import UserError
from experiments.padding import check_lengths, lengths_of, moved, valid_steps

LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=5).map(lambda found: np.array(found, np.int32))


@given(LENGTHS, st.sampled_from(["left", "right"]))
def test_a_mask_and_its_lengths_say_the_same(lengths, side):
    mask = valid_steps(lengths, 6, side)
    assert mask.sum(axis=1).tolist() == lengths.tolist()
    assert lengths_of(mask, side).tolist() == lengths.tolist()


@given(LENGTHS)
def test_moved_rows_begin_with_their_first_valid_step(lengths):
    x = np.arange(6) + 10 * np.arange(len(lengths))[:, None]
    rows = moved(x, lengths)
    for row, length in enumerate(lengths):
        assert rows[row, :length].tolist() == x[row, 6 - length :].tolist()
        assert rows[row, length:].tolist() == x[row, : 6 - length].tolist()


@pytest.mark.parametrize(
    ("row", "side"), [([1, 0, 1], "left"), ([1, 0, 1], "right"), ([0, 1, 1], "right"), ([1, 1, 0], "left")]
)
def test_a_mask_with_a_hole_or_on_the_other_side_is_refused(row, side):
    with pytest.raises(UserError, match=rf"mask: row 1 has a hole, or its padding is not on the {side}; allowed"):
        lengths_of(np.array([[1, 1, 1], row], bool), side)


@pytest.mark.parametrize("length", [0, -1, 7])
def test_a_length_outside_the_window_is_refused(length):
    with pytest.raises(UserError, match=rf"lengths: row 1 has length {length}; allowed: 1 to 6"):
        check_lengths(np.array([6, length]), 6)


@given(st.integers(1, 130), st.integers(1, 5), st.integers(0, 3))
def test_a_bucketed_epoch_takes_every_sample_once(samples, size, seed):
    lengths = np.random.default_rng(0).integers(1, 50, samples)
    batches = list(bucketed_order(lengths, size, np.random.default_rng(seed)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(samples))
    assert len(batches) == -(-samples // size)


def test_bucketed_batches_hold_rows_of_about_the_same_length_in_any_order():
    lengths = np.random.default_rng(0).integers(1, 200, 3 * POOL * 8)
    batches = list(bucketed_order(lengths, 8, np.random.default_rng(1)))
    spreads = [np.ptp(lengths[batch]) for batch in batches]
    assert np.mean(spreads) < 20 < np.mean([np.ptp(lengths[start : start + 8]) for start in range(0, len(lengths), 8)])
    means = [lengths[batch].mean() for batch in batches]
    assert means != sorted(means)
    again = list(bucketed_order(lengths, 8, np.random.default_rng(1)))
    assert all(np.array_equal(*pair) for pair in zip(batches, again, strict=True))
