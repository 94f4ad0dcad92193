"""The prepared file, and the official one."""

import errno
import http.server
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from imdb_files import (
    SPEC,
    TEST,
    TEST_LABELS,
    TRAIN,
    TRAIN_LABELS,
    Reduced,
    arrays,
    contents,
    emptied,
    expected,
    located,
    objects,
    refused,
    replaced_by_npy,
    replaced_by_text,
    touch,
    truncated,
)

from experiments.tasks import imdb, imdb_store
from experiments.tasks.cache import cache_folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of each test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNN_TWINS_CACHE", str(folder))
    return folder


def test_two_at_once_both_find_a_whole_file(sound, cache):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(located, [sound, sound])
    assert first[0] == second[0]
    assert [file.name for file in cache.iterdir()] == [f"imdb-{first[0].digest}.npz"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The prepared file of the sound one, which a process of its own makes."""
    folder = tmp_path_factory.mktemp("prepared")
    np.savez(folder / "mine.npz", **arrays())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_TWINS_CACHE", str(folder / "cache"))
        return Path(located(folder / "mine.npz")[0].path)


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
def test_a_damaged_prepared_file_is_made_anew(damage, sound, prepared, cache):
    shutil.copytree(prepared.parent, cache)
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
