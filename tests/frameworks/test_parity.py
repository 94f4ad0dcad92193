"""Twins train alike under imposed conventions: every loss of 50 steps, each twin in a process of its own."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tolerances import FIFTY_STEPS

WORKER = Path(__file__).parents[1] / "helpers/ladder/one_twin.py"
#: Each form once, each plain cell, and both tasks; the ladder of the quick study compares every form of every cell.
PAIRS = [
    "lstm/layer",
    "gru/unrolled",
    "simple_rnn/wrapped",
    "minimal/cell_loop",
    "lstm/layer/chars",
    "simple_rnn/scratch/chars",
]
CONVENTIONS = ("keras", "pytorch")

pytestmark = pytest.mark.study


def as_reference(pair: str) -> str:
    """Its form is always scratch."""
    cell, _, *task = pair.split("/")
    return "/".join([cell, "scratch", *task])


@cache
def run(twin: str) -> dict[str, dict[str, list[float]]]:
    """The losses by conventions and pair, from one process."""
    pairs = [as_reference(pair) for pair in PAIRS] if twin == "reference" else PAIRS
    command = [sys.executable, WORKER, twin, ",".join(CONVENTIONS), *dict.fromkeys(pairs)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("conventions", CONVENTIONS)
@pytest.mark.parametrize("pair", PAIRS)
def test_fifty_steps_agree_loss_by_loss(pair, conventions):
    tf2, pytorch = run("tf2")[conventions][pair], run("pytorch")[conventions][pair]
    reference = run("reference")[conventions][as_reference(pair)]
    assert len(set(reference)) == 50, "the reference does not train"
    assert reference[-1] != pytest.approx(reference[0], rel=1e-3)
    errors = {
        "tf2 against pytorch": np.abs(np.divide(tf2, pytorch) - 1),
        "tf2 against the reference": np.abs(np.divide(tf2, reference) - 1),
        "pytorch against the reference": np.abs(np.divide(pytorch, reference) - 1),
    }
    worst = max(errors, key=lambda name: errors[name].max())
    largest, step = errors[worst].max(), int(errors[worst].argmax()) + 1
    assert largest <= FIFTY_STEPS, f"{pair} under {conventions}: {worst} off by {largest:.1e} at step {step}"


@pytest.mark.parametrize("pair", ["lstm/layer", "gru/unrolled"])
def test_the_two_conventions_do_train_differently(pair):
    keras, pytorch = (run("tf2")[conventions][pair] for conventions in CONVENTIONS)
    assert not np.allclose(keras, pytorch, rtol=1e-3)
