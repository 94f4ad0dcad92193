"""Shared by the tests of whole."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import toys
from typer.testing import CliRunner

import frameworks
import reports
import run_all
from experiments import tasks
from experiments.running.processes import STOPPING

CHECKOUT = Path(__file__).parents[2]


GUARD_S = 240  # a hang ends the test; nothing here is timed

#: For a process of its own: the real twins, whose texts are short, and one page of a few words.
BRIEFLY = "import frameworks, run_all, toys; frameworks.load = toys.load_briefly; toys.replace_pages(); run_all.start()"

#: Every metric of the complete trials, of times only that they are there; the means of their parents at the end.
METRICS = """
    SELECT tags.value, metrics.key, metrics.step, CASE WHEN metrics.key LIKE 'time/%' THEN 0 ELSE metrics.value END
    FROM metrics JOIN tags ON tags.run_uuid = metrics.run_uuid AND tags.key = 'fingerprint'
    JOIN tags AS complete ON complete.run_uuid = metrics.run_uuid AND complete.key = 'complete'
    UNION ALL SELECT spec.value, means.key, means.step, means.value FROM latest_metrics AS means
    JOIN tags AS spec ON spec.run_uuid = means.run_uuid AND spec.key = 'spec_fingerprint'
    JOIN tags AS kind ON kind.run_uuid = means.run_uuid AND kind.key = 'kind' AND kind.value = 'experiment'
"""


def call(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """``run_all`` in a folder and in this process: another one takes seconds to import MLflow."""
    handlers = {number: signal.getsignal(number) for number in STOPPING}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            outcome = CliRunner().invoke(run_all.app, arguments)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return subprocess.CompletedProcess(arguments, outcome.exit_code, outcome.stdout, outcome.stderr)


@contextmanager
def replaced(twins: dict[str, Callable]) -> Iterator[None]:
    """Toys in the twins' places, and one page of a few words."""
    with pytest.MonkeyPatch.context() as patch:
        for name, toy in twins.items():
            patch.setattr(frameworks, name, toy)
        patch.setattr(tasks, "module_of", lambda spec: toys.ToyRoom)
        patch.setattr(reports, "write", toys.write_reports)
        yield


class House:
    """A folder with a study of toys, and commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "toy.toml").write_text(toys.STUDY, encoding="utf-8")

    def start(self, *arguments, deeds=None, **options):
        """``run_all`` with toys in the twins' places, in a process group of its own."""
        paths = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "tests/helpers")])
        environment = os.environ | {"PYTHONPATH": paths, "TOY_DEEDS": json.dumps(deeds or {})}
        command = [sys.executable, "-c", "import toys; toys.main()", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        return subprocess.Popen(command, cwd=self.folder, env=environment, start_new_session=True, **(pipes | options))

    def run(self, *arguments, deeds=None):
        process = self.start(*arguments, deeds=deeds)
        out, err = process.communicate(timeout=GUARD_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def call(self, *arguments, deeds=None):
        """The same in this process."""
        with replaced(toys.TWINS):
            return call(self.folder, *arguments, TOY_DEEDS=json.dumps(deeds or {}))

    def study(self, **options):
        return self.call("toy.toml", "--workers", "1", **options)

    def runs(self):
        """(name, slug, status, complete) of every trial's run, oldest first."""
        query = """
            SELECT name, slug.value, status, complete.value FROM runs
            JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind' AND kind.value = 'trial'
            JOIN tags AS slug ON slug.run_uuid = runs.run_uuid AND slug.key = 'slug'
            LEFT JOIN tags AS complete ON complete.run_uuid = runs.run_uuid AND complete.key = 'complete'
            ORDER BY start_time, runs.rowid
        """
        return self.ask(query)

    def ask(self, query):
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database, database:
            return database.execute(query).fetchall()

    def files(self):
        return sorted(path.relative_to(self.folder) for path in self.folder.rglob("*"))

    def asleep(self):
        """Wait until a trial sleeps; its worker's process."""
        mark, until = self.folder / "asleep", time.monotonic() + GUARD_S
        while time.monotonic() < until:
            if mark.exists() and (pid := mark.read_text()):
                return int(pid)
            time.sleep(0.05)
        raise TimeoutError("no trial fell asleep")
