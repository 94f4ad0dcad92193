"""The front door in processes of its own: whole studies of toys, real signals, real faults."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import toys

from experiments.tracking import store
from experiments.training import checkpoints

CHECKOUT = Path(__file__).parents[2]
GUARD_S = 60  # a hang ends the test; nothing here is timed
HEAVY = {"mlflow", "pandas", "numpy", "tensorflow", "keras", "torch", "pydantic", "matplotlib"}


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An empty database; making one takes seconds, copying it none."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    store.create(path)
    return path


class House:
    """A folder with a study of toys, and commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "toy.toml").write_text(toys.STUDY, encoding="utf-8")

    def start(self, *arguments, deeds=None, **options):
        """``run_all`` with toys in the twins' places, in a process group of its own."""
        environment = os.environ | {"PYTHONPATH": str(CHECKOUT / "tests/helpers"), "TOY_DEEDS": json.dumps(deeds or {})}
        command = [sys.executable, "-c", "import toys; toys.main()", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        return subprocess.Popen(command, cwd=self.folder, env=environment, start_new_session=True, **(pipes | options))

    def run(self, *arguments, deeds=None):
        process = self.start(*arguments, deeds=deeds)
        out, err = process.communicate(timeout=GUARD_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def study(self, **options):
        return self.run("toy.toml", "--workers", "1", **options)

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


@pytest.fixture
def house(tmp_path, template):
    """A folder whose database is made already."""
    shutil.copy(template, tmp_path / "mlflow.db")
    return House(tmp_path)


@pytest.fixture
def bare(tmp_path):
    """A folder with nothing in it but the study."""
    return House(tmp_path)


def gone(pid):
    """Whether a process ends, soon."""
    until = time.monotonic() + GUARD_S
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """A study run where nothing was before."""
    house = House(tmp_path_factory.mktemp("first"))
    house.result = house.run("toy.toml")
    return house


@pytest.fixture
def done(first, house):
    """A folder whose study is done already."""
    shutil.copy(first.folder / "mlflow.db", house.folder)
    return house


def test_a_study_runs_and_is_reported(first):
    assert (first.result.returncode, first.result.stderr) == (0, "")
    assert len(first.runs()) == 6
    assert {(status, complete) for _, _, status, complete in first.runs()} == {("FINISHED", "1")}
    assert (first.folder / "reports/index.html").read_text() == "toy"
    assert "/#/experiments/1/runs?workflowType=machine_learning" in first.result.stdout
    assert "loss 0.0625 ± 0" in first.result.stdout


def test_what_is_done_is_not_run_again(done):
    found = done.run("toy.toml", deeds={"tf2": "import", "pytorch": "import"})
    assert (found.returncode, found.stderr) == (0, "")
    assert "nothing to run: all 6 trials are done" in found.stdout
    assert len(done.runs()) == 6


def test_fresh_runs_what_is_done_again_and_from_the_start(done, monkeypatch, tmp_path):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    ours, other = (toys.trial(seed=seed).fingerprint for seed in (0, 1))
    for fingerprint in (ours, other):
        checkpoints.save(fingerprint, {}, checkpoints.Progress())
    assert done.run("toy.toml", "--fresh", "--only", "seed=0").returncode == 0
    assert len(done.runs()) == 6 + 3
    assert not checkpoints.path(ours).exists() and checkpoints.path(other).exists()


def test_a_run_that_lost_its_complete_tag_runs_again(done):
    done.ask(
        "DELETE FROM tags WHERE key = 'complete' AND run_uuid = (SELECT min(run_uuid) FROM tags WHERE key = 'complete')"
    )
    assert done.study().returncode == 0
    assert len(done.runs()) == 7


def test_failures_are_shown_and_the_others_go_on(house):
    found = house.study(deeds={"tf2:0": "nan", "tf2:1": "raise", "pytorch:0": "kill", "pytorch:1": "kill-once"})
    assert found.returncode == 1
    assert {line for line in found.stdout.splitlines() if line.startswith("failed")} == {
        "failed: sine-lstm-layer-2-stock  tf2 · seed 0: the loss is nan at epoch 1, step 1",
        "failed: sine-lstm-layer-2-stock  tf2 · seed 1: ValueError: no good",
        "failed: sine-lstm-layer-2-stock  pytorch · seed 0: the worker died twice (signal 9)",
        "failed: sine-lstm-unrolled-2-stock  tf2 · seed 0: the loss is nan at epoch 1, step 1",
        "failed: sine-lstm-unrolled-2-stock  tf2 · seed 1: ValueError: no good",
    }
    assert "pytorch · seed 1  the worker died (signal 9); tried once more" in found.stdout
    assert Counter(status for *_, status, _ in house.runs()) == {"FAILED": 5, "KILLED": 2, "FINISHED": 1}
    assert house.study().returncode == 0
    assert sum(complete == "1" for *_, complete in house.runs()) == 6


def until_recorded(house, statuses: list[str]) -> None:
    """Wait until the parent has written down what its workers told it."""
    deadline = time.monotonic() + GUARD_S
    while [status for *_, status, _ in house.runs()] != statuses:
        assert time.monotonic() < deadline, house.runs()
        time.sleep(0.1)


def test_a_killed_parent_loses_only_what_was_in_flight(house):
    process = house.start("toy.toml", "--workers", "1", deeds={"tf2:1": "sleep"})
    worker = house.asleep()
    until_recorded(house, ["FINISHED", "RUNNING"])
    process.kill()
    process.communicate()
    assert gone(worker)
    assert [status for *_, status, _ in house.runs()] == ["FINISHED", "RUNNING"]
    assert house.study().returncode == 0
    assert [status for *_, status, _ in house.runs()] == ["FINISHED", "KILLED", *["FINISHED"] * 5]
    assert not house.ask("SELECT * FROM runs WHERE status = 'RUNNING'")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_is_clean(house, number):
    process = house.start("toy.toml", "--workers", "1", deeds={"tf2:1": "sleep"})
    worker = house.asleep()
    until_recorded(house, ["FINISHED", "RUNNING"])
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, err = process.communicate(timeout=GUARD_S)
    assert process.returncode == 130
    assert err == "interrupted; the same command continues where this one stopped\n"
    assert gone(worker)
    assert [status for *_, status, _ in house.runs()] == ["FINISHED", "KILLED"]
    assert not house.ask("SELECT * FROM runs WHERE status = 'RUNNING'")


# --- what runs nothing


def test_list_says_what_would_run_and_creates_nothing(bare):
    before = bare.files()
    found = bare.run("toy.toml", "--list")
    assert found.returncode == 0
    assert found.stdout.splitlines() == [
        "to run  tf2        sine-lstm-layer-2-stock  seed 0, 1",
        "to run  pytorch    sine-lstm-layer-2-stock  seed 0, 1",
        "to run  tf2        sine-lstm-unrolled-2-stock  seed 0, 1",
        "absent  pytorch    sine-lstm-unrolled-2-stock: the toy has none",
        "6 trials: 0 done, 6 to run; 1 absent",
    ]
    assert bare.files() == before


def test_list_says_what_is_done(done):
    found = done.run("toy.toml", "--list", "--only", "framework=tf2", "--only", "form=layer")
    assert found.stdout.splitlines()[0] == "done    tf2        sine-lstm-layer-2-stock  seed 0, 1"
    assert found.stdout.splitlines()[-1] == "2 trials: 2 done, 0 to run"
    unfiltered = done.run("toy.toml", "--list").stdout.splitlines()
    assert unfiltered[-1].endswith("; 1 absent") and any(line.startswith("absent  pytorch") for line in unfiltered)


def test_reports_only_runs_nothing(bare):
    found = bare.run("toy.toml", "--reports-only")
    assert (found.returncode, found.stdout) == (0, "reports: reports/index.html\n")
    assert not (bare.folder / "mlflow.db").exists()


PROBE = """
import sys
sys.argv = ["run_all.py", *sys.argv[1:]]
import run_all
try:
    run_all.app()
finally:
    print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option, tmp_path):
    command = [sys.executable, "-c", PROBE, option]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=GUARD_S, check=True)
    imported = set(found.stdout.rpartition("imported:")[2].split())
    assert "typer" in imported
    assert not imported & HEAVY
    assert not list(tmp_path.iterdir())


def test_list_imports_neither_mlflow_nor_a_framework(tmp_path):
    network = 'task = "sine"\nnetwork = { cell = "lstm", form = "layer" }\n'
    (tmp_path / "mine.toml").write_text(f'name = "mine"\ndescription = "d"\n[[grid]]\n{network}')
    command = [sys.executable, "-c", PROBE, "mine.toml", "--list"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=GUARD_S, check=True).stdout
    assert "2 trials: 0 done, 2 to run" in found
    assert not {"mlflow", "tensorflow", "keras", "torch"} & set(found.rpartition("imported:")[2].split())


def test_help_names_every_study():
    from experiments.study.schema import STUDIES

    command = [sys.executable, "-m", "run_all", "--help"]
    words = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace(",", " ").split())
    assert words >= {study.stem for study in STUDIES.glob("*.toml")}


# --- bad input


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["none"], ["'none'", "allowed: ", "smoke"]),
        (["."], ["'.'", "allowed: "]),
        (["latin.toml"], ["latin.toml", "not valid TOML"]),
        (["broken.toml"], ["broken.toml", "not valid TOML"]),
        (["typo.toml"], ["typo.toml", "seedz", "allowed: "]),
        (["cell.toml"], ["cell.toml", "network.cell", "'lsmt'", "allowed: "]),
        (["toy.toml", "--only", "cell=lsmt"], ["--only cell=lsmt", "allowed: lstm"]),
        (["toy.toml", "--only", "size=2"], ["--only size=2", "allowed: KEY=VALUE"]),
        (["toy.toml", "--only", "framework=pytorch", "--only", "form=unrolled"], ["no trial of this study has all"]),
        (["toy.toml", "--tracking-uri", "mlflow.db"], ["--tracking-uri mlflow.db", "allowed: "]),
        (["toy.toml", "--tracking-uri", "sqlite:///typo.toml"], ["typo.toml", "not a database"]),
        (["toy.toml", "--tracking-uri", "sqlite:////proc/mlflow.db"], ["/proc/mlflow.db"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(bare, arguments, names):
    (bare.folder / "latin.toml").write_bytes('name = "caf\xe9"'.encode("latin-1"))
    (bare.folder / "broken.toml").write_text("name = ")
    (bare.folder / "typo.toml").write_text(toys.STUDY.replace("seeds", "seedz"))
    (bare.folder / "cell.toml").write_text(toys.STUDY.replace('"lstm"', '"lsmt"'))
    before = bare.files()
    found = bare.run(*arguments)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("error: ")
    assert found.stderr.count("\n") == 1
    assert [name for name in names if name not in found.stderr] == []
    assert bare.files() == before


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--colour"]])
def test_a_wrong_option_is_a_usage_error(bare, arguments):
    found = bare.run(*arguments)
    assert (found.returncode, found.stdout) == (2, "")
    assert "Traceback" not in found.stderr


def test_a_locked_database_is_one_line(house):
    with closing(sqlite3.connect(house.folder / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        found = house.run("toy.toml")
    assert (found.returncode, found.stderr) == (2, f"error: {house.folder}/mlflow.db: database is locked\n")
    assert house.runs() == []
