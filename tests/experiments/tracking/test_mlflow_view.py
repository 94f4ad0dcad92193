"""The saved view in MLflow's pages."""

import base64
import json
import re
import zlib

import pytest

from experiments.tracking import mlflow_view
from experiments.tracking.recording.tracker import Tracker


def state_of(tags, key):
    """A shared view's state as MLflow's pages unpack it."""
    packed = json.loads(tags[f"mlflow.sharedViewState.{key}"])["state"]
    return json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))


def test_the_views_show_columns_and_charts_and_links_open_them(uri, client):
    with Tracker(uri, "toy", "What it is.") as tracker:
        tags = client.get_experiment(tracker.experiment_id).tags
        columns = state_of(tags, tracker.way_to_look.rpartition("=")[2])
    assert {"metrics.`test/accuracy`", "params.`framework`", "params.`cell`"} <= set(columns["selectedColumns"])
    said, key = re.fullmatch(
        r"(.*) \[Its charts\]\(.*viewStateShareKey=(\w+)&.*\)", tags["mlflow.note.content"]
    ).groups()
    charts = state_of(tags, key)
    assert said == "What it is."
    assert {chart["metricKey"] for chart in charts["compareRunCharts"]} == set(mlflow_view.METRICS)
    assert {chart["metricSectionId"] for chart in charts["compareRunCharts"]} == {
        charts["compareRunSections"][0]["uuid"]
    }


LINK = "/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=results"


@pytest.mark.parametrize(
    ("uri", "way"),
    [
        ("sqlite:///mlflow.db", f"mlflow ui, then http://127.0.0.1:5000{LINK}"),
        ("sqlite:////a/b.db", f"mlflow ui --backend-store-uri sqlite:////a/b.db, then http://127.0.0.1:5000{LINK}"),
        ("http://host:1234/", f"http://host:1234{LINK}"),
        ("http://me:secret@host:1234", f"http://host:1234{LINK}"),
    ],
)
def test_the_way_to_look(uri, way):
    assert mlflow_view.way_to_look(uri, "7") == way
