"""A user's file of reviews: read, or refused in one line."""

import pickle
import zipfile

import numpy as np
import pytest
from imdb_files import (
    SPEC,
    TEST,
    TEST_LABELS,
    TRAIN,
    TRAIN_LABELS,
    arrays,
    contents,
    emptied,
    expected,
    located,
    objects,
    pickled_member,
    refused,
    replaced_by_npy,
    replaced_by_text,
    truncated,
    unreadable,
    with_member,
)

from experiments.tasks import imdb_sources, imdb_store


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cache folder for all of these tests: the sound file, read by a process of its own, is read once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(shared, monkeypatch):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(shared))
    return shared


def read_here(path):
    """The training reviews as the reader finds them, without the process around it."""
    reviews = imdb_sources.npz(path).train
    words = np.split(reviews.ranks, reviews.offsets[1:-1])
    return sorted(zip((each.tolist() for each in words), reviews.labels.tolist(), strict=True))


def test_a_sound_file(sound):
    source, task = located(sound)
    assert source.name == "imdb-mine.npz"
    assert source.description == "8 training and 2 test reviews: the file mine.npz."
    assert contents(task.train) == expected(TRAIN, TRAIN_LABELS)
    assert contents(task.test) == expected(TEST, TEST_LABELS)


SOUND_PICKLES = {
    "protocol-2": lambda a: pickle.dumps(a, 2),
    "protocol-4": lambda a: pickle.dumps(a, 4),
    "numpy-1": lambda a: pickle.dumps(a, 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"),
}


@pytest.mark.parametrize("dump", SOUND_PICKLES.values(), ids=SOUND_PICKLES)
@pytest.mark.parametrize("kind", [list, *(np.dtype(code) for code in ("<i8", ">i4", "u2"))], ids=str)
def test_lists_and_arrays_of_every_numpy(kind, dump, tmp_path):
    reviews = objects([r if kind is list else np.array(r, kind) for r in TRAIN])
    path = with_member(tmp_path / "f.npz", "x_train", pickled_member(dump(reviews)))
    assert read_here(path) == sorted(zip(TRAIN, TRAIN_LABELS, strict=True))


@pytest.mark.parametrize("dtype", ["int8", "uint64", "bool", ">i2"])
def test_labels_of_every_whole_type(dtype, tmp_path):
    np.savez(tmp_path / "f.npz", **arrays(y_train=np.array(TRAIN_LABELS, dtype)))
    assert read_here(tmp_path / "f.npz") == sorted(zip(TRAIN, TRAIN_LABELS, strict=True))


def test_a_packed_file_in_a_relative_path(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "packed.npz", **arrays())
    monkeypatch.chdir(tmp_path)
    assert contents(located("packed.npz")[1].train) == expected(TRAIN, TRAIN_LABELS)


def test_a_folder_that_shadows_modules_is_not_imported_from(sound, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    assert located(sound)[0].name == "imdb-mine.npz"


@pytest.mark.parametrize("count", [2, 4, 6])
def test_limited_reviews_are_balanced_and_the_first_of_one_order(count, sound):
    _, everything = located(sound)
    _, task = located(sound, SPEC.model_copy(update={"train_reviews": count, "test_reviews": 1}))
    np.testing.assert_array_equal(task.train.x, everything.train.x[:count])
    np.testing.assert_array_equal(task.test.x, everything.test.x[:1])
    assert task.train.y.mean() == 0.5


@pytest.mark.parametrize(("field", "count"), [("train_reviews", 8), ("test_reviews", 2)])
def test_more_reviews_than_there_are(field, count, sound):
    located(sound, SPEC.model_copy(update={field: count}))
    message = refused(sound, SPEC.model_copy(update={field: count + 1}))
    assert message == f"task.{field}: {count + 1} is more than imdb-mine.npz has; allowed: 1 to {count}"


def test_validation_reviews_are_the_training_splits_after_those_trained_on(sound):
    _, everything = located(sound)
    source, task = located(sound, SPEC.model_copy(update={"train_reviews": 4, "validation_reviews": 3}))
    np.testing.assert_array_equal(task.train.x, everything.train.x[:4])
    np.testing.assert_array_equal(task.validation.x, everything.train.x[4:7])
    np.testing.assert_array_equal(task.validation.y, everything.train.y[4:7])
    np.testing.assert_array_equal(task.test.x, everything.test.x)
    source, task = located(sound, SPEC.model_copy(update={"validation_reviews": 3}))
    assert (source.training_samples, len(task.train.y), len(task.validation.y)) == (5, 5, 3)


def test_reviews_are_not_both_trained_on_and_kept_back(sound):
    message = refused(sound, SPEC.model_copy(update={"train_reviews": 6, "validation_reviews": 3}))
    assert message == "task.train_reviews: 6 is more than imdb-mine.npz has; allowed: 1 to 5"


BROKEN = {
    "x_train missing": (arrays(x_train=None), "x_train is missing"),
    "y_train missing": (arrays(y_train=None), "y_train is missing"),
    "x_test missing": (arrays(x_test=None), "x_test is missing"),
    "y_test missing": (arrays(y_test=None), "y_test is missing"),
    "x of floats": (arrays(x_train=np.zeros(8)), "x_train is float64"),
    "x of integers": (arrays(x_train=np.zeros((8, 3), int)), "x_train is int64 of shape (8, 3)"),
    "x in two dimensions": (arrays(x_train=np.ones((8, 3), object)), "x_train is object of shape (8, 3)"),
    "y of floats": (arrays(y_train=np.zeros(8)), "y_train is float64"),
    "y of objects": (arrays(y_train=objects(TRAIN_LABELS)), "y_train is object"),
    "y in two dimensions": (arrays(y_train=np.zeros((8, 1), int)), "y_train is int64 of shape (8, 1)"),
    "review of floats": (arrays(x_train=objects([*TRAIN[:7], [1.0]])), "x_train[7] holds more than whole numbers"),
    "review of lists": (arrays(x_train=objects([*TRAIN[:7], [[1]]])), "x_train[7] holds more than whole numbers"),
    "ragged review": (arrays(x_train=objects([*TRAIN[:7], [[1], 2]])), "cannot be read: ValueError"),
    "review of words": (arrays(x_train=objects([*TRAIN[:7], ["good"]])), "x_train[7] holds more than whole numbers"),
    "review a number": (arrays(x_train=objects([*TRAIN[:7], 3])), "x_train[7] is neither a list nor an array"),
    "review of float array": (arrays(x_train=objects([*TRAIN[:7], np.ones(2)])), "holds an array of 'f8'"),
    "review in two dimensions": (arrays(x_train=objects([*TRAIN[:7], np.ones((2, 2), int)])), "2 dimensions"),
    "more reviews": (arrays(x_train=objects([*TRAIN, [1]])), "x_train has 9 reviews but y_train has 8 labels"),
    "more labels": (arrays(y_test=np.array([0, 1, 1])), "x_test has 2 reviews but y_test has 3 labels"),
    "label 2": (arrays(y_train=np.array([0, 1, 2, 0, 0, 1, 1, 0])), "y_train holds labels other than 0 and 1"),
    "label -1": (arrays(y_test=np.array([-1, 1])), "y_test holds labels other than 0 and 1"),
    "no reviews": (arrays(x_test=objects([]), y_test=np.array([], int)), "x_test is empty"),
    "no words": (arrays(x_test=objects([[], []])), "x_test is empty"),
    "negative rank": (arrays(x_test=objects([[1], [-1]])), "x_test[1] holds word ranks outside 0 to 2,147,483,644"),
    "rank too large": (arrays(x_test=objects([[2**31 - 3], [1]])), "x_test[0] holds word ranks outside"),
    "rank far too large": (arrays(x_test=objects([[2**70], [1]])), "x_test[0] holds more than whole numbers"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_file_of_the_wrong_content(content, reason, tmp_path):
    np.savez(tmp_path / "broken.npz", **content)
    assert reason in unreadable(tmp_path / "broken.npz")


@pytest.mark.parametrize("case", ["y_test missing", "label 2"])
def test_a_refusal_is_one_line_and_leaves_nothing(case, tmp_path, cache):
    (content, reason), before = BROKEN[case], sorted(cache.iterdir())
    path = tmp_path / "broken.npz"
    np.savez(path, **content)
    assert reason in unreadable(path)
    assert refused(path) == f"--imdb {path}: {unreadable(path)}; allowed: {imdb_store.FORMAT}"
    assert sorted(cache.iterdir()) == before


def flipped(path):
    """One bit of the first label's member changed: still a sound label, and only the checksum knows."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        member = file.getinfo("y_train.npy")
        data = file.read(member)
    place = content.index(data) + len(data) - 8
    content[place] ^= 1
    path.write_bytes(content)


def flipped_pickle(path):
    content = bytearray(path.read_bytes())
    place = content.index(bytes([ord("K"), 1, ord("K"), 5, ord("K"), 9]))  # the first review: BININT1 1 5 9
    content[place + 3] = 6
    path.write_bytes(content)


def encrypted(path):
    content = path.read_bytes()
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    content = bytearray(content)
    content[local + 6] |= 1
    content[central + 8] |= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [truncated, emptied, flipped, flipped_pickle, encrypted, replaced_by_npy, replaced_by_text]
)
def test_a_damaged_file(damage, sound):
    damage(sound)
    assert unreadable(sound)


def test_a_damaged_file_is_refused_by_its_name(sound):
    truncated(sound)
    assert refused(sound).startswith(f"--imdb {sound}: ")


def test_a_file_that_unpacks_to_too_much(tmp_path):
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("x_train.npy", "w", force_zip64=True) as member,
    ):
        member.write(b"\0" * 2**20)
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[central + 24 : central + 28] = (2**32 - 2).to_bytes(4, "little")  # the size its directory claims
    path.write_bytes(content)
    assert "unpacks to more than 2,147,483,648 bytes" in refused(path)
