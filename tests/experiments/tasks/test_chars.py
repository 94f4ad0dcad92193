"""The next character: texts and their faults, windows and vocabulary, entropies, metrics, writing on."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pooch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import tasks
from experiments.errors import UserError
from experiments.tasks import chars, generate, texts
from experiments.tasks.chars import CharsSpec

TEXT = "the quick brown fox jumps over the lazy dog\n" * 40


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def spec(text: Path | str, **fields) -> CharsSpec:
    return CharsSpec(text=str(text), **({"window": 8} | fields))


def load(path: Path | str, **fields) -> chars.CharsTask:
    asked = spec(path, **fields)
    return tasks.load(asked, tasks.locate(asked), "float32")


# --- texts


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cache folder in which the reviews' text stands once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("RNN_TWINS_CACHE", str(folder))
        return folder, tasks.locate(CharsSpec())


def test_the_reviews_are_a_million_characters_prepared_once(shared, monkeypatch):
    folder, source = shared
    monkeypatch.setenv("RNN_TWINS_CACHE", str(folder))
    monkeypatch.setattr(texts, "_prepare_reviews", None)  # not asked for again
    assert tasks.locate(CharsSpec()) == source
    assert (source.name, source.digest) == ("chars-reviews", texts.REVIEWS_SHA256)
    assert "1,000,000 characters" in source.description
    assert [path.name for path in folder.iterdir()] == [Path(source.path).name]


def test_the_digest_is_that_of_the_characters_used(shared, monkeypatch):
    folder, source = shared
    monkeypatch.setenv("RNN_TWINS_CACHE", str(folder))
    part = tasks.locate(CharsSpec(characters=5_000))
    first = Path(source.path).read_text(encoding="utf-8")[:5_000]
    assert part.digest == hashlib.sha256(first.encode()).hexdigest() and "5,000 characters" in part.description


def test_a_damaged_prepared_text_is_made_again(cache):
    source = tasks.locate(CharsSpec())
    Path(source.path).write_text("damaged")
    assert tasks.locate(CharsSpec()) == source


def test_a_preparation_that_fails_leaves_nothing(cache, monkeypatch):
    def half(target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(texts, "_prepare_reviews", half)
    with pytest.raises(UserError, match=r"cache folder .*No space left on device"):
        tasks.locate(CharsSpec())
    assert list(cache.iterdir()) == []


def test_shakespeare_is_taken_from_the_cache(cache, monkeypatch):
    monkeypatch.setattr(texts, "SHAKESPEARE_SHA256", hashlib.sha256(TEXT.encode()).hexdigest())
    monkeypatch.setattr(pooch, "retrieve", None)  # not asked
    cache.mkdir()
    (cache / "tinyshakespeare.txt").write_text(TEXT)
    assert tasks.locate(spec("shakespeare")).name == "chars-shakespeare"


def test_shakespeare_is_downloaded_whole_or_not_at_all(cache, monkeypatch):
    def retrieve(url, known_hash, fname, path):
        assert url == texts.SHAKESPEARE_URL and known_hash == f"sha256:{texts.SHAKESPEARE_SHA256}"
        (Path(path) / fname).write_text(TEXT)

    monkeypatch.setattr(texts, "SHAKESPEARE_SHA256", hashlib.sha256(TEXT.encode()).hexdigest())
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    source = tasks.locate(spec("shakespeare"))
    assert Path(source.path) == cache / "tinyshakespeare.txt" and Path(source.path).read_text() == TEXT


@pytest.mark.parametrize("error", [ConnectionError("no route\nto host"), ValueError("SHA256 hash of file is wrong")])
def test_shakespeare_out_of_reach_is_one_line_that_helps(cache, monkeypatch, error):
    def retrieve(*_, **__):
        raise error

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(UserError) as caught:
        tasks.locate(spec("shakespeare"))
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ("shakespeare", texts.SHAKESPEARE_URL, "tinyshakespeare.txt", "reviews"))


def test_a_file_of_ones_own(file):
    source = tasks.locate(spec(file))
    assert (source.name, source.path) == ("chars-mine", str(file))
    assert source.digest == hashlib.sha256(TEXT.encode()).hexdigest()


BAD = {
    "missing": (None, "No such file"),
    "empty": (b"", "empty"),
    "not UTF-8": (b"abc\xff" * 100, "not UTF-8 at byte 3"),
    "too short": (b"a" * 89, "89 characters are too few for windows of 8; allowed: 90 or more"),
}


@pytest.mark.parametrize("content, words", BAD.values(), ids=BAD)
def test_a_broken_file_is_named(tmp_path, content, words):
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        tasks.locate(spec(path))
    assert words in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "a\0b"])
def test_what_is_no_file_is_refused(name):
    with pytest.raises(UserError, match="allowed: reviews, shakespeare"):
        tasks.locate(spec(name))


def test_a_file_too_large_is_not_read(file, monkeypatch):
    monkeypatch.setattr(texts, "MAX_BYTES", 10)
    with pytest.raises(UserError, match="not a regular file of at most 10 bytes"):
        tasks.locate(spec(file))


def test_more_characters_than_there_are(file):
    with pytest.raises(UserError, match=f"characters: 99999 is more than .*mine.txt has; allowed: 1 to {len(TEXT)}"):
        tasks.locate(spec(file, characters=99_999))


def test_a_text_changed_since_it_was_checked_is_refused(file):
    asked = spec(file)
    source = tasks.locate(asked)
    file.write_text(TEXT.upper())
    with pytest.raises(ValueError, match="not the one that was checked"):
        tasks.load(asked, source, "float64")


@given(st.integers(1, 300))
def test_the_shortest_text_has_ten_training_windows_and_one_to_test(window):
    length = texts.shortest(window)
    train, test = chars.split("a" * length)
    assert (len(train) - 1) // window == 10 and (len(test) - 1) // window >= 1
    assert (len(chars.split("a" * (length - 1))[0]) - 1) // window < 10


# --- arrays


@given(st.text(min_size=120, max_size=400), st.integers(1, 9))
def test_windows_follow_the_text_and_y_is_the_next_character(text, window):
    train, test = chars.split(text)
    assert train + test == text and len(train) == len(text) * 9 // 10
    vocabulary = chars.vocabulary_of(train)
    assert vocabulary[0] == chars.UNSEEN and list(vocabulary[1:]) == sorted(set(train) - {chars.UNSEEN})
    for part in (train, test):
        ids = chars.encode(part, vocabulary)
        x, y = chars.windows(ids, window)
        assert x.shape == y.shape == ((len(part) - 1) // window, window) and x.dtype == y.dtype == np.int32
        np.testing.assert_array_equal(x.ravel(), ids[: x.size])
        np.testing.assert_array_equal(y.ravel(), ids[1 : x.size + 1])
        known = [character if character in vocabulary else chars.UNSEEN for character in part]
        assert [vocabulary[index] for index in ids] == known


def test_a_character_the_training_part_lacks_is_id_0(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("ab" * 90 + "xb" * 10)
    task = load(path)
    assert task.vocabulary == (chars.UNSEEN, "a", "b")
    assert set(task.test.x.ravel()) == {0, 2} and 0 not in task.train.x
    assert (task.interface.features, task.interface.outputs, task.interface.time) == (3, 3, 8)


# --- entropies and metrics


def test_entropies_against_hand_values():
    x, y = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]])
    assert chars.unigram_entropy(y) == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert chars.bigram_entropy(x, y) == pytest.approx(0.5 * np.log(2))  # after 0 either, after 1 always 1


@given(st.lists(st.integers(0, 4), min_size=2, max_size=50))
def test_knowing_the_last_character_never_hurts(ids):
    x, y = np.array(ids[:-1]), np.array(ids[1:])
    assert -1e-9 <= chars.bigram_entropy(x, y) <= chars.unigram_entropy(y) + 1e-9


class Knowing:
    """Answers with the logarithms of fixed shares; its state counts the windows that it was carried through."""

    def __init__(self, shares) -> None:
        self.logits, self.states = np.log(shares), []

    def advance(self, x, states=None):
        self.states.append(None if states is None else states[0][0][0, 0])
        count = 0.0 if states is None else states[0][0][0, 0]
        return np.broadcast_to(self.logits, (*x.shape, len(self.logits))), ((np.full((len(x), 1), count + 1),),)


@pytest.mark.parametrize("stateful", [True, False])
def test_the_best_model_of_single_characters_scores_the_unigram_entropy(file, stateful):
    task = load(file, stateful=stateful)
    scored = np.concatenate([y for _, y in task._blocks()])
    shares = np.bincount(scored.ravel(), minlength=len(task.vocabulary)) + 1e-12
    model = Knowing(shares / shares.sum())
    found = task.evaluate(model)
    assert found["test/loss"] == pytest.approx(found["baseline/unigram"], abs=1e-6)
    assert found["test/bits_per_char"] == pytest.approx(found["test/loss"] / np.log(2))
    assert found["test/perplexity"] == pytest.approx(np.exp(found["test/loss"]))
    assert model.states == ([None, *range(1, len(model.states))] if stateful else [None] * len(model.states))


def test_stateful_rows_go_on_and_leave_out_fewer_windows_than_rows(file):
    task = load(file)
    blocks = task._blocks()
    rows = np.concatenate([x for x, _ in blocks], axis=1)
    following = np.concatenate([y for _, y in blocks], axis=1)
    np.testing.assert_array_equal(rows[:, 1:], following[:, :-1])
    assert len(task.test.x) - len(rows) < len(blocks) * len(rows) <= len(task.test.x)


def test_stateless_scores_every_window_once(file):
    task = load(file, stateful=False)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in task._blocks()]), task.test.x)


def test_an_epoch_has_bits_perplexity_and_speed(file):
    found = load(file).epoch(np.log(4), 100, 2.0)
    wanted = {"train/bits_per_char": 2.0, "train/perplexity": 4.0, "time/chars_per_s": 400.0}
    assert found == pytest.approx(wanted)


def test_a_row_of_logits_is_asked_for_each_character():
    with pytest.raises(ValueError, match="in place of a row of logits"):
        chars.cross_entropy(np.zeros((2, 5)), np.zeros((2, 3), int))


def test_what_a_trial_keeps(file):
    task = load(file)
    model = Knowing(np.full(len(task.vocabulary), 1 / len(task.vocabulary)))
    files = task.artifacts(model)
    assert tuple(json.loads(files["vocabulary.json"])) == task.vocabulary
    assert files["samples.txt"].decode().count("=== temperature") == len(chars.TEMPERATURES)
    (first,) = task.sample(model)
    assert task.sample(model) == [first] and len(first["text"]) == chars.GROWING
    assert first["prompt"] == chars.split(TEXT)[1][: chars.PROMPT]


# --- writing on

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
