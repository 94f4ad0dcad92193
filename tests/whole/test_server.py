"""A study recorded by a real ``mlflow server`` on a real PostgreSQL, which both go away in the middle of it."""

import os
import re
import signal
import time
from collections import Counter

import pytest
from run_all_cases import METRICS, House

from experiments.faults.servers import GUARD_S, MlflowServer, Postgres, programs
from experiments.tracking import database
from reports.data import query

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(programs() is None, reason="PostgreSQL's programs are not installed"),
]

TRIALS = "SELECT status FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'fingerprint'"


def until(reached) -> None:
    deadline = time.monotonic() + GUARD_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_study_outlives_its_database_its_own_death_and_its_server(tmp_path, monkeypatch, first):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    house, said = House(tmp_path), tmp_path / "said"

    def start(**seeds):
        deeds = {f"tf2:{name[-1]}": deed for name, deed in seeds.items()}
        with said.open("a") as output:
            arguments = ("toy.toml", "--workers", "1", "--tracking-uri", uri)
            return house.start(*arguments, deeds=deeds, stdout=output)

    with Postgres(programs()) as postgres, MlflowServer(tmp_path, postgres.uri) as server:
        postgres.start()
        server.start()
        uri = server.uri.replace("//", "//me:secret@")
        study = start(seed0="until:first", seed1="until:second")
        until((tmp_path / "at:first").exists)
        postgres.kill()
        (tmp_path / "first").touch()
        until((tmp_path / "at:second").exists)
        outage = r"the tracking server does not answer: 503 error; \d+ events? waits? on disk"
        until(lambda: re.search(outage, said.read_text()))
        os.killpg(study.pid, signal.SIGKILL)
        study.communicate(timeout=GUARD_S)
        postgres.start()
        study = start(seed1="until:third")
        until((tmp_path / "at:third").exists)
        assert f"events of an earlier start written to {server.uri}\n" in said.read_text()
        server.kill()
        (tmp_path / "third").touch()
        until(lambda: "waiting for the tracking server, at most 5 minutes" in said.read_text())
        server.start()
        _, err = study.communicate(timeout=GUARD_S)
        assert (study.returncode, err) == (0, "")
        assert "the tracking server answers again: " in said.read_text()
        assert f"runs:    {server.uri}/#/experiments/1/runs" in said.read_text()
        held = sorted(postgres.ask(METRICS))
        assert held == sorted(first.ask(METRICS)) and len(held) > 6 * 10
        assert Counter(postgres.ask(TRIALS)) == {("FINISHED",): 6, ("KILLED",): 1}
        dump = postgres.dump()
        assert "mlflow.runName" in dump
        assert "secret" not in dump + said.read_text() + (tmp_path / "server.log").read_text()
        done = database.finished(uri, "toy", "training")
        read = query.read(uri, "toy/training", set(done))
        assert set(read.history.metric.value_counts()) == {6 * 2}
        assert query.artifact(uri, read.runs.artifact_uri[0], "forecast.json") == "[]"
    assert len(list((tmp_path / "artifacts").rglob("weights.safetensors"))) == 6
    assert not list((tmp_path / "cache").rglob("*.jsonl"))
