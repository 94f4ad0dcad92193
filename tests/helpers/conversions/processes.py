"""Conversions in processes of their own, and files compared bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

#: TensorFlow 2.21 under NumPy 2, in whatever saves a Keras model; PyTorch falls back to its own loop.
WARNINGS = "error,ignore:__array__ implementation:DeprecationWarning,ignore:LSTM with projections:UserWarning"


def run(*command, warnings: str = "default") -> subprocess.CompletedProcess:
    """Run this Python on one thread, with TensorFlow's logs as a user has them: they must not reach stderr."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": warnings}
    helpers = Path(__file__).parents[1]
    environment["PYTHONPATH"] = os.pathsep.join([str(helpers.parents[1]), str(helpers)])
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, timeout=900)


def run_stage(script: Path, stage: Any, name: str) -> Any:
    """Run one framework's part of a script in a process of its own; return the stage with what it found."""
    done = run(script, name, stage.folder, warnings=WARNINGS)
    assert done.returncode == 0, done.stderr[-3000:]
    stage.found |= json.loads((stage.folder / f"{name}.json").read_text())
    stage.arrays |= np.load(stage.folder / f"{name}.npz")
    return stage


def assert_same(first: Path, second: Path) -> None:
    """Assert that two files hold the same canonical weights, to the bit."""
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    different = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    assert not different, f"{different} differ"
