"""Addresses in MLflow's own pages."""

import pytest

from reports.data.links import Links


@pytest.mark.parametrize(
    ("uri", "base"),
    [
        ("sqlite:///mlflow.db", "http://127.0.0.1:5000"),
        ("https://host/mlflow/", "https://host/mlflow"),
        ("http://me:secret@host:5000", "http://host:5000"),
    ],
)
def test_links_lead_to_the_server_without_its_credentials(uri, base):
    links = Links.of(uri, "7")
    assert links.run("r") == f"{base}/#/experiments/7/runs/r"
    assert "secret" not in f"{links}{links.spec('f')}{links.timings()}"
