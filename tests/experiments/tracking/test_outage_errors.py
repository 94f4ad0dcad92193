"""What counts as an outage, by the errors that MLflow really raises."""

import errno
import sqlite3
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from sqlalchemy.exc import OperationalError

from experiments.errors import UserError
from experiments.tracking.outage import in_words, is_outage
from experiments.tracking.recording import tracker


@contextmanager
def answering(status, body=b"<html>no</html>"):
    """A server with one answer to everything; with none to give it hangs."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if status is None:
                over.wait(30)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://me:secret@127.0.0.1:{made.server_port}"
        finally:
            over.set()
            made.shutdown()
            thread.join()


ANSWERS = {500: True, 502: True, 503: True, 429: True, 408: True, None: True, 400: False, 401: False, 403: False}
ANSWERS |= {404: False, 413: False}


@pytest.mark.parametrize("what", ["a run", "a file", "a download"])
@pytest.mark.parametrize("status", ANSWERS)
def test_mlflow_s_errors_are_told_apart(monkeypatch, tmp_path, status, what):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with answering(status) as uri, pytest.raises(tracker.STORE_ERRORS) as found:
        files = MlflowArtifactsRepository("mlflow-artifacts:/0/a/artifacts", uri)
        match what:
            case "a run":
                MlflowClient(uri).create_run("0")
            case "a file":
                (tmp_path / "a").touch()
                files.log_artifact(str(tmp_path / "a"))
            case "a download":
                files.download_artifacts("a", str(tmp_path))
    assert is_outage(found.value) is ANSWERS[status]
    assert "secret" not in in_words(found.value) and "\n" not in in_words(found.value)


LOCAL = {
    OSError(errno.ENOSPC, "No space left on device", "mlruns/a"): True,
    PermissionError(errno.EACCES, "Permission denied", "mlruns/a"): False,
    OSError("No such file or directory: 'mlruns/a'"): False,  # MLflow's own, without a number
    sqlite3.OperationalError("database is locked"): True,
    sqlite3.DatabaseError("file is not a database"): False,
    OperationalError("INSERT", {}, Exception("database is locked")): True,
    MlflowException("database is locked", error_code=TEMPORARILY_UNAVAILABLE): True,
    MlflowException("no such run", error_code=RESOURCE_DOES_NOT_EXIST): False,
    UserError("a foreign database"): False,
}


@pytest.mark.parametrize("error", LOCAL, ids=str)
def test_faults_of_this_machine_are_told_apart(error):
    assert is_outage(error) is LOCAL[error]


def test_a_refused_connection_is_an_outage(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(MlflowException) as found:
        MlflowClient("http://me:secret@127.0.0.1:9").create_run("0")
    assert is_outage(found.value) and in_words(found.value) == "Connection refused"
