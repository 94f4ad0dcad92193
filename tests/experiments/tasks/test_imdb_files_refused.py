"""Files of reviews that are refused, and why."""

import errno
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from imdb_files import (
    TRAIN,
    Reduced,
    arrays,
    folder,
    located,
    objects,
    pickled_member,
    refused,
    touch,
    unreadable,
    with_member,
)

from experiments.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of each test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNN_TWINS_CACHE", str(folder))
    return folder


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


def test_a_user_s_file_that_would_run_code(tmp_path, cache):
    marker = tmp_path / "marker"
    pickled = pickle.dumps(MALICIOUS["os.system"](marker))
    message = refused(with_member(tmp_path / "evil.npz", "x_test", pickled_member(pickled)))
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
    assert "has data after its array" in unreadable(with_member(tmp_path / "f.npz", "x_train", member))


@pytest.mark.parametrize("shape", [(7,), (9,), (10**15,)])
def test_a_header_that_counts_otherwise(shape, tmp_path):
    member = pickled_member(pickle.dumps(objects(TRAIN)), shape)
    assert "objects its header names" in unreadable(with_member(tmp_path / "f.npz", "x_train", member))


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
