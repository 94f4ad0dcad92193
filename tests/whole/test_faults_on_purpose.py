"""A small campaign of faults, of the kinds that need neither Ray nor a server."""

import re
import subprocess
import sys

import pytest
from run_all_cases import CHECKOUT, GUARD_S

pytestmark = pytest.mark.study

KINDS = ("parent", "worker", "disk", "clock", "locked")


def campaign(*arguments):
    command = [sys.executable, "-m", "experiments.faults", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, encoding="utf-8", timeout=2 * GUARD_S)


def test_nothing_is_lost_repeated_left_running_or_different(tmp_path):
    only = [word for kind in KINDS for word in ("--only", kind)]
    done = campaign("--executor", "local", "--sqlite", "--rounds", "1", "--seed", "3", *only)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(
        r"\d+ faults in 1 studies, seed 3, \d+ min: lost 0, repeated 0, left RUNNING 0, different 0", last
    )
    assert int(last.split()[0]) >= len(KINDS)


@pytest.mark.parametrize("arguments", [["--only", "flood"], ["--executor", "dask"], ["--study", "nothing"]])
def test_bad_input_is_one_line(arguments):
    done = campaign("--sqlite", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
