"""The writing page: scores beside entropies, curves, texts side by side, and every other page undisturbed."""

import json
import re
from dataclasses import replace
from html import escape

import pytest
from made_reports import toys
from made_reports.files import TEXTS, samples
from made_reports.html_elements import leave_out_drawing

import reports
from experiments.probes.record import ProbeRecord
from experiments.probes.same_text import jobs
from experiments.tracking.recording.tracker import Tracker
from reports import render as rooms
from reports.data import artifacts
from reports.html.blocks import Details, Figure, Points, Prose, Table
from reports.html.format import NONE
from reports.html.once import folded
from reports.pages.chars import curves, page, same_text, scores, texts

PAGES = ("index.html", "accuracy.html", "speed.html", "shapes.html", "parity.html", "chars.html")


def results(trials=None, done=None, **fields):
    trials = toys.planned_chars() if trials is None else trials
    made = toys.results(trials, [toys.run_of(trial) for trial in (trials if done is None else done)])
    return replace(made, **fields)


def record(**texts: str) -> dict:
    written = [{"temperature": float(key[1:]) / 10, "text": text} for key, text in texts.items()]
    return {"prompt": "Once ", "trained_by": "tf2", "texts": written}


def prose(section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Prose))


def table(section) -> Table:
    return next(block for block in section.blocks if isinstance(block, Table))


# --- what the runs kept


@pytest.mark.parametrize("text", ["[]", "{}", "no JSON", '{"prompt": "a", "texts": []}'])
def test_a_broken_record_is_refused(text):
    with pytest.raises(ValueError):
        artifacts.same_text(text)


@pytest.mark.parametrize("text", ["{", "[1]", '[{"epoch": 1}]', "7"])
def test_broken_samples_are_refused(text):
    with pytest.raises(ValueError):
        artifacts.samples(text)


def test_samples_are_read():
    assert artifacts.samples(samples(2)) == {1: "Once <i>e </i>", 2: "Once <i>e e </i>"}
    assert artifacts.texts(TEXTS) == {"0": "Once the the", "0.8": "Once <b>upon</b>\n\na time"}
    with pytest.raises(ValueError):
        artifacts.texts("a text without a heading")


# --- scores and curves


def test_each_experiment_and_framework_has_a_row_with_its_n_interval_and_entropies():
    section = scores.section(results())
    rows = table(section).rows
    assert len(rows) == 7  # two cells by two twins, one by three
    titles = [column.title for column in table(section).columns]
    first = dict(zip(titles, rows[0], strict=True))
    assert first["Cell"].text == "simple_rnn"
    assert "±" in first["Nats"].text
    assert folded(table(section)).caption.endswith("Seeds: 2; Unigram: 3.100; Bigram: 2.400.")
    assert "all of 14 trials" in prose(section)


def test_an_experiment_that_has_not_run_has_dashes():
    trials = toys.planned_chars()
    lstm = [trial for trial in trials if trial.spec.network.cell == "lstm"]
    section = scores.section(results(trials, lstm))
    shown = [cell.text for row in table(section).rows for cell in row]
    assert NONE in shown and "nan" not in " ".join(shown)
    assert "4 are done" in prose(section)


def test_a_study_of_which_nothing_has_run_says_so():
    nothing = results(done=[])
    for section in page.sections(nothing):
        assert section.blocks and section.blocks[-1].kind == "missing"
    assert page.answer(nothing).startswith("No answer yet")


def test_a_network_worse_than_pairs_is_not_praised():
    trials = toys.planned_chars(1)[:1]
    run = toys.run_of(trials[0])
    run.epochs[-1]["test/loss"] = 2.5
    made = toys.results(trials, [run])
    assert "Of 1 trial none scores below" in page.answer(made)


@pytest.mark.drawn
def test_curves_have_a_panel_for_each_experiment_and_the_entropies_as_lines():
    (figure,) = curves.section(results()).blocks
    assert isinstance(figure, Figure) and len(figure.panels) == 3
    assert all(">unigram<" in panel.svg and ">bigram<" in panel.svg for panel in figure.panels)
    assert "reference" in {key.kind for key in figure.keys}


# --- texts


def test_texts_grow_side_by_side():
    made = results()
    done = made.done
    kept = {run.run_id: {epoch: f"{run.framework} {epoch}" for epoch in (1, 2, 3)} for run in done.itertuples()}
    section = texts.after_each_epoch(replace(made, samples=kept))
    details = [block for block in section.blocks if isinstance(block, Details)]
    assert len(details) == 3 and [each.open for each in details] == [True, False, False]
    shown = details[0].blocks[0]
    assert [column.kind for column in shown.columns[1:]] == ["tf2", "pytorch", "reference"]
    assert [row[0].text for row in shown.rows] == ["1", "2", "3"]
    assert shown.rows[0][1].kind == "text"


