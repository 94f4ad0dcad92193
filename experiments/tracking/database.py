"""The tracking database without MLflow: whether it exists and is valid, and which of its runs are complete."""

import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from experiments.errors import UserError

DEFAULT_URI = "sqlite:///mlflow.db"
#: The servers that MLflow knows, and their ports.
SERVERS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
PATIENCE_S = 3.0  # for a lock that another process holds; MLflow holds it for milliseconds

FINISHED = """
    SELECT fingerprint.value, runs.run_uuid FROM runs
    JOIN experiments ON experiments.experiment_id = runs.experiment_id AND experiments.name = ?
    JOIN tags AS fingerprint ON fingerprint.run_uuid = runs.run_uuid AND fingerprint.key = 'fingerprint'
    JOIN tags AS complete ON complete.run_uuid = runs.run_uuid AND complete.key = 'complete' AND complete.value = '1'
    WHERE runs.lifecycle_stage = 'active' ORDER BY runs.start_time
"""


def sqlite_path(uri: str) -> Path | None:
    """The absolute path of a SQLite database, None for a server.

    Raises:
        UserError: neither.
    """
    scheme = urlsplit(uri).scheme
    if scheme.partition("+")[0] in SERVERS:
        return None
    path = uri.removeprefix("sqlite:///")
    if path in (uri, "", ":memory:"):
        raise UserError(
            f"--tracking-uri {shown(uri)}: allowed: sqlite:///FILE, http://HOST:PORT or a database MLflow knows"
        )
    return Path(path).absolute()


def shown(text: str) -> str:
    """An address, or a message that holds one, without the credentials: ``//user:password@``."""
    return re.sub(r"//[^/\s]*@", "//", text)


def absolute(uri: str) -> str:
    """The URI with an absolute path: MLflow keeps one engine for each URI it has seen."""
    path = sqlite_path(uri)
    return f"sqlite:///{path}" if path else uri


def check(uri: str) -> None:
    """Check that a study can be recorded there; creates nothing.

    Raises:
        UserError: no such folder, a foreign or locked file, or a server that does not answer.
    """
    path = sqlite_path(uri)
    if path is None:
        _knock(uri)
    elif path.is_file():
        with connect(path) as database:
            database.execute("BEGIN IMMEDIATE")  # fails where another holds the lock, or the file cannot be written
            database.rollback()
    elif path.exists():
        raise UserError(f"{path}: not a file; allowed: a database of MLflow's, or none yet")
    elif not path.parent.is_dir():
        raise UserError(f"{path}: no such folder: {path.parent}")


def finished(uri: str, study: str, experiment: str) -> dict[str, str]:
    """The complete runs of one of a study's experiments, fingerprint → run id, the newest of each; creates nothing.

    A SQLite database's tables are read directly: 0.03 s at 10,000 runs, where MLflow's search takes 13 s and 550 MiB,
    and its import a second.
    """
    name, path = f"{study}/{experiment}", sqlite_path(uri)
    if path is None:
        from experiments.tracking import runs

        return runs.finished_on_server(uri, name)
    if not path.is_file():
        return {}
    with connect(path) as database:
        empty = not database.execute("SELECT 1 FROM sqlite_master").fetchone()
        return {} if empty else dict(database.execute(FINISHED, (name,)).fetchall())


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing MLflow database; for writing even to read, or SQLite leaves two files behind.

    Raises:
        UserError: it is not one, or SQLite cannot open it.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=PATIENCE_S)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and not {"experiments", "runs", "tags", "alembic_version"} <= tables:
                raise UserError(f"{path}: a database, but none of MLflow's; allowed: one of MLflow's, or none yet")
            yield database
    except sqlite3.Error as error:
        raise UserError(f"{path}: {error}") from error


def _knock(uri: str) -> None:
    """Connect once: MLflow itself would try a silent server for minutes."""
    parts = urlsplit(uri)
    if not parts.hostname:  # a socket of this machine's
        return
    try:
        port = parts.port or SERVERS[parts.scheme.partition("+")[0]]
        socket.create_connection((parts.hostname, port), timeout=PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise UserError(f"--tracking-uri {shown(uri)}: no answer: {error}") from error
