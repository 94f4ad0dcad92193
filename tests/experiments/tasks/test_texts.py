"""Texts to read a character at a time: found, prepared, refused."""

import hashlib
from pathlib import Path

import pooch
import pytest
from chars_cases import TEXT, spec
from hypothesis import given
from hypothesis import strategies as st

from experiments import tasks
from experiments.errors import UserError
from experiments.tasks import chars, texts
from experiments.tasks.chars import CharsSpec


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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
