"""A study recorded by a real ``mlflow server`` on a real PostgreSQL, both of which go away in the middle of it."""

import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from run_all_cases import House
from servers import GUARD_S, MlflowServer, Postgres, programs

from experiments.tracking import database
from reports.data import query

pytestmark = [
    pytest.mark.study,
    pytest.mark.skipif(programs() is None, reason="PostgreSQL's programs are not installed"),
]

#: Every metric of the trials, of times only that they are there; the means of their parents at the end.
METRICS = """
    SELECT tags.value, metrics.key, metrics.step, CASE WHEN metrics.key LIKE 'time/%' THEN 0 ELSE metrics.value END
    FROM metrics JOIN tags ON tags.run_uuid = metrics.run_uuid AND tags.key = 'fingerprint'
    UNION ALL SELECT spec.value, means.key, means.step, means.value FROM latest_metrics AS means
    JOIN tags AS spec ON spec.run_uuid = means.run_uuid AND spec.key = 'spec_fingerprint'
    JOIN tags AS kind ON kind.run_uuid = means.run_uuid AND kind.key = 'kind' AND kind.value = 'experiment'
"""


def until(reached) -> None:
    deadline = time.monotonic() + GUARD_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_study_outlives_its_server_and_database(tmp_path, monkeypatch, first):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    house, said = House(tmp_path), tmp_path / "said"
    with Postgres(programs()) as postgres, MlflowServer(tmp_path, postgres.uri) as server:
        postgres.start()
        server.start()
        uri = server.uri.replace("//", "//me:secret@")
        deeds = {"tf2:0": "until:first", "tf2:1": "until:second"}
        with said.open("w") as output:
            study = house.start("toy.toml", "--workers", "1", "--tracking-uri", uri, deeds=deeds, stdout=output)
        until((tmp_path / "at:first").exists)
        postgres.kill()
        (tmp_path / "first").touch()
        until((tmp_path / "at:second").exists)
        until(lambda: "does not answer" in said.read_text())
        postgres.start()
        assert MlflowClient(server.uri).get_experiment_by_name("toy/training")  # it has lost its connections
        server.kill()
        (tmp_path / "second").touch()
        until(lambda: "waiting for the tracking server" in said.read_text())
        server.start()
        _, err = study.communicate(timeout=GUARD_S)
        assert (study.returncode, err) == (0, "")
        assert "the tracking server answers again: " in said.read_text()
        assert f"runs:    {server.uri}/#/experiments/1/runs" in said.read_text()
        held = sorted(postgres.ask(METRICS))
        assert held == sorted(first.ask(METRICS)) and len(held) > 6 * 10
        dump = postgres.dump()
        assert "mlflow.runName" in dump
        assert "secret" not in dump + said.read_text() + (tmp_path / "server.log").read_text()
        done = database.finished(uri, "toy", "training")
        assert len(done) == 6
        read = query.read(uri, "toy/training", set(done))
        assert set(read.runs.status) == {"FINISHED"} and len(read.history) == 6 * 2 * 3
        assert query.artifact(uri, read.runs.artifact_uri[0], "forecast.json") == "[]"
    assert len(list(Path(tmp_path / "artifacts").rglob("weights.safetensors"))) == 6
    assert not list((tmp_path / "cache").rglob("*.jsonl"))
