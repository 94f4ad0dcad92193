"""Reading MLflow, and links into it."""

import math
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pandas as pd
import pytest
from made_reports.cases import PAGES, write
from made_reports.html_elements import Elements
from mlflow import MlflowClient

from reports.data import query

KEYS = ["run_id", "metric", "epoch"]


def through_mlflow(uri, trials):
    """What MLflow's search finds of them."""
    with query._client(uri) as client:
        return query._records(client, "toy/training", {trial.fingerprint for trial in trials}, "trial")


def test_sqlite_s_tables_say_what_mlflow_s_search_does_row_for_row(studied):
    uri, trials = studied
    chosen = trials[1:]
    direct, searched = (
        query.read(uri, "toy/training", {trial.fingerprint for trial in chosen}),
        through_mlflow(uri, chosen),
    )
    assert direct.experiment_id == searched.experiment_id and len(direct.runs) >= len(chosen)
    pd.testing.assert_frame_equal(direct.runs, searched.runs, check_like=True)
    histories = [records.history.sort_values(KEYS, ignore_index=True) for records in (direct, searched)]
    pd.testing.assert_frame_equal(*histories)


def test_tables_and_search_agree_on_what_is_odd(tmp_path, new_database):
    """Numbers that are not finite, a run without an end, a deleted one, one without metrics, one of another kind."""
    uri = new_database(tmp_path)
    client = MlflowClient(uri)
    experiment = client.create_experiment("odd/training")
    numbers = {"nan": math.nan, "inf": math.inf, "minus": -math.inf, "none": None, "deleted": 1.0, "other": 1.0}
    for start, (name, value) in enumerate(numbers.items(), start=1):
        tags = {"fingerprint": name, "kind": "other" if name == "other" else "trial"}
        run = client.create_run(experiment, start_time=start % 3, tags=tags).info.run_id
        for step in (1, 2, 2) if value is not None else ():
            client.log_metric(run, "train/loss", value, timestamp=step, step=step)
        if name != "none":
            client.set_tag(run, "complete", "1")
            client.set_terminated(run)
        if name == "deleted":
            client.delete_run(run)
    wanted = set(numbers)
    direct, searched = query.read(uri, "odd/training", wanted), query._records(client, "odd/training", wanted, "trial")
    client._tracking_client.store._dispose_engine()
    assert list(direct.runs.fingerprint) == list(searched.runs.fingerprint)
    pd.testing.assert_frame_equal(direct.runs, searched.runs, check_like=True)
    histories = [records.history.sort_values(KEYS, ignore_index=True) for records in (direct, searched)]
    pd.testing.assert_frame_equal(*histories)


def test_bulk_and_public_histories_agree(studied, monkeypatch):
    uri, trials = studied
    bulk = through_mlflow(uri, trials[:4]).history.sort_values(KEYS, ignore_index=True)
    monkeypatch.setattr(query, "_store", lambda client: None)
    public = through_mlflow(uri, trials[:4]).history.sort_values(KEYS, ignore_index=True)
    assert bulk.equals(public)


def test_a_history_cut_off_is_asked_again(studied, monkeypatch):
    uri, trials = studied
    whole = len(through_mlflow(uri, trials).history)
    monkeypatch.setattr(query, "ROWS_A_BATCH", 10)
    monkeypatch.setattr(query, "RUNS_A_PAGE", 20)
    assert len(through_mlflow(uri, trials).history) == whole


def test_reading_leaves_no_side_files(studied, folder):
    path = Path(studied[0].removeprefix("sqlite:///"))
    assert sorted(each.name for each in path.parent.iterdir()) == ["mlflow.db", "mlruns"]


@pytest.mark.parametrize("name", PAGES)
def test_links_within_the_pages_have_their_target(pages, name):
    own = [href for href in Elements(pages[name]).all("href") if not href.startswith(("http", "data:"))]
    assert own
    for href in own:
        page, _, anchor = href.partition("#")
        target = pages[page or name]
        assert not anchor or f'id="{anchor}"' in target, href


@pytest.mark.parametrize("name", PAGES)
def test_links_to_mlflow_find_runs(pages, studied, name):
    hrefs = {href for href in Elements(pages[name]).all("href") if href.startswith("http")}
    client = MlflowClient(studied[0])
    experiment = client.get_experiment_by_name("toy/training").experiment_id
    found = {href: _runs(client, experiment, href) for href in hrefs}
    client._tracking_client.store._dispose_engine()
    assert found
    assert [href for href, runs in found.items() if not runs] == []


def _runs(client, experiment: str, href: str) -> int:
    head, _, tail = href.partition(f"http://127.0.0.1:5000/#/experiments/{experiment}/runs")
    assert head == ""
    if tail.startswith("/"):
        return len([client.get_run(tail[1:])])
    wanted = parse_qs(tail.removeprefix("?"))
    assert wanted["workflowType"] == ["machine_learning"]
    return len(client.search_runs([experiment], unquote(wanted["searchFilter"][0]), max_results=1))


@pytest.mark.parametrize("name", PAGES)
def test_nothing_but_links_names_another_place(pages, name):
    elements = Elements(pages[name])
    loads = [value for attribute in ("src", "srcset", "xlink:href", "data") for value in elements.all(attribute)]
    loads += [attributes["href"] for tag, attributes in elements.elements if tag not in ("a",) and "href" in attributes]
    assert all(value.startswith(("#", "data:")) for value in loads)
    assert not re.search(r"url\((?!#)|@import", pages[name])


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique(pages, name):
    ids = Elements(pages[name]).all("id")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", PAGES)
def test_figures_speak_and_are_small(pages, name):
    figures = re.findall(r"<svg.*?</svg>", pages[name], flags=re.S)
    assert all('role="img" aria-label="' in figure for figure in figures)
    assert max(map(len, figures), default=0) < 60 * 1024


def test_a_second_writing_is_the_same_but_for_its_time(studied, folder, tmp_path):
    uri, trials = studied
    again = write(trials, tmp_path, uri)
    cut = re.compile(r"<dt>Written</dt><dd>[^<]*")
    assert cut.sub("", again["accuracy.html"]) == cut.sub("", (folder / "accuracy.html").read_text(encoding="utf-8"))