def test_texts_that_all_frameworks_share_are_shown_once():
    made = results()
    kept = {run_id: artifacts.samples(samples(3)) for run_id in made.done.run_id}
    section = texts.after_each_epoch(replace(made, samples=kept))
    first = next(block for block in section.blocks if isinstance(block, Details))
    assert first.summary.endswith(": the same text in every framework")
    assert [column.title for column in first.blocks[0].columns] == [
        "Epoch",
        "TensorFlow 2, PyTorch and NumPy reference",
    ]


def test_a_text_that_one_framework_lacks_is_a_dash():
    made = results()
    kept = {run_id: artifacts.texts(TEXTS) for run_id in made.done.run_id}
    kept[made.done.run_id.iloc[0]] = {"0": "only one"}
    section = texts.by_temperature(replace(made, texts=kept))
    shown = [cell.text for block in section.blocks[1:] for row in block.blocks[0].rows for cell in row]
    assert "only one" in shown and NONE in shown


def test_the_same_text_is_said_to_be_the_same():
    both = record(t0="abc", t5="abd")
    made = results(writings={("lstm", "tf2"): both, ("lstm", "pytorch"): both})
    assert "the same, character by character, in all of 2 texts" in page.answer(made)
    (shown,) = same_text.section(made).blocks[-1].blocks
    assert [column.title for column in shown.columns] == ["Cell", "Trained by", "Temperature", "Text of both twins"]
    assert [row[3].text for row in shown.rows] == ["abc", "abd"]


def test_texts_that_part_say_where():
    left, right = record(t0="abcd", t5="abcd"), record(t0="abcd", t5="abXd")
    made = results(writings={("gru", "tf2"): left, ("gru", "pytorch"): right, ("lstm", "tf2"): left})
    said = page.answer(made)
    assert "in 1 of 2 texts" in said and "(gru, temperature 0.5) comes after 2 characters" in said
    rows = same_text.section(made).blocks[-1].blocks[0].rows
    assert [row[3].text for row in rows] == ["yes", "up to character 2"]


# --- the whole study


@pytest.fixture(scope="module")
def written(tmp_path_factory, new_database):
    """A study of every task, recorded and written."""
    place = tmp_path_factory.mktemp("chars")
    uri = new_database(place)
    trials = [*toys.planned(cells=("lstm",), seeds=1), *toys.planned_chars(1)]
    measured = jobs(trials, ("tf2", "pytorch"), lambda name: f"{name} 1.0")
    with Tracker(uri, "toy", "A toy.", trials) as tracker:
        tracker.expect(trials)
        for trial in trials:
            toys.record(tracker, toys.run_of(trial))
        for job in measured:
            tracker.keep(
                ProbeRecord(job, {}, {"writing.json": json.dumps(record(t0="abc <i>")).encode()}, "", 0.0), "parity"
            )
    plan = toys.plan(trials, toys.ABSENT, probes=measured)
    with pytest.MonkeyPatch.context() as patch:
        leave_out_drawing(patch)
        reports.write(plan, uri, place / "reports")
    return {path.name: path.read_text(encoding="utf-8") for path in (place / "reports").glob("*.html")}


def test_a_study_with_characters_has_the_page(written):
    assert set(PAGES) <= set(written)
    assert "Five questions" in written["index.html"] and 'href="chars.html"' in written["index.html"]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_nonsense(written, name):
    said = re.sub(r"<(script|style)\b.*?</\1>", "", written[name], flags=re.S)
    assert not re.search(r"\b(nan|NaN|None|inf)\b", said)


@pytest.mark.parametrize("text", ["Once <i>", "abc <i>", "<b>upon"])
def test_texts_are_escaped(written, text):
    assert text not in written["chars.html"]
    assert escape(text) in written["chars.html"]


def test_texts_keep_their_lines(written):
    assert "&gt;\n\na time</td>" in written["chars.html"]


def test_both_twins_writings_are_read(written):
    assert "in all of 3 texts" in written["index.html"]


def test_the_other_pages_say_nothing_else_of_the_other_tasks(tmp_path):
    trials = toys.planned(cells=("lstm",), seeds=2)
    runs = [toys.run_of(trial) for trial in trials]
    more = toys.planned_chars()
    alone, beside = toys.results(trials, runs), toys.results([*trials, *more], [*runs, *map(toys.run_of, more)])
    for room in (rooms.accuracy, rooms.speed):
        for left, right in zip(room.sections(alone), room.sections(beside), strict=False):
            if left.name not in ("agreement", "others", "reading"):
                kinds = (Table, Figure, Points)
                assert [b for b in left.blocks if isinstance(b, kinds)] == [
                    b for b in right.blocks if isinstance(b, kinds)
                ]


def test_a_study_without_characters_has_no_such_page():
    made = toys.results(toys.planned(cells=("lstm",), seeds=1), [])
    assert not page.planned(made)
