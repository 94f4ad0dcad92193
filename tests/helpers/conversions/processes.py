"""Conversions in processes of their own, and files compared bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from conversions import halves
from safetensors.numpy import load_file

#: TensorFlow 2.21 under NumPy 2, in whatever saves a Keras model; PyTorch falls back to its own loop.
WARNINGS = "error,ignore:__array__ implementation:DeprecationWarning,ignore:LSTM with projections:UserWarning"


def run(*command, warnings: str = "default", folder: Path | None = None) -> subprocess.CompletedProcess:
    """Run this Python on one thread, with TensorFlow's logs as a user has them: they must not reach stderr."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": warnings}
    helpers = Path(__file__).parents[1]
    environment["PYTHONPATH"] = os.pathsep.join([str(helpers.parents[1]), str(helpers)])
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment, timeout=900, cwd=folder
    )


def run_half(half: str, stages: dict[str, Any], folder: Path) -> None:
    """Run one framework's half of all conversions in a process of its own; add what it found to the stages."""
    done = run(halves.__file__, half, folder, warnings=WARNINGS)
    assert done.returncode == 0, done.stderr[-3000:]
    for part in halves.HALVES[half]:
        stages[part].found |= json.loads((folder / part / f"{half}.json").read_text())
        stages[part].arrays |= np.load(folder / part / f"{half}.npz")


def assert_same(first: Path, second: Path) -> None:
    """Assert that two files hold the same canonical weights, to the bit."""
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    different = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    assert not different, f"{different} differ"
