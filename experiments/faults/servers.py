"""A real PostgreSQL and a real ``mlflow server``, started for a campaign or a test and gone after it."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

GUARD_S = 240  # a hang ends the test; nothing here is timed


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    initdb = shutil.which("initdb")
    folders = [*reversed(debian), *([Path(initdb).parent] if initdb else [])]
    return next((path for path in folders if (path / "initdb").exists() and (path / "postgres").exists()), None)


class Process:
    """A program that is started again and again."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether it has been started and not killed."""
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        raise NotImplementedError

    def kill(self) -> None:
        """End it with all its processes, without a warning."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _await(self, answers) -> None:
        until = time.monotonic() + GUARD_S
        while not answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self._process.args[0]} does not answer")
            time.sleep(0.1)


class Postgres(Process):
    """A cluster in a folder of its own; reached by a socket in it. It refuses to run as root."""

    def __init__(self, programs: Path) -> None:
        super().__init__()
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="rnn-twins-postgres-"))
        names = {each.pw_name for each in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody") if os.getuid() == 0 else None
        self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        if user:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._data = self.folder / "data"
        command = [programs / "initdb", "-D", self._data, "-U", "mlflow", "--auth=trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self._user)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        shutil.rmtree(self.folder)

    @property
    def uri(self) -> str:
        return f"postgresql+psycopg2://mlflow@/postgres?host={self.folder}"

    def start(self) -> None:
        command = [self._programs / "postgres", "-D", self._data, "-k", self.folder, "-c", "listen_addresses="]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **self._user
            )
        self._await(lambda: self.ask("SELECT 1"))

    def kill(self) -> None:
        """At once, as a machine that loses its power; its own processes share memory that would be left."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        self._process = None

    def ask(self, query: str) -> list[tuple]:
        """Rows; none where the server does not answer yet."""
        import psycopg2

        address = self.uri.replace("+psycopg2", "")
        try:
            with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        except psycopg2.OperationalError:
            return []

    def dump(self) -> str:
        """All that it holds, a row a line."""
        tables = self.ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        rows = [row for (table,) in tables for row in self.ask(f'SELECT held::text FROM "{table}" AS held')]
        return "\n".join(text for (text,) in rows)


#: No processes for jobs; what goes wrong is in the log.
OWN = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
OWN |= {"MLFLOW_LOGGING_LEVEL": "INFO"}


class MlflowServer(Process):
    """``mlflow server`` with one worker, in front of a database and a folder of artifacts."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._folder = folder
        where = ["--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts")]
        listening = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        self._command = [sys.executable, "-m", "mlflow", "server", "--serve-artifacts", *where, *listening]

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = os.environ | OWN
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._folder, env=environment, start_new_session=True
            )
        self._await(self._healthy)

    def _healthy(self) -> bool:
        try:
            with urlopen(f"{self.uri}/health", timeout=5) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False
