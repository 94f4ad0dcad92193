"""The reports as a whole: from a database of runs to pages that stand alone in a browser."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest
import reports_toys as toys
from html_elements import Elements, words_of
from mlflow import MlflowClient

import reports
from experiments.errors import UserError
from experiments.events import Failed
from experiments.tracking.tracker import Tracker
from reports.data import query
from reports.data.load import gather

PAGES = ("index.html", "accuracy.html", "speed.html", "shapes.html")
REASON = "ValueError: <script>alert('x')</script> & \"quotes\""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def write(trials, folder: Path, uri: str, absent=toys.ABSENT) -> dict[str, str]:
    index = reports.write(toys.plan(trials, absent), uri, folder)
    assert index == folder / "index.html"
    return {name: (folder / name).read_text(encoding="utf-8") for name in PAGES}


@pytest.fixture(scope="session")
def studied(tmp_path_factory):
    """A whole study's database, recorded by the tracker."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('studied')}/mlflow.db"
    trials = toys.planned()
    with Tracker(uri, "toy", "A toy.", trials) as tracker:
        tracker.expect(trials)
        for trial in trials:
            toys.record(tracker, toys.run_of(trial))
    return uri, trials


@pytest.fixture(scope="session")
def folder(studied, tmp_path_factory):
    """The whole study's pages."""
    uri, trials = studied
    place = tmp_path_factory.mktemp("pages")
    write(trials, place, uri)
    return place


