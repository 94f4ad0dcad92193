"""Data on another machine than where it was located; and a preparation that two processes want at once."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from chars_cases import TEXT, spec

from experiments import tasks
from experiments.errors import UserError
from experiments.tasks import texts
from experiments.tasks.imdb import ImdbSpec
from experiments.tasks.sine import SineSpec
from experiments.tasks.task import DataSource


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_file_at_the_same_path_is_taken(text):
    source = tasks.locate(spec(str(text)))
    assert tasks.on_this_machine(spec(str(text)), source) == source


def test_another_file_at_the_same_path_is_refused(text):
    source = replace(tasks.locate(spec(str(text))), digest="0" * 64)
    with pytest.raises(UserError, match=r"text.txt: its sha256 is \w+, not 0{64}; allowed: the same data"):
        tasks.on_this_machine(spec(str(text)), source)


def test_known_data_is_prepared_in_this_machine_s_own_cache(text, monkeypatch):
    there = replace(tasks.locate(spec("reviews")), path="/on/another/machine/reviews.txt")
    prepared = tasks.on_this_machine(spec("reviews"), there)
    assert Path(prepared.path).is_file() and prepared.digest == there.digest


def test_a_prepared_file_of_the_user_s_that_is_missing_is_refused():
    source = DataSource("imdb-mine.npz", "0" * 64, "/no/such/imdb.npz", "Reviews.")
    with pytest.raises(UserError, match=r"/no/such/imdb.npz: not on this machine; allowed: .* packaged or keras"):
        tasks.on_this_machine(ImdbSpec(), source)


def test_computed_data_is_no_file():
    source = DataSource("sine", "0" * 64, None, "A sine.")
    assert tasks.on_this_machine(SineSpec(), source) is source


def test_of_two_that_want_the_same_text_one_prepares_it(text, monkeypatch):
    made = []

    def slowly(target: Path) -> None:
        made.append(target)
        time.sleep(0.5)
        target.write_bytes(b"text")

    monkeypatch.setattr(texts, "_has", lambda path, sha256: path.exists())
    both = [threading.Thread(target=texts._known, args=("known.txt", "", slowly)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(made) == 1 and (texts.cache_folder() / "known.txt").read_bytes() == b"text"
