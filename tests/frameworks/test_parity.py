"""Twins train alike under imposed conventions: every loss of 50 steps, each twin in a process of its own."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from experiments.parity.tolerances import TRAINED

WORKER = Path(__file__).parents[1] / "helpers/ladder/one_twin.py"
#: Each form once, each plain cell, both tasks, either conventions; the quick study's ladder compares all of them.
RUNS = [
    "keras/lstm/layer",
    "pytorch/lstm/layer",
    "pytorch/gru/unrolled",
    "keras/simple_rnn/wrapped",
    "pytorch/minimal/cell_loop",
    "keras/lstm/layer/chars",
    "pytorch/simple_rnn/scratch/chars",
]

pytestmark = pytest.mark.study


def as_reference(name: str) -> str:
    """Its form is always scratch."""
    conventions, cell, _, *task = name.split("/")
    return "/".join([conventions, cell, "scratch", *task])


@cache
def run(twin: str) -> dict[str, list[float]]:
    """Every run's losses, from one process."""
    names = [as_reference(name) for name in RUNS] if twin == "reference" else RUNS
    command = [sys.executable, WORKER, twin, *dict.fromkeys(names)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", RUNS)
def test_fifty_steps_agree_loss_by_loss(name):
    tf2, pytorch = run("tf2")[name], run("pytorch")[name]
    reference = run("reference")[as_reference(name)]
    assert len(set(reference)) == 50, "the reference does not train"
    assert reference[-1] != pytest.approx(reference[0], rel=1e-3)
    errors = {
        "tf2 against pytorch": np.abs(np.divide(tf2, pytorch) - 1),
        "tf2 against the reference": np.abs(np.divide(tf2, reference) - 1),
        "pytorch against the reference": np.abs(np.divide(pytorch, reference) - 1),
    }
    worst = max(errors, key=lambda name: errors[name].max())
    largest, step = errors[worst].max(), int(errors[worst].argmax()) + 1
    assert largest <= TRAINED["float64"].rtol, f"{name}: {worst} off by {largest:.1e} at step {step}"


def test_the_two_conventions_do_train_differently():
    keras, pytorch = (run("tf2")[f"{conventions}/lstm/layer"] for conventions in ("keras", "pytorch"))
    assert not np.allclose(keras, pytorch, rtol=1e-3)
