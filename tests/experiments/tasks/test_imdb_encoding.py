"""Reviews as Keras's loader encodes them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imdb_files import keras_encode, keras_tokens

from experiments.tasks import imdb, imdb_sources, imdb_store


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of each test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNN_TWINS_CACHE", str(folder))
    return folder


def flat(reviews, labels=None):
    offsets = np.cumsum([0, *map(len, reviews)], dtype=np.int64)
    labels = np.zeros(len(reviews)) if labels is None else np.array(labels)
    return imdb_store.Reviews(np.array([w for r in reviews for w in r], np.int32), offsets, labels.astype(np.int8))


@given(
    st.lists(st.lists(st.integers(0, 2**31 - 4) | st.integers(1, 12), max_size=12), min_size=1).filter(any),
    st.integers(5, 20),
    st.integers(1, 15),
)
def test_encoding_is_keras_s(reviews, words, tokens):
    encoded = imdb.encode(flat(reviews), words, tokens)
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [keras_encode(review, words, tokens) for review in reviews]


def test_encoding_does_not_depend_on_its_blocks():
    lengths = np.random.default_rng(0).integers(0, 9, 2 * imdb.BATCH + 3)
    reviews = [[*range(1, length + 1)] for length in lengths]
    assert imdb.encode(flat(reviews), 8, 6).tolist() == [keras_encode(review, 8, 6) for review in reviews]


@given(st.text(st.sampled_from("aBİé '.<br/>\t\n\r\xa0\u2028-") | st.characters(), max_size=30))
def test_tokens_are_keras_s(text):
    assert imdb_sources.tokenise(text) == keras_tokens(text)


def test_markup_gets_what_the_rule_gives_it():
    assert imdb_sources.tokenise("It's 10/10!<br /><br />A-B") == ["it's", "10", "10", "br", "br", "a", "b"]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=200).map(np.array))
def test_every_beginning_of_the_order_is_stratified(labels):
    order = imdb_sources.stratified_order(labels)
    fair = np.arange(1, len(labels) + 1) * labels.mean()
    assert sorted(order) == list(range(len(labels)))
    assert np.max(np.abs(np.cumsum(labels[order]) - fair)) <= 1 + 1e-9
