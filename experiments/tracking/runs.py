"""Recorded runs, read: which trials are complete, and the files of one."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.errors import UserError
from experiments.tracking import database
from experiments.tracking.outage import in_words
from experiments.tracking.store import STORE_ERRORS, open_store, runs_of

SHORTEST_PIECE = 6  # of a run id


def finished_on_server(uri: str, name: str) -> dict[str, str]:
    """The complete runs of an experiment on a tracking server, fingerprint → run id, the newest of each.

    Raises:
        UserError: the server does not answer as MLflow's.
    """
    client = MlflowClient(uri)
    try:
        experiment = client.get_experiment_by_name(name)
        runs = list(runs_of(client, [experiment.experiment_id], "tags.complete = '1'")) if experiment else []
    except STORE_ERRORS as error:
        raise UserError(f"{database.shown(uri)}: {in_words(error)}") from error
    return {run.data.tags["fingerprint"]: run.info.run_id for run in reversed(runs)}


def artifacts_of(uri: str, run: str, names: Sequence[str]) -> tuple[str, dict[str, bytes]]:
    """A complete trial's framework and files, by its run id or a piece from the id's beginning.

    Args:
        uri: where MLflow's database is; nothing is created.
        run: at least six hexadecimal digits.
        names: of the files.

    Raises:
        UserError: no such run, or several, or an unfinished one, or one without these files.
    """
    uri, path = database.absolute(uri), database.sqlite_path(uri)
    database.check(uri)
    if path and not path.is_file():
        raise UserError(f"{path}: no such database; allowed: one that a study was recorded in")
    store = open_store(uri)
    try:
        client = MlflowClient(uri)
        trial = _trial(client, run)
        with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
            held = {each.path for each in client.list_artifacts(trial.info.run_id)}
            if lacking := [name for name in names if name not in held]:
                raise UserError(f"run {run}: it has no {lacking[0]}; allowed: a finished trial of the chars task")
            paths = {name: client.download_artifacts(trial.info.run_id, name, folder) for name in names}
            return trial.data.tags["framework"], {name: Path(place).read_bytes() for name, place in paths.items()}
    except STORE_ERRORS as error:
        raise UserError(f"{database.shown(uri)}: {in_words(error)}") from error
    finally:
        if store:
            store._dispose_engine()


def _trial(client: MlflowClient, run: str) -> Run:
    """The one complete trial whose run id begins with ``run``."""
    if len(run) < SHORTEST_PIECE or set(run) - set("0123456789abcdef"):
        raise UserError(
            f"run {run}: allowed: a run id as MLflow shows it, or its first {SHORTEST_PIECE} digits or more"
        )
    experiments = [each.experiment_id for each in client.search_experiments()]
    like = f"tags.kind = 'trial' and attributes.run_id LIKE '{run}%'"
    trials = list(runs_of(client, experiments, like))
    if len(trials) != 1:
        several = f"{len(trials)} trials begin so; allowed: more digits" if trials else "no trial begins so"
        raise UserError(f"run {run}: {several}")
    if trials[0].data.tags.get("complete") != "1":
        raise UserError(f"run {run}: its trial has not finished ({trials[0].info.status}); allowed: a finished one")
    return trials[0]
