"""``kill -9`` amid a character trial and a new start: the curve and the weights that no kill would have left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import toys
from run_all_cases import BRIEFLY, call
from safetensors.numpy import load_file

import frameworks
import reports
from experiments.training import checkpoints

ROOT = Path(__file__).parents[2]
GUARD_S = 900
EPOCHS = 8
STUDY = f"""
name = "killed"
description = "A trial that is long enough to be killed."
frameworks = ["pytorch"]

[[grid]]
task = {{ name = "chars", text = "text.txt", window = 16 }}
network = {{ cell = "lstm", form = "layer", units = [12, 12], dropout = 0.2 }}
training = {{ epochs = {EPOCHS}, learning_rate_decay = 0.9 }}
"""
ARGUMENTS = ("killed.toml", "--models", "none")
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def laid(folder: Path) -> None:
    """Lay the study and its text into a new folder."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), size)) for size in rng.integers(1, 8, 40)]
    (folder / "text.txt").write_text(" ".join(rng.choice(words, 2_000)))
    (folder / "killed.toml").write_text(STUDY)


def start(folder: Path) -> subprocess.Popen:
    """The study in a process of its own, without its pages."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests/helpers")])
    environment = os.environ | {"RNN_TWINS_CACHE": str(folder / "cache"), "PYTHONPATH": paths}
    command = [sys.executable, "-c", BRIEFLY, *ARGUMENTS]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def epochs_kept() -> int:
    """How many epochs the trial's checkpoint holds."""
    files = list(checkpoints.folder().glob(f"*{checkpoints.SUFFIX}"))
    found = checkpoints.find(files[0].stem) if files else None
    return len(found[1].epochs) if found else 0


def ended(folder: Path) -> str:
    """Run the study to its end, with its pages; what it said."""
    done = call(folder, *ARGUMENTS, RNN_TWINS_CACHE=str(folder / "cache"))
    assert done.returncode == 0, done.stderr
    return done.stdout


def runs(folder: Path) -> list:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("killed/training")
    trials = "tags.kind = 'trial'"
    return [(client, run) for run in client.search_runs([experiment.experiment_id], trials, order_by=["start_time"])]


def outcome(folder: Path, client, run) -> tuple[dict[str, list[float]], dict[str, np.ndarray]]:
    """Each epoch's losses and the weights at the end."""
    curves = {
        name: [
            metric.value for metric in sorted(client.get_metric_history(run.info.run_id, name), key=lambda m: m.step)
        ]
        for name in ("train/loss", "test/loss")
    }
    weights = client.download_artifacts(run.info.run_id, "weights.safetensors", str(folder))
    return curves, load_file(weights)


def test_a_killed_study_goes_on_to_what_no_kill_would_have_left(tmp_path, monkeypatch, new_database):
    """With PyTorch; a killed worker is tried with TensorFlow 2, and each twin's checkpoints in its own process."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        laid(folder)
        new_database(folder)
    monkeypatch.setattr(frameworks, "load", toys.load_briefly)
    said = ended(whole)
    assert "could not be written" not in said
    assert "is running" not in (whole / "reports/index.html").read_text(encoding="utf-8")

    monkeypatch.setattr(reports, "write", toys.write_reports)
    monkeypatch.setenv("RNN_TWINS_CACHE", str(broken / "cache"))
    process, until = start(broken), time.monotonic() + GUARD_S
    while epochs_kept() < 2:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not psutil.wait_procs(family, timeout=GUARD_S)[1]
    kept = epochs_kept()
    assert 2 <= kept < EPOCHS
    ended(broken)

    ((client, unbroken),) = runs(whole)
    (_, killed), (resumed_client, resumed) = runs(broken)
    assert (killed.info.status, resumed.info.status) == ("KILLED", "FINISHED")
    wanted, found = outcome(whole, client, unbroken), outcome(broken, resumed_client, resumed)
    assert len(wanted[0]["test/loss"]) == EPOCHS
    assert found[0] == wanted[0]
    assert found[1].keys() == wanted[1].keys()
    for name, value in wanted[1].items():
        np.testing.assert_array_equal(found[1][name], value, err_msg=name)
