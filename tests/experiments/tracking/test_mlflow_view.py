"""The saved view in MLflow's pages."""

import base64
import json
import zlib

import pytest

from experiments.tracking import mlflow_view
from experiments.tracking.tracker import Tracker


def test_the_view_shows_columns_and_the_link_opens_it(uri, client):
    with Tracker(uri, "toy", "What it is.") as tracker:
        tags = client.get_experiment(tracker.experiment_id).tags
        key = tracker.way_to_look.rpartition("=")[2]
    packed = json.loads(tags[f"mlflow.sharedViewState.{key}"])["state"]
    state = json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))
    assert {"metrics.`test/accuracy`", "params.`framework`", "params.`cell`"} <= set(state["selectedColumns"])
    assert tags["mlflow.note.content"] == "What it is."


LINK = "/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=results"


@pytest.mark.parametrize(
    ("uri", "way"),
    [
        ("sqlite:///mlflow.db", f"mlflow ui, then http://127.0.0.1:5000{LINK}"),
        ("sqlite:////a/b.db", f"mlflow ui --backend-store-uri sqlite:////a/b.db, then http://127.0.0.1:5000{LINK}"),
        ("http://host:1234/", f"http://host:1234{LINK}"),
    ],
)
def test_the_way_to_look(uri, way):
    assert mlflow_view.way_to_look(uri, "7") == way
