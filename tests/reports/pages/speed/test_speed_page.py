"""The speed page as a whole."""

import json
import re

import pytest
from made_reports import timings as toys
from made_reports.html_elements import Elements, words_of
from made_reports.speed_page import _planned, flat, page, row, said

from reports.data import artifacts
from reports.data.results import RecordedTiming
from reports.html.blocks import Details
from reports.pages.speed import untimed
from reports.pages.speed.timed.benchmarks import timed_variants


@pytest.fixture(scope="module")
def html(whole) -> str:
    return page(whole)


@pytest.mark.parametrize(
    "text",
    [
        "How these times were taken",
        "Which is faster: imdb, 2 threads",
        "Which is faster: sine, 2 threads",
        "Behind each time: 20 × 2 steady steps × processes, 1 or 2 threads.",
        "Toy CPU; TensorFlow 2: python 3.11.7, tensorflow 2.21.0, keras 3.15.1; PyTorch: python 3.11.7, torch 2.13.0.",
        "lstm: top operators",
        "gru by batch",
        "lstm by units",
        "lstm layer 200 200 450 450",
        "Of 251 planned timings, 249 are done, 1 failed and 1 not yet run",
        "RuntimeError: no C++ compiler",
        "nn.LSTM has no unroll option",
    ],
)
def test_the_page_has_its_sections(html, text):
    assert text in words_of(html)


def test_every_timing_leads_to_its_run(whole, html):
    wanted = {f"/experiments/9/runs/{row.timed.run_id}" for row in timed_variants(whole)}
    fragments = {href.partition("#")[2] for href in Elements(html).all("href")}
    assert wanted <= fragments


def test_ids_are_unique_and_contents_lead_somewhere(html):
    elements = Elements(html)
    ids = elements.all("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in elements.all("href") if href.startswith("#")} <= set(ids)


def test_figures_have_labels_and_are_small(html):
    figures = re.findall(r"<svg.*?</svg>", html, flags=re.S)
    assert len(figures) == 24  # 8 + 8 + 2 cells, 2 cells by 3 quantities
    assert all('role="img" aria-label="' in figure for figure in figures)
    assert max(map(len, figures)) < 60 * 1024


def test_the_front_page_names_each_cells_fastest_way():
    text = said(toys.results(flat("tf2", 0.02), flat("tf2", 0.01, "tuned"), flat("pytorch", 0.015)), "index.html")
    assert "TensorFlow 2's tuned form (10.0 ms) is 1.5× faster than PyTorch's layer (15.0 ms), 95% interval" in text
    assert "imdb with 2 threads (20 × 2 steps × processes)" in text


def test_the_front_page_calls_no_winner_where_it_is_too_close():
    text = said(toys.results(row("tf2").timed, row("pytorch").timed), "index.html")
    assert "are too close to call (ratio 0.697 to 1.43)" in text
    assert "2 of these 2 timings varied" in text


@pytest.mark.parametrize(
    ("timings", "text"),
    [
        ((), "this study plans no speed phase"),
        ((RecordedTiming(_planned("eager")),), "of 1 planned timing none is done"),
    ],
)
def test_without_timings_there_is_no_answer(timings, text):
    assert f"No answer yet: {text}." in said(toys.results(*timings), "index.html")


def test_without_a_speed_phase_the_page_says_so():
    assert "This study plans no speed phase." in said(toys.results())


def test_planned_but_never_run_is_listed():
    text = said(toys.results(RecordedTiming(_planned("eager"))))
    assert "Of 1 planned timing, 0 are done, 1 not yet run; there is nothing to show yet." in text


def test_timings_not_yet_run_are_counted_and_folded():
    missing = [RecordedTiming(_planned(execution)) for execution in ("eager", "compiled")]
    (section,) = untimed.sections(toys.results(*missing))
    (details,) = (block for block in section.blocks if isinstance(block, Details))
    assert (details.summary, details.open) == ("2 timings not yet run", False)
    assert [[cell.text for cell in row] for row in details.blocks[0].rows] == [
        ["imdb-lstm-wrapped-64x64-stock", "PyTorch", "2", "2"]
    ]


@pytest.mark.parametrize("twin", toys.TWINS)
def test_one_twin_alone_is_shown(twin):
    timings = [flat(twin, 0.02), flat(twin, 0.01, "tuned")]
    assert "No form has been timed in both twins." in said(toys.results(*timings))
    assert "the other twin was not timed" in said(toys.results(*timings), "index.html")


def test_all_done_needs_no_section_for_what_is_missing():
    assert untimed.sections(toys.results(flat("tf2", 0.01))) == []


def test_links_of_timings_name_their_kind_and_twin():
    link = toys.results().speed_links.timings("tf2", cell="lstm")
    assert "tags.kind%20%3D%20%27timing%27" in link
    assert "tags.framework%20%3D%20%27tf2%27" in link
    assert "params.cell%20%3D%20%27lstm%27" in link


def test_a_file_is_read_process_by_process():
    processes = artifacts.timings(json.dumps({"processes": [toys.record(0, [1.0]), {"failure": "E: x"}]}))
    assert [each.get("round") for each in processes] == [0, None]


@pytest.mark.parametrize("text", ["[]", "{}", '{"processes": []}', '{"processes": [{"round": 0}]}', '{"half": '])
def test_a_broken_file_is_refused(text):
    with pytest.raises(ValueError):
        artifacts.timings(text)
