"""How a study appears in MLflow's pages: names, descriptions, columns, links."""

import base64
import json
import time
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

from experiments.spec import ExperimentSpec
from experiments.tasks import MODULES
from experiments.tracking.database import DEFAULT_URI, absolute, shown
from experiments.training.trial import Trial
from experiments.twins import TWINS

VIEW, CHARTS = "results", "charts"
CHARTED = ("cell", "conventions", "framework")  # params that the charts' bars are grouped by
METRICS = tuple(dict.fromkeys(module.SPEC.METRIC for module in MODULES.values()))
VIEW_COLUMNS = (
    *(f"metrics.`{twin}/{metric}`" for metric in METRICS for twin in TWINS),  # of parent runs
    *(f"metrics.`{metric}`" for metric in METRICS),  # of trials
    "metrics.`train/loss`",
    "metrics.`time/epoch_s`",
    "params.`framework`",
    "params.`seed`",
    "params.`conventions`",
    "params.`cell`",
    "params.`form`",
)


def deep_link(uri: str, experiment_id: str) -> str:
    """The address of the study's runs with their columns, on the server or on a bare ``mlflow ui``."""
    server = shown(uri).rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"
    return f"{server}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"


def charts_link(experiment_id: str) -> str:
    """The address of the charts of the study's runs, on whatever server shows it."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={CHARTS}&compareRunsMode=CHART"


def way_to_look(uri: str, experiment_id: str) -> str:
    """What to do to see the runs: start MLflow's pages, unless a server has them, and follow the link."""
    link = deep_link(uri, experiment_id)
    if not uri.startswith("sqlite"):
        return link
    bare = absolute(uri) == absolute(DEFAULT_URI)  # what mlflow ui opens unasked
    return f"mlflow ui{'' if bare else f' --backend-store-uri {uri}'}, then {link}"


def parent_names(trials: Iterable[Trial]) -> dict[str, str]:
    """Each spec's fingerprint → its slug, with a piece of the fingerprint where another has the same slug."""
    slugs = {trial.spec.fingerprint: trial.spec.slug for trial in trials}
    shared = Counter(slugs.values())
    return {key: f"{slug}-{key[:6]}" if shared[slug] > 1 else slug for key, slug in slugs.items()}


def describe(spec: ExperimentSpec) -> str:
    """An experiment in one line of markdown."""
    network, training = spec.network, spec.training
    units = "×".join(map(str, network.units))
    return (
        f"**{spec.task.name}**: {network.cell} as `{network.form}`, units {units}, dropout {network.dropout:g}, "
        f"conventions `{spec.conventions.label}`; {training.epochs} epochs of batches of {training.batch_size}, "
        f"{training.optimiser} {training.learning_rate:g}"
    )


def view_tags() -> dict[str, str]:
    """The experiment's tags that make ``deep_link`` open with columns, and ``charts_link`` with charts.

    Without a view MLflow shows no metrics. This is how MLflow's pages keep a shared view; undocumented, so a test holds
    it against the pinned release.
    """
    columns = list(VIEW_COLUMNS)
    table = {"selectedColumns": columns, "columnOrder": columns, "runsHiddenMode": "SHOW_ALL"}
    section = {"uuid": CHARTS, "name": "By cell, conventions and framework", "display": True, "isReordered": False}
    bars = {"type": "BAR", "metricSectionId": CHARTS, "isGenerated": False, "deleted": False}
    charts = {
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "param", "groupByData": name} for name in CHARTED],
        },
        "compareRunSections": [section],
        "isAccordionReordered": True,  # ours first; else the sections stand by their names
        "compareRunCharts": [bars | {"uuid": f"{CHARTS} {metric}", "metricKey": metric} for metric in METRICS],
    }
    return dict(_shared(VIEW, table), **_shared(CHARTS, table | charts))


def _shared(name: str, state: dict[str, Any]) -> dict[str, str]:
    packed = "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    now = int(time.time() * 1000)
    value = {"name": name, "createdAt": now, "updatedAt": now, "state": packed}
    return {f"mlflow.sharedViewState.{name}": json.dumps(value)}
