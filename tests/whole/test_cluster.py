"""A study on two nodes of Ray, recorded by a real server on PostgreSQL: the record of one machine and one file."""

import pytest
from executors import NEEDS_RAY, new_cluster
from run_all_cases import METRICS, House

from experiments.faults.servers import MlflowServer, Postgres, programs

pytestmark = [*NEEDS_RAY, pytest.mark.skipif(programs() is None, reason="PostgreSQL's programs are not installed")]
WORKED = """
    SELECT DISTINCT tags.value FROM tags JOIN tags AS trial ON trial.run_uuid = tags.run_uuid
    WHERE tags.key = 'environment' AND trial.key = 'fingerprint'
"""


def test_two_nodes_and_a_server_record_what_one_machine_and_a_file_do(tmp_path, monkeypatch, first):
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "cache"))
    cluster = new_cluster(1, 1)
    try:
        with Postgres(programs()) as postgres, MlflowServer(tmp_path, postgres.uri) as server:
            postgres.start()
            server.start()
            where = ("--executor", f"ray://{cluster.address}", "--tracking-uri", server.uri)
            done = House(tmp_path).run("toy.toml", *where)
            assert (done.returncode, done.stderr) == (0, "")
            assert sorted(postgres.ask(METRICS)) == sorted(first.ask(METRICS))
            # A node's worker that goes on to the other framework is a new process.
            assert len(postgres.ask(WORKED)) >= 2, "each node ran some of the trials"
    finally:
        cluster.shutdown()
    assert not list((tmp_path / "cache").rglob("*.jsonl"))
