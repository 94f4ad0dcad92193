"""Text generation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.tasks import chars, generate

VOCABULARY = (chars.UNSEEN, "\n", "a", "b", "c")


class Reader:
    """Notes what it reads; after each character ``a`` follows most likely, but id 0 above all."""

    def __init__(self, logits=(9.0, 0.0, 2.0, 1.0, 0.0)) -> None:
        self.read, self.logits = [], np.array(logits, np.float32)

    def advance(self, x, states=None):
        assert x.shape == (1, 1) and x.dtype == np.int32
        assert (states is None) == (not self.read)
        self.read.append(int(x[0, 0]))
        return self.logits[None, None], ((np.zeros((1, 1)),),)


def write(reader: Reader, prompt="ab", length=200, temperature=1.0, seed=0) -> str:
    return generate.generate(reader.advance, VOCABULARY, prompt, length, temperature, seed)


def test_every_character_read_or_written_goes_in_once():
    reader = Reader()
    written = write(reader, "aXb", 5)
    assert reader.read == [2, 0, 3, *(VOCABULARY.index(each) for each in written[:-1])]


@pytest.mark.parametrize("vocabulary, first", [(VOCABULARY, 1), ((chars.UNSEEN, "x", "y"), 1)])
def test_an_empty_prompt_begins_at_a_lines_end_or_the_first_character(vocabulary, first):
    reader = Reader(np.zeros(len(vocabulary)))
    generate.generate(reader.advance, vocabulary, "", 1, 0, 0)
    assert reader.read == [first]


def test_the_same_draws_write_the_same_and_others_do_not():
    assert write(Reader(), seed=1) == write(Reader(), seed=1) != write(Reader(), seed=2)


def test_a_longer_text_begins_as_the_shorter():
    assert write(Reader(), length=200).startswith(write(Reader(), length=50))


def test_temperature_0_takes_the_likeliest():
    assert set(write(Reader(), temperature=0)) == {"a"}


@pytest.mark.parametrize("temperature", [1e-300, 1e-3])
def test_a_temperature_near_0_is_as_0(temperature):
    assert set(write(Reader(), temperature=temperature)) == {"a"}


def test_shares_are_those_of_the_softmax():
    written = write(Reader(), length=20_000)
    weights = np.exp([0.0, 2.0, 1.0, 0.0])
    shares = [written.count(each) / len(written) for each in VOCABULARY[1:]]
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.01)


def test_a_high_temperature_levels_all():
    written = write(Reader(), length=20_000, temperature=1e9)
    np.testing.assert_allclose([written.count(each) / len(written) for each in VOCABULARY[1:]], 0.25, atol=0.01)


@given(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=6), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_id_0_is_never_chosen(logits, temperature, uniform):
    assert 1 <= generate.choose_id(np.array(logits), temperature, uniform) < len(logits)


@pytest.mark.parametrize("temperature, length", [(-1, 5), (float("nan"), 5), (float("inf"), 5), (1, -1)])
def test_nonsense_is_refused(temperature, length):
    with pytest.raises(ValueError, match="neither may be"):
        write(Reader(), length=length, temperature=temperature)
