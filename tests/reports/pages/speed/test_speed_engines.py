"""Engines on the speed page: their marks on the chart, their table, their ratios, and what is absent."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest
from made_reports import timings as toys
from made_reports.html_elements import words_of
from made_reports.speed_page import flat, page, said

from experiments.speed.engines import ENGINES
from experiments.speed.schedule import Timing
from reports.data import artifacts
from reports.data.results import RecordedTiming, Results
from reports.pages.speed.engines import passes as forward
from reports.pages.speed.engines import section
from reports.pages.speed.page import comparisons
from reports.pages.speed.timed.benchmarks import benchmarks, timed_variants

ABSENT = (
    ("openvino", "imdb-lstm-layer-64x64-stock", "not installed: openvino; pip install -e '.[engines]' brings it"),
)


def record(round: int, steady: list[float], error: float = 3e-8) -> dict:
    clock = {"first": 1.5, "warm_up": [], "settled": True, "steady": steady}
    fields = {"round": round, "environment": {}, "load": 0.0, "load_before": 0.0, "build_s": 0.1, "forward": clock}
    return fields | {"idle_bytes": 1, "peak_bytes": 9, "step_bytes": 8, "error": error, "device": "cpu"}


def by_engine(name: str, *seconds: float, threads: int = 2, cell: str = "lstm", **fields) -> RecordedTiming:
    """An engine's finished timing: a number of seconds for each of its processes."""
    timing = Timing(toys.spec(cell), name, f"{name} 9.9", threads, len(seconds), 20, "forward", 0)
    processes = tuple(record(place, [each] * 20) for place, each in enumerate(seconds))
    return replace(RecordedTiming(timing, "done", f"e-{name}", "", processes), **fields)


def made(*engines: RecordedTiming, absent=ABSENT) -> Results:
    """Forward passes of 10 ms in TensorFlow, of 5 ms in PyTorch's layer and of 4 ms in its tuned form."""
    twins = [flat("tf2", 0.030), flat("pytorch", 0.015), flat("pytorch", 0.012, "tuned")]
    return toys.results(*twins, *engines, absent=absent)


def rows(results: Results) -> dict[str, list[forward.ForwardPass]]:
    (benchmark,) = benchmarks(timed_variants(results))
    return forward.passes(benchmark, results)


def test_an_engine_stands_beside_each_twins_fastest_forward_pass():
    passes = rows(made(by_engine("xla", 0.002, 0.002), by_engine("onnxruntime", 0.002, 0.002)))["lstm"]
    assert [each.title for each in passes] == ["TensorFlow 2's layer", "PyTorch's tuned form", "ONNX Runtime", "XLA"]
    assert [round(1000 * each.step, 3) for each in passes] == [10, 4, 2, 2]


def test_a_further_round_of_a_close_pair_has_no_forward_pass():
    results = made(by_engine("xla", 0.002))
    further = [{key: value for key, value in each.items() if key != "forward"} for each in results.timings[2].processes]
    further = [each | {"round": len(further) + place} for place, each in enumerate(further)]
    tuned = replace(results.timings[2], processes=(*results.timings[2].processes, *further))
    passes = rows(replace(results, timings=[*results.timings[:2], tuned, *results.timings[3:]]))["lstm"]
    assert [round(1000 * each.step, 3) for each in passes] == [10, 4, 2]
    assert {round(1000 * value, 3) for value in (passes[1].low, passes[1].high)} == {4}


@pytest.mark.parametrize("other", [{"threads": 1}, {"cell": "gru"}])
def test_an_engine_of_another_setting_does_not(other):
    assert rows(made(by_engine("xla", 0.002, **other))) == {}


def test_a_failed_engine_has_no_mark_and_its_reason_is_said():
    failed = by_engine("xla", 0.002, state="failed", failure="Mismatch: xla is 1.0e-01 from the reference")
    results = made(failed, absent=())
    assert rows(results) == {} and section.sections(benchmarks(timed_variants(results)), results) == []
    text = said(results)
    assert "XLA 2 Mismatch: xla is 1.0e-01 from the reference" in text and "forward pass alone" not in text


def test_the_ratio_is_the_twins_time_over_the_engines():
    passes = rows(made(by_engine("onnxruntime", 0.002, 0.002)))
    known = forward.comparisons([passes])
    tf2, pytorch, engine = passes["lstm"]
    assert known.of(tf2, engine).value == pytest.approx(5) and known.of(pytorch, engine).value == pytest.approx(2)
    assert [(top.who, bottom.who) for top, bottom in forward.pairs(passes)] == [
        ("tf2", "onnxruntime"),
        ("pytorch", "onnxruntime"),
    ]


def test_the_ratios_of_forward_passes_are_no_part_of_the_pages_other_verdicts():
    results = made(by_engine("xla", 0.002, 0.002))
    variants, (tf2, _, engine) = timed_variants(results), rows(results)["lstm"]
    with pytest.raises(KeyError):
        comparisons(benchmarks(variants), variants, results).of(tf2, engine)


def test_the_table_says_who_how_long_and_which_release():
    text = said(made(by_engine("onnxruntime", 0.002, 0.002)))
    assert "What else runs the forward pass, and how fast" in text
    assert re.search(
        r"lstm ONNX Runtime 2\.00 2\.00 to 2\.00 5\.0× .* 2\.0× .* 100 ms 1\.50 s 3\.0·10⁻⁸ onnxruntime 9\.9", text
    )
    assert "the fastest engine is ONNX Runtime with 2.00 ms; PyTorch's tuned form takes 4.00 ms, " in text


@pytest.mark.parametrize("engines", [(), (by_engine("xla", 0.002, 0.002),)])
def test_an_absent_engine_is_said_once_and_never_among_the_twins_forms(engines):
    text = said(made(*engines))
    assert text.count("not installed: openvino; pip install") == 1
    assert "OpenVINO absent: not installed" in text and "Timed in one twin only" not in text


def test_a_study_without_engines_says_nothing_of_them():
    text = said(made(absent=()))
    assert "What else runs" not in text and "forward pass alone" not in text


@pytest.mark.drawn
def test_the_mark_is_on_the_chart_and_leads_to_its_run():
    html = page(made(by_engine("xla", 0.002, 0.002)))
    (figure,) = [svg for svg in re.findall(r"<svg.*?</svg>", html, flags=re.S) if "Steady training step" in svg]
    label = unescape(re.search(r'aria-label="([^"]*)"', figure)[1])
    assert "forward pass alone, PyTorch 4.00 ms, forward pass alone, XLA 2.00 ms" in label
    (mark,) = [each for each in re.findall(r'<g class="mark"[^>]*><title>[^<]*', figure) if "XLA" in each]
    assert "/runs/e-xla" in mark and "forward pass alone, XLA: 2.00 ms" in mark and "data-form" not in mark
    assert "Rings are not forms" in words_of(html)


def test_an_engines_file_is_read_and_one_without_a_forward_pass_is_not():
    whole = {"processes": [record(0, [1.0])]}
    assert artifacts.timings(json.dumps(whole))[0]["error"] == 3e-8
    del whole["processes"][0]["error"]
    with pytest.raises(ValueError):
        artifacts.timings(json.dumps(whole))


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_waits_is_named_by_its_title(name):
    text = said(made(by_engine(name, 0.002, state="missing", processes=()), absent=()))
    assert f"imdb-lstm-layer-64x64-stock {ENGINES[name].title} 2 1" in text
