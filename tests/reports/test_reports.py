"""What the pages say, and what is missing."""

import re
from functools import lru_cache
from itertools import pairwise

import pytest
from made_reports import toys
from made_reports.cases import PAGES, write
from made_reports.html_elements import Elements, leave_out_drawing, words_of

import reports
from experiments.errors import UserError
from experiments.events import Failed
from experiments.running.pages import settle
from experiments.tracking.recording.tracker import Tracker
from reports.data import load, query, results
from reports.data.load import gather

REASON = "ValueError: <script>alert('x')</script> & \"quotes\""


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """The pages of a study of which nothing has run, and no database is there."""
    place = tmp_path_factory.mktemp("empty")
    return write(toys.planned(), place / "reports", f"sqlite:///{place}/mlflow.db"), place


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """The pages of a study of which nothing has run and that runs, before and after they are settled."""
    place = tmp_path_factory.mktemp("running")
    reports.write(toys.plan(toys.planned()), f"sqlite:///{place}/none.db", place, "trials: 3 of <9> done")
    before = {name: (place / name).read_text(encoding="utf-8") for name in PAGES}
    settle(place)
    assert {path.suffix for path in place.iterdir()} == {".html"}
    return before, {name: (place / name).read_text(encoding="utf-8") for name in PAGES}


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
    with pytest.MonkeyPatch.context() as patch:
        leave_out_drawing(patch)
        reports.write(toys.plan(trials, study=study), uri, place)
    return {name: (place / name).read_text(encoding="utf-8") for name in PAGES}


def test_the_headline_is_computed(pages):
    headline = r"After \d+ epochs, TensorFlow 2 minus PyTorch in test accuracy, .* the written conventions reconstruct"
    assert re.search(headline, words_of(pages["index.html"]))


def test_the_foot_names_what_the_numbers_rest_on(pages):
    foot = words_of(pages["speed.html"].partition("<footer>")[2])
    for text in ("toy: 60 of 60", "tensorflow 2.21.0", "torch 2.13.0", "Toy CPU", "Threads 1", "d" * 64, "5" * 64):
        assert text in foot


@pytest.mark.parametrize(
    "environment, device",
    [
        ({}, None),
        ({"device": "/CPU:0"}, "CPU"),
        ({"device": "gpu"}, "GPU"),
        ({"device": "cuda", "gpu": "Toy 9000"}, "GPU Toy 9000"),
    ],
)
def test_a_gpu_is_named_where_its_name_is_known(environment, device):
    assert results._device(environment) == device


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


@pytest.mark.parametrize("name", PAGES)
def test_what_is_seen_has_a_name_for_those_who_hear_the_page(pages, name):
    page = Elements(pages[name])
    kinds = [kind for kind, _ in page.elements]
    assert ("html", {"lang": "en"}) in page.elements
    skip = next(attributes for kind, attributes in page.elements if kind == "a")
    assert skip["href"] == "#content" and "content" in page.all("id"), "the first link leads past the others"
    for kind, attributes in page.elements:
        if kind in ("table", "svg", "nav"):
            assert attributes["aria-label"]
        if kind == "th":
            assert attributes["scope"] == "col"
    headings = [int(kind[1]) for kind in kinds if re.fullmatch(r"h\d", kind)]
    steps = [after - before for before, after in pairwise(headings)]
    assert headings[0] == 1 and max(steps) <= 1, "no level of heading is left out"


def test_script_and_style_are_light_and_need_nothing_else(pages):
    own = re.findall(r"<(script|style)>(.*?)</\1>", pages["index.html"], re.S)
    assert {kind for kind, _ in own} == {"script", "style"}
    assert 0 < sum(len(text.encode()) for _, text in own) < 100_000
    for _, text in own:
        assert not re.search(r"@import|https?:|url\(|fetch\(|import\(", text)


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_study_has_every_page(empty, name):
    pages, _ = empty
    assert "of 78 trials done" in words_of(pages[name])


@pytest.mark.parametrize("name", PAGES)
def test_only_a_running_study_says_what_is_to_come_and_reloads_itself(empty, running, name):
    before, settled = (pages[name] for pages in running)
    assert "This study is running. Trials: 3 of &lt;9&gt; done." in before.replace("</b>", "")
    assert "location.reload()" in before
    for still in (settled, empty[0][name]):
        assert "is running" not in still and "reload" not in still


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
    assert "Seeds: 0, 1 and 2." in text and "imdb-lstm-layer-64x64-keras TensorFlow 2" in text


def test_a_half_finished_section_says_what_it_rests_on(half):
    assert "2 are done, 1 failed and 15 not yet run" in words_of(half["accuracy.html"])


def test_a_reason_is_escaped(half):
    assert "<script>alert" not in half["index.html"]
    assert "&lt;script&gt;alert" in half["index.html"]


@pytest.mark.parametrize("text", ['{"half": ', "[]", "part,x\n", None])
def test_broken_artifacts_are_left_out(studied, unread, monkeypatch, text):
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


def test_pages_that_cannot_be_written_are_one_line(tmp_path):
    folder = tmp_path / "reports"
    folder.touch()
    with pytest.raises(UserError, match=r"reports: the pages cannot be written: .+; allowed: .*--reports-only"):
        write([], folder, f"sqlite:///{tmp_path}/none.db")


@pytest.mark.usefixtures("unread")
def test_a_finished_run_s_file_is_read_once_and_one_that_was_not_there_is_looked_for_again(studied, monkeypatch):
    monkeypatch.setattr(load, "_parsed", lru_cache(load._parsed))
    asked, here = [], query.artifact
    uri, trials = studied
    monkeypatch.setattr(query, "artifact", lambda *told: asked.append(told))
    assert gather(toys.plan(trials, supports=()), uri).shapes == {}
    monkeypatch.setattr(query, "artifact", lambda *told: asked.append(told) or here(*told))
    lacking, whole = len(asked), gather(toys.plan(trials, supports=()), uri)
    assert whole.shapes and len(asked) == 2 * lacking
    assert gather(toys.plan(trials, supports=()), uri).shapes == whole.shapes and len(asked) == 2 * lacking
