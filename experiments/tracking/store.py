"""MLflow opened quietly: its database made and checked, its errors in one line, its runs page by page."""

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

from experiments.tracking import database

#: What MLflow, its database or its file system raise.
STORE_ERRORS = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError)


def open_store(uri: str) -> SqlAlchemyStore | None:
    """Check the database; if it is SQLite's, create it if missing and turn on write-ahead logging."""
    database.check(uri)
    path = database.sqlite_path(uri)
    if path is None:
        return None
    (path.parent / "mlruns").mkdir(exist_ok=True)
    if not path.exists():
        create(path)
    with database.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = wal")  # three times quicker writes; it persists
    return SqlAlchemyStore(uri, str(path.parent / "mlruns"))


def create(path: Path) -> None:
    """Create the database beside its place and link it there when complete.

    A start that is killed during MLflow's migrations then leaves no half-made database.
    """
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        SqlAlchemyStore(f"sqlite:///{fresh}", str(path.parent / "mlruns"))._dispose_engine()
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return  # another start was first
        except OSError:
            fresh.rename(path)  # a file system without hard links


def runs_of(client: MlflowClient, experiments: list[str], filters: str) -> Iterator[Run]:
    """The runs that match, newest first."""
    token = None
    while True:
        page = client.search_runs(experiments, filters, max_results=1_000, page_token=token)
        yield from page
        if not (token := page.token):
            return


def first_cause(error: BaseException) -> str:
    """SQLite's or the system's own words, from under MLflow's and SQLAlchemy's."""
    while error.__cause__:
        error = error.__cause__
    return (str(error).splitlines() or [type(error).__name__])[0]