@pytest.fixture(scope="session")
def pages(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """The pages of a study of which nothing has run, and no database is there."""
    place = tmp_path_factory.mktemp("empty")
    return write(toys.planned(), place / "reports", f"sqlite:///{place}/mlflow.db"), place


@pytest.fixture(scope="session")
def half(studied, tmp_path_factory):
    """The pages of a study that has failures and gaps: another study's name, in the same database."""
    uri, _ = studied
    trials = [trial for trial in toys.planned(cells=("lstm",)) if trial.spec.task.name == "imdb"]
    with Tracker(uri, "half", "Half a toy.", trials) as tracker:
        tracker.record(trials[0], Failed(REASON))
        for trial in trials[1:3]:
            toys.record(tracker, toys.run_of(trial))
    place = tmp_path_factory.mktemp("half")
    study = toys.STUDY.model_copy(update={"name": "half"})
    reports.write(toys.plan(trials, study=study), uri, place)
    return {name: (place / name).read_text(encoding="utf-8") for name in PAGES}


# --- what the pages say


def test_the_headline_is_computed(pages):
    assert re.search(r"The conventions explain 9\d(\.\d)?% of the stock difference", words_of(pages["index.html"]))


def test_the_foot_names_what_the_numbers_rest_on(pages):
    foot = words_of(pages["speed.html"].partition("<footer>")[2])
    for text in ("toy: 78 of 78", "tensorflow 2.21.0", "torch 2.13.0", "Toy CPU", "Threads 1", "d" * 64, "5" * 64):
        assert text in foot


@pytest.mark.parametrize("text", ["lstm, stock", "equal within ±1.0", "held", "5,000 reviews alone leave ±1.0"])
def test_the_accuracy_page_has_its_sections(pages, text):
    assert text in words_of(pages["accuracy.html"])


def test_the_sine_is_drawn(pages):
    assert "Sine forecast of lstm, cell_loop, stock, seed 0" in pages["accuracy.html"]


def test_without_a_speed_phase_training_times_are_said_to_be_no_benchmark(pages):
    assert "plans no speed phase" in words_of(pages["speed.html"])
    assert "no benchmark" in words_of(pages["speed.html"])
    assert "this study plans no speed phase" in words_of(pages["index.html"])


@pytest.mark.parametrize("text", ["rnn/1/forward/recurrent_kernel", "(4·64 + 4·64)", "gates i f c o", "no such option"])
def test_the_shapes_page_lists_the_live_weights(pages, text):
    assert text in words_of(pages["shapes.html"])


# --- what is missing


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_study_has_every_page(empty, name):
    pages, _ = empty
    assert "planned trial" in words_of(pages[name])


def test_an_empty_study_says_so_and_makes_no_database(empty):
    pages, place = empty
    assert "No answer yet" in words_of(pages["index.html"])
    assert "0 of 78 planned trials are done, 0 failed, 78 not yet run" in words_of(pages["index.html"])
    assert [path.name for path in place.iterdir()] == ["reports"]


def test_a_study_without_trials_has_pages(tmp_path):
    pages = write([], tmp_path, f"sqlite:///{tmp_path}/none.db", absent=())
    assert "This study plans no trial" in words_of(pages["index.html"])


def test_an_experiment_never_begun_is_an_empty_study(studied, tmp_path):
    study = toys.STUDY.model_copy(update={"name": "never"})
    index = reports.write(toys.plan(toys.planned(), study=study, supports=()), studied[0], tmp_path)
    assert "No answer yet" in words_of(index.read_text(encoding="utf-8"))


def test_a_half_finished_study_says_what_failed_and_what_is_missing(half):
    text = words_of(half["index.html"])
    assert "2 of 18 planned trials are done, 1 failed, 15 not yet run" in text
    assert "imdb-lstm-layer-64x64-keras TensorFlow 2 0, 1 and 2" in text


def test_a_half_finished_section_says_what_it_rests_on(half):
    assert "2 are done, 1 failed and 15 not yet run" in words_of(half["accuracy.html"])


def test_a_reason_is_escaped(half):
    assert "<script>alert" not in half["index.html"]
    assert "&lt;script&gt;alert" in half["index.html"]


@pytest.mark.parametrize("text", ['{"half": ', "[]", "part,x\n", None])
def test_broken_artifacts_are_left_out(studied, monkeypatch, text):
    monkeypatch.setattr(query, "artifact", lambda *_: text)
    uri, trials = studied
    gathered = gather(toys.plan(trials, supports=()), uri)
    assert (gathered.shapes, gathered.forecasts) == ({}, {})


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_foreign_database(tmp_path, content):
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    if content:
        with pytest.raises(UserError, match=r"mlflow\.db"):
            write([], tmp_path / "out", f"sqlite:///{path}")
    else:
        assert "plans no trial" in words_of(write([], tmp_path / "out", f"sqlite:///{path}")["index.html"])


# --- reading MLflow


def test_bulk_and_public_histories_agree(studied, monkeypatch):
    uri, trials = studied
    fingerprints = {trial.fingerprint for trial in trials[:4]}
    keys = ["run_id", "metric", "epoch"]
    bulk = query.read(uri, "toy/training", fingerprints).history.sort_values(keys, ignore_index=True)
    monkeypatch.setattr(query, "_store", lambda client: None)
    public = query.read(uri, "toy/training", fingerprints).history.sort_values(keys, ignore_index=True)
    assert bulk.equals(public)


def test_a_history_cut_off_is_asked_again(studied, monkeypatch):
    uri, trials = studied
    fingerprints = {trial.fingerprint for trial in trials}
    whole = len(query.read(uri, "toy/training", fingerprints).history)
    monkeypatch.setattr(query, "ROWS_A_BATCH", 10)
    monkeypatch.setattr(query, "RUNS_A_PAGE", 20)
    assert len(query.read(uri, "toy/training", fingerprints).history) == whole


def test_reading_leaves_no_side_files(studied, folder):
    path = Path(studied[0].removeprefix("sqlite:///"))
    assert sorted(each.name for each in path.parent.iterdir()) == ["mlflow.db", "mlruns"]


# --- links


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
    loads += [attributes["href"] for tag, attributes in elements.found if tag not in ("a",) and "href" in attributes]
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


# --- in a browser

CLICK = """<script>
for (const turn of [1, 2]) document.querySelector("#progress th:last-child button").click();
document.querySelector("#progress th:nth-child(2) button").click();
</script></body>"""


def browse(page: Path, profile: Path) -> tuple[str, str]:
    """The page's elements after its scripts ran, and what the console said."""
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run --enable-logging=stderr"
    )
    command = [CHROMIUM, *flags.split(), "--v=0", f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return ran.stdout, "\n".join(line for line in ran.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("name", PAGES)
def test_a_browser_has_nothing_to_complain_of(folder, tmp_path, name):
    dom, console = browse(folder / name, tmp_path)
    assert console == ""
    assert "</footer>" in dom


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_tables_sort_by_their_headings(folder, tmp_path):
    page = tmp_path / "sorted.html"
    page.write_text((folder / "index.html").read_text(encoding="utf-8").replace("</body>", CLICK), encoding="utf-8")
    dom, console = browse(page, tmp_path / "profile")
    table = dom.partition('id="progress"')[2].partition("</table>")[0]
    assert console == ""
    assert table.count('aria-sort="ascending"') == 1
    assert 'aria-sort="descending"' not in table
    cells = re.findall(r"<tr>\s*<td[^>]*>\w+</td>\s*<td[^>]*><a[^>]*>(\w+)</a>", table)
    assert cells == sorted(cells)


def test_shapes_are_read_once_a_cell_form_and_framework(studied, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(query, "artifact", lambda uri, address, name: asked.append(name))
    uri, trials = studied
    write(trials, tmp_path, uri)
    assert asked.count("shapes.json") == len({(t.spec.network.cell, t.spec.network.form, t.framework) for t in trials})
    assert asked.count("forecast.csv") == 8
