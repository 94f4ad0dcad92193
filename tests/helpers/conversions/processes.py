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
    environment = as_a_user(warnings)
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment, timeout=900, cwd=folder
    )


def as_a_user(warnings: str) -> dict[str, str]:
    """A process's environment: one thread, TensorFlow's logs as they are, these warnings."""
    helpers = Path(__file__).parents[1]
    paths = os.pathsep.join([str(helpers.parents[1]), str(helpers)])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": warnings, "PYTHONPATH": paths}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return environment


class Half:
    """A process that runs a framework's halves of all conversions, each when it is told to."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._folder, self._names, self._log = folder, list(names), folder / f"{names[0]}.log"
        with self._log.open("w") as log:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log, "text": True}
            command = [sys.executable, halves.__file__, folder, *names]
            self._process = subprocess.Popen(command, env=as_a_user(WARNINGS), **pipes)

    def run_next(self, stages: dict[str, Any]) -> None:
        """Run the next half, and add what it found to the stages."""
        half = self._names.pop(0)
        if self._names:
            print(file=self._process.stdin, flush=True)
            said = self._process.stdout.readline()
        else:
            said, _ = self._process.communicate("\n", timeout=900)
        assert said.strip() == half, self._log.read_text()[-3000:]
        for part in halves.HALVES[half]:
            stages[part].found |= json.loads((self._folder / part / f"{half}.json").read_text())
            stages[part].arrays |= np.load(self._folder / part / f"{half}.npz")


def assert_same(first: Path, second: Path) -> None:
    """Assert that two files hold the same canonical weights, to the bit."""
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    different = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    assert not different, f"{different} differ"
