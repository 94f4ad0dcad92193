"""A small campaign of faults, of the kinds that need neither Ray nor a server."""

import re
import subprocess
import sys

import pytest
from run_all_cases import CHECKOUT, GUARD_S
from typer.testing import CliRunner

from experiments.faults.__main__ import app

pytestmark = pytest.mark.cluster

KINDS = ("parent", "worker", "disk", "clock", "locked")


STUDY = """
name = "few"
description = "A few quick jobs."
frameworks = ["reference"]
seeds = 3

[[grid]]
task = { name = "chars", characters = 1500, window = 10 }
network = { cell = "simple_rnn", form = "scratch", units = [4], encoder = "one_hot" }
training = { epochs = 2, batch_size = 8 }
conventions = "keras"
"""


def test_nothing_is_lost_repeated_left_running_or_different(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(STUDY)
    only = [word for kind in KINDS for word in ("--only", kind)]
    site = ["--executor", "local", "--sqlite", "--rounds", "1", "--faults", "6", "--seed", "3", "--study", str(path)]
    command = [sys.executable, "-m", "experiments.faults", *site, *only]
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, encoding="utf-8", timeout=4 * GUARD_S, check=False
    )
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout + done.stderr
    zeros = "lost 0, repeated 0, left RUNNING 0, different 0"
    assert re.fullmatch(rf"[1-6] faults, 1 studies, seed 3, \d+ min: {zeros}", last)


@pytest.mark.parametrize(
    "arguments", [["--only", "flood"], ["--executor", "dask"], ["--study", "nothing"], ["--keep", "."]]
)
def test_bad_input_is_one_line(arguments):
    done = CliRunner().invoke(app, ["--sqlite", *arguments])
    assert done.exit_code == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
