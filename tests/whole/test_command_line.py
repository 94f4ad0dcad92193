"""What runs nothing, and bad input in one line."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import toys
from run_all_cases import GUARD_S, House

HEAVY = {"mlflow", "pandas", "numpy", "tensorflow", "keras", "torch", "pydantic", "matplotlib"}


@pytest.fixture
def bare(tmp_path):
    """A folder with nothing in it but the study."""
    return House(tmp_path)


def test_list_says_what_would_run_and_creates_nothing(bare):
    before = bare.files()
    found = bare.call("toy.toml", "--list", "--workers", "2")
    assert found.returncode == 0
    assert found.stdout.splitlines() == [
        "to run  tf2        sine-lstm-layer-2-stock  seed 0, 1",
        "to run  pytorch    sine-lstm-layer-2-stock  seed 0, 1",
        "to run  tf2        sine-lstm-unrolled-2-stock  seed 0, 1",
        "absent  pytorch    sine-lstm-unrolled-2-stock: the toy has none",
        "6 trials: 0 done, 6 to run, under a minute (6 by their size); 1 absent",
    ]
    assert bare.files() == before


def test_what_is_absent_is_absent_for_every_seed(bare):
    lines = bare.call("toy.toml", "--list", "--workers", "2", "--only", "seed=1").stdout.splitlines()
    assert "absent  pytorch    sine-lstm-unrolled-2-stock: the toy has none" in lines
    assert lines[-1].startswith("3 trials: 0 done, 3 to run") and lines[-1].endswith("; 1 absent")


def test_list_says_what_is_done(done):
    found = done.call("toy.toml", "--list", "--only", "framework=tf2", "--only", "form=layer")
    assert found.stdout.splitlines()[0] == "done    tf2        sine-lstm-layer-2-stock  seed 0, 1"
    assert found.stdout.splitlines()[-1] == "2 trials: 2 done, 0 to run"


def test_what_fits_into_some_minutes_is_taken_in_order(bare):
    (bare.folder / "toy.toml").write_text(toys.STUDY.replace("seeds = 2", "seeds = 200"))
    found = bare.call("toy.toml", "--list", "--workers", "1", "--minutes", "2").stdout.splitlines()
    said = re.fullmatch(r"(\d+) of 600 jobs fit into 2 minutes; a start without --minutes runs the rest", found[0])
    taken = int(said[1])
    assert 0 < taken < 600
    assert found[-1].startswith(f"{taken} trials: 0 done, {taken} to run, about 2 minutes (")
    assert found[1].startswith("to run  tf2        sine-lstm-layer-2-stock  seed 0, 1, 2, 3,")


def test_reports_only_runs_nothing(bare):
    found = bare.call("toy.toml", "--reports-only")
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
    assert not {"mlflow", "scipy", "tensorflow", "keras", "torch"} & set(found.rpartition("imported:")[2].split())


def test_help_names_every_study():
    from experiments.study import names

    command = [sys.executable, "-m", "run_all", "--help"]
    words = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace(",", " ").split())
    assert words >= set(names())


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
        (["toy.toml", "--only", "framework=pytorch", "--only", "form=unrolled"], ["no job of this study has all"]),
        (["toy.toml", "--only", "trap=gate_order"], ["no job of this study has it", "no filter by trap"]),
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
    found = bare.call(*arguments)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("error: ")
    assert found.stderr.count("\n") == 1
    assert [name for name in names if name not in found.stderr] == []
    assert bare.files() == before


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--colour"]])
def test_a_wrong_option_is_a_usage_error(bare, arguments):
    found = bare.call(*arguments)
    assert (found.returncode, found.stdout) == (2, "")
    assert "Traceback" not in found.stderr


def test_a_locked_database_is_one_line(house):
    with closing(sqlite3.connect(house.folder / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        found = house.call("toy.toml")
    assert (found.returncode, found.stderr) == (2, f"error: {house.folder}/mlflow.db: database is locked\n")
    assert house.runs() == []
