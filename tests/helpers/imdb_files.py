"""Shared by the tests of tasks."""

import io
import zipfile

import numpy as np
import pytest

from experiments import tasks
from experiments.errors import UserError
from experiments.tasks import imdb, imdb_sources
from experiments.tasks.imdb import ImdbSpec

SPEC = ImdbSpec(words=20, tokens=5)


TRAIN = [[1, 5, 9], [2], list(range(1, 12)), [16, 17, 18], [3, 3, 3, 3], [7, 400], [], [2, 1]]


TRAIN_LABELS = [0, 1, 1, 0, 0, 1, 1, 0]


TEST = [[4, 2**31 - 4], [1, 2, 3, 4, 5, 6]]


TEST_LABELS = [1, 0]


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


def located(path, spec=SPEC):
    source = tasks.locate(spec, str(path))
    return source, imdb.load(spec, source, "float64")


def contents(split):
    """Encoded reviews with their labels, whatever their order."""
    return sorted(zip(split.x.tolist(), split.y[:, 0].tolist(), strict=True))


def expected(reviews, labels):
    return sorted((keras_encode(review, 20, 5), label) for review, label in zip(reviews, labels, strict=True))


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path):
    path.write_bytes(b"")


def replaced_by_npy(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def replaced_by_text(path):
    path.write_text("x_train,y_train\n")


class Reduced:
    """Pickles as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def touch(marker):
    return f"touch {marker}"


def folder(path):
    path.mkdir()
