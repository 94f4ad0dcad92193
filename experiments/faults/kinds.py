"""The kinds of faults: what each does to a running study, for how long, and how it ends."""

import random
import resource
import signal
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from experiments.faults.child import CLOCK, PATIENCE_S
from experiments.faults.ray_nodes import RayNodes, family
from experiments.faults.servers import MlflowServer, Postgres
from experiments.faults.study import Study

HOURS = 3600.0
AWAY_S = 6.0  # at most, until what was killed is started again


class Missed(Exception):
    """There is nothing yet, or no longer, that the fault could hit."""


@dataclass
class Site:
    """Where studies run and are recorded; what is None is not part of it."""

    name: str
    folder: Path
    ray: RayNodes | None = None
    server: MlflowServer | None = None
    postgres: Postgres | None = None

    def database(self, study: Study) -> str:
        """The address of the tables, for SQLAlchemy."""
        return self.postgres.uri if self.postgres else f"sqlite:///{study.folder / 'mlflow.db'}"

    def serve_database(self) -> None:
        """Start PostgreSQL, unless it runs."""
        if not self.postgres.running:
            self.postgres.start()

    def serve(self) -> None:
        """Start the server, unless it runs, and the database that it needs to start."""
        self.serve_database()
        if not self.server.running:
            self.server.start()

    def arguments(self) -> list[str]:
        """Of ``run_all.py``."""
        executor = ["--executor", f"ray://{self.ray.address}"] if self.ray else []
        return ["--workers", "2", "--threads", "1", *executor] + (
            ["--tracking-uri", self.server.uri] if self.server else []
        )


class Passing(NamedTuple):
    """A fault that ends by itself after so many seconds."""

    seconds: float
    end: Callable[[], None]


Fault = Callable[[Site, Study, random.Random], Passing | None]


def parent(_site: Site, study: Study, _rng: random.Random) -> None:
    """SIGKILL of the process that records."""
    _hit(study.pid, signal.SIGKILL)


def worker(site: Site, study: Study, rng: random.Random) -> None:
    """SIGKILL of a worker process."""
    _hit(rng.choice(_workers(site, study)), signal.SIGKILL)


def stopped(site: Site, study: Study, rng: random.Random) -> Passing:
    """SIGSTOP of a worker process, for less or more than the study's patience."""
    pid = rng.choice(_workers(site, study))
    _hit(pid, signal.SIGSTOP)

    def wake() -> None:
        with suppress(Missed):
            _hit(pid, signal.SIGCONT)

    return Passing(rng.choice([0.3, 2.0]) * PATIENCE_S, wake)


def full_disk(_site: Site, study: Study, rng: random.Random) -> Passing:
    """No file of the recording process grows (``RLIMIT_FSIZE``): none at all, or none above 64 KiB."""
    pid, most = study.pid, rng.choice([0, 2**16])
    try:
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
    except ProcessLookupError:
        raise Missed from None

    def free() -> None:
        for each in [pid, *(child.pid for child in family(pid))]:
            with suppress(ProcessLookupError):
                resource.prlimit(each, resource.RLIMIT_FSIZE, (hard, hard))

    return Passing(rng.uniform(0.5, 3.0), free)


def clock(_site: Site, study: Study, rng: random.Random) -> None:
    """A jump of the recording process's clock by up to a day, back or forth, for good."""
    with study.clock.open("r+b") as file:
        file.write(CLOCK.pack(rng.uniform(-24, 24) * HOURS))


def locked(_site: Site, study: Study, rng: random.Random) -> Passing:
    """An exclusive lock on the SQLite database."""
    connection = sqlite3.connect(study.folder / "mlflow.db", timeout=5, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        connection.close()
        raise Missed from None
    return Passing(rng.uniform(1.0, 8.0), connection.close)


def server(site: Site, _study: Study, rng: random.Random) -> Passing:
    """SIGKILL of the MLflow server, and its next start."""
    if not site.server.running:
        raise Missed
    site.server.kill()
    return Passing(rng.uniform(0.0, AWAY_S), site.serve)


def postgres(site: Site, _study: Study, rng: random.Random) -> Passing:
    """PostgreSQL's immediate end, and its next start, which recovers."""
    if not site.postgres.running:
        raise Missed
    site.postgres.kill()
    return Passing(rng.uniform(0.0, AWAY_S), site.serve_database)


def actor(site: Site, _study: Study, rng: random.Random) -> None:
    """SIGKILL of a Ray actor."""
    _hit(_one([each.pid for each in site.ray.actors()], rng), signal.SIGKILL)


def node(site: Site, _study: Study, rng: random.Random) -> Passing:
    """SIGKILL of all processes of the second Ray node, and a new one."""
    if not (site.ray.head and site.ray.second):
        raise Missed
    site.ray.kill_second()
    return Passing(rng.uniform(0.0, AWAY_S), site.ray.add_second)


def head(site: Site, _study: Study, rng: random.Random) -> Passing:
    """SIGKILL of all processes of Ray's head, then of the cluster, and a new one at the same address."""
    if not site.ray.head:
        raise Missed
    site.ray.kill()
    return Passing(rng.uniform(0.0, AWAY_S), site.ray.start)


KINDS: dict[str, Fault] = {
    "parent": parent,
    "worker": worker,
    "stopped": stopped,
    "disk": full_disk,
    "clock": clock,
    "locked": locked,
    "server": server,
    "postgres": postgres,
    "actor": actor,
    "node": node,
    "head": head,
}


def possible(site: Site) -> list[str]:
    """The kinds that a site can have."""
    lacking = set() if site.ray else {"actor", "node", "head"}
    lacking |= {"locked"} if site.server else {"server", "postgres"}
    return [name for name in KINDS if name not in lacking]


def _workers(site: Site, study: Study) -> Sequence[int]:
    """The worker processes; on this machine the study's oldest child is no worker: it writes the pages."""
    if site.ray:
        pids = [each.pid for each in site.ray.workers()]
    else:
        pids = [each.pid for each in family(study.pid) if _is_spawned(each)][1:]
    if not pids:
        raise Missed
    return pids


def _is_spawned(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("spawn_main" in word for word in process.cmdline())
    return False


def _one(pids: Sequence[int], rng: random.Random) -> int:
    if not pids:
        raise Missed
    return rng.choice(pids)


def _hit(pid: int, number: int) -> None:
    with suppress(psutil.Error):
        psutil.Process(pid).send_signal(number)
        return
    raise Missed
