"""The speed page: its interval rule, its arithmetic, and what it says of timings made of numbers."""

import json
import math
import re
from dataclasses import replace
from datetime import datetime
from html import unescape

import pytest
import reports_speed_toys as toys
from html_elements import Elements, words_of

from experiments.speed.outcome import BUSY, SPREAD
from experiments.speed.schedule import Timing
from reports.data import artifacts
from reports.data.results import RecordedTiming, Results
from reports.pages.speed import comparisons, first_call, floor, growth, notes
from reports.pages.speed import page as speed
from reports.pages.speed.comparisons import boards, clocked
from reports.pages.speed.timings import Clocked, ratio, times
from reports.render import render

#: Five steps whose quartiles are the second and the fourth: 9 and 11 about 10.
STEPS = (8.0, 9.0, 10.0, 11.0, 12.0)


def row(framework: str = "tf2", *processes: float, form: str = "layer", tokens: int = 80, **told) -> Clocked:
    """A variant each of whose processes takes ``STEPS`` times so much."""
    rounds = [[scale * step for step in STEPS] for scale in processes or (1.0,)]
    variant = toys.spec("lstm", form, {"name": "imdb", "tokens": tokens})
    return Clocked(toys.timed(variant, framework, *rounds, **told), "lstm")


def flat(framework: str, seconds: float, form: str = "layer", first: float = 1.0, **told) -> RecordedTiming:
    """A timing without any spread."""
    told = {"cell": "lstm"} | told
    variant = toys.spec(told.pop("cell"), form, **told.pop("parts", {}))
    return toys.timed(variant, framework, [seconds] * 20, [seconds] * 20, first=first, **told)


def page(results: Results, name: str = "speed.html") -> str:
    return render(results, "Toys.", datetime(2026, 1, 1))[name]


def said(results: Results, name: str = "speed.html") -> str:
    return unescape(words_of(page(results, name)))


@pytest.fixture(scope="module")
def whole() -> Results:
    failed = RecordedTiming(_planned("compiled"), "failed", "f1", "RuntimeError: no C++ compiler")
    missing = RecordedTiming(_planned("eager"))
    absent = (("pytorch", toys.spec("lstm", "unrolled").slug, "nn.LSTM has no unroll option"),)
    return toys.results(*toys.whole(), failed, missing, absent=absent)


def _planned(execution: str) -> Timing:
    return toys.timing(toys.spec("lstm", "wrapped", training={"execution": execution}), "pytorch")


@pytest.fixture(scope="module")
def html(whole) -> str:
    return page(whole)


# --- the one interval rule


def test_the_interval_goes_from_the_lowest_to_the_highest_of_all_rounds():
    found = ratio(row("tf2", 2.0, 3.0), row("pytorch", 1.0, 1.0))
    assert found.value == pytest.approx(2.5)  # the median of 20 and 30 over 10
    assert found.low == pytest.approx(18 / 11)  # the first round's
    assert found.high == pytest.approx(33 / 9)  # the second's


def test_rounds_are_paired():
    slowed = ratio(row("tf2", 1.0, 5.0), row("pytorch", 1.0, 5.0))
    assert (slowed.low, slowed.high) == (pytest.approx(9 / 11), pytest.approx(11 / 9))


def test_turned_round_the_interval_is_its_inverse():
    left, right = row("tf2", 2.0, 3.0), row("pytorch", 1.0, 1.1)
    there, back = ratio(left, right), ratio(right, left)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))


def test_a_single_round_is_wider_by_what_another_might_bring():
    one, two = (ratio(row("tf2", *[2.0] * n), row("pytorch", *[1.0] * n)) for n in (1, 2))
    assert (one.low, one.high) == (pytest.approx(two.low / 1.25), pytest.approx(two.high * 1.25))
    assert one.value == two.value


def test_without_a_common_round_nothing_is_decided():
    late = replace(row("pytorch").timed, processes=(toys.record(5, list(STEPS), "pytorch"),))
    found = ratio(row("tf2", 9.0), Clocked(late, "lstm"))
    assert math.isnan(found.low)
    assert (found.decided, found.interval) == (False, "no interval")


@pytest.mark.parametrize(
    ("left", "right", "text", "kind"),
    [
        (2.0, 1.0, "PyTorch: 2.0× faster", "pytorch"),
        (1.0, 1.4, "TensorFlow 2: 1.4× faster", "tf2"),
        (1.1, 1.0, "too close to call", "quiet"),
        (1.0, 1.0, "too close to call", "quiet"),
    ],
)
def test_the_verdict_follows_from_the_interval(left, right, text, kind):
    cell = speed.verdict(ratio(row("tf2", left, left), row("pytorch", right, right)))
    assert (cell.text, cell.kind) == (text, kind)


def test_an_interval_that_touches_one_is_too_close_to_call():
    found = ratio(*(Clocked(flat(twin, 0.5), "lstm") for twin in toys.TWINS))
    assert (found.low, found.high, found.decided) == (1, 1, False)


@pytest.mark.parametrize(("value", "text"), [(1.04, "1.04×"), (1.44, "1.4×"), (13.7, "14×"), (0.82, "0.820×")])
def test_multiples_near_one_have_a_digit_more(value, text):
    assert times(value) == text


# --- reservations


def test_quiet_steady_timings_have_no_mark():
    assert Clocked(flat("tf2", 0.01), "lstm").reservations == ()


def test_spread_within_a_process_is_marked():
    assert row("tf2").reservations == ("steps spread over 20%",)  # (11 − 9) / 10


def test_spread_between_processes_is_marked():
    apart = toys.timed(toys.spec(), "tf2", [1.0] * 9, [1.0 + 1.5 * SPREAD] * 9)
    assert Clocked(apart, "lstm").reservations == ("processes 14% apart",)  # 0.15 / 1.075


def test_unsettled_warm_ups_and_load_are_marked():
    found = Clocked(flat("tf2", 0.01, settled=False, load=2 * BUSY), "lstm").reservations
    assert found == ("others kept 0.4 cores busy", "2 processes never settled")


def test_a_mark_stands_at_the_number_and_says_why():
    text = said(toys.results(row("tf2").timed, flat("pytorch", 3.0)))
    assert "† 10,000 9,000 to 11,000" in text
    assert "TensorFlow 2: steps spread over 20%" in text


def test_a_quiet_machine_is_said_with_its_load():
    assert "The machine was quiet: others kept at most 0.01 cores busy." in said(toys.results(flat("tf2", 0.01)))


def test_a_busy_machine_is_said_with_how_many_cores_and_which():
    text = said(toys.results(flat("tf2", 0.01, load=1.23), flat("pytorch", 0.01)))
    assert (
        "while 1 of 2 variants were timed, at most 1.23 cores: lstm layer on imdb in TensorFlow 2, 2 threads (1.23)"
        in text
    )


def test_of_many_busy_variants_the_rest_is_folded_up():
    busy = [flat("tf2", 0.01, form, load=0.5, cell=cell) for cell in ("lstm", "gru") for form in toys.FORMS]
    text = said(toys.results(*busy))
    assert "while 12 of 12 variants were timed, at most 0.50 cores." in text
    assert "Which, and how many cores" in text


# --- who is faster


def test_the_table_has_medians_quartiles_ratio_and_n():
    text = said(toys.results(row("tf2", 2.0, 3.0).timed, row("pytorch", 1.0, 1.0).timed))
    assert "PyTorch: 2.5× faster † 25,000 18,000 to 33,000 † 10,000 9,000 to 11,000 2.50 1.64 to 3.67 5 × 2" in text


def test_a_form_of_one_twin_stands_with_a_dash():
    text = said(toys.results(flat("tf2", 0.01), flat("tf2", 0.03, "unrolled"), flat("pytorch", 0.02)))
    assert "lstm unrolled – 30.0 30.0 to 30.0 – – 20 × 2" in text


def test_executions_are_rows_of_their_own():
    eager = flat("tf2", 0.05, parts={"training": {"execution": "eager"}})
    (board,) = boards(clocked(toys.results(flat("tf2", 0.01), eager, flat("tf2", 0.01, "tuned"))))
    assert board.forms == ["layer", "layer, eager", "tuned"]


def test_each_task_and_number_of_threads_has_its_board():
    found = [flat("tf2", 0.01, threads=1), flat("tf2", 0.01), flat("tf2", 0.01, parts={"task": "sine"})]
    names = [board.name for board in boards(clocked(toys.results(*reversed(found))))]
    assert names == ["imdb-2", "imdb-1", "sine-2"]


def test_another_setting_has_a_board_of_its_own():
    small = flat("tf2", 0.01, parts={"training": {"batch_size": 8}})
    found = boards(clocked(toys.results(flat("tf2", 0.01), flat("tf2", 0.01, "tuned"), small)))
    assert [board.title for board in found] == ["imdb, 2 threads", "imdb, 2 threads, setting 2"]
    assert "batches of 8" in found[1].setting


def test_a_variant_timed_twice_counts_where_both_twins_were():
    found = clocked(toys.results(flat("tf2", 9.0), flat("tf2", 1.0, group=1), flat("pytorch", 2.0, group=1)))
    assert [each.step for each in found] == [1.0, 2.0]


# --- the floor and what lies above it


def test_multiple_and_rate_are_of_the_step():
    found = Clocked(flat("tf2", 0.5, floor=0.1, gflop=2.0), "lstm")
    assert floor.multiple(found) == pytest.approx(5)
    assert found.figures["rate/gflop_per_s"] == pytest.approx(4)


def test_a_step_below_its_floor_is_explained():
    assert "A multiple below 1" in said(toys.results(flat("tf2", 0.5, floor=0.6)))
    assert "A multiple below 1" not in said(toys.results(flat("tf2", 0.5, floor=0.4)))


def test_floors_that_cannot_both_be_true_are_doubted():
    text = "lstm: its floors, 0.100 to 20.0 ms, are the same products: do not trust the lowest."
    assert text in said(toys.results(flat("tf2", 0.05, floor=1e-4), flat("pytorch", 0.05, floor=0.02)))
    assert "do not trust" not in said(toys.results(flat("tf2", 0.05, floor=0.01), flat("pytorch", 0.05, floor=0.02)))


def test_the_fastest_stock_form_is_named_with_its_top_operator():
    text = said(toys.results(flat("tf2", 0.02), flat("tf2", 0.01, "tuned"), flat("tf2", 0.03, "scratch")))
    assert "lstm: TensorFlow 2's layer takes 20.0 ms, 2.0× its floor, with 45% of its operators' time in _MklM" in text


def test_steps_timed_alone_are_compared_and_have_no_floor():
    bare = [toys.alone(flat(twin, seconds)) for twin, seconds in (("tf2", 0.02), ("pytorch", 0.05))]
    text = said(toys.results(*bare))
    assert "TensorFlow 2: 2.5× faster" in text and "Distance from the floor" not in text
    both = said(toys.results(*bare, flat("tf2", 0.03, "scratch")))
    assert "lstm scratch at 2.0× its floor (n = 1 variant)" in both
    assert "TensorFlow 2's floor" in both and "PyTorch's floor" not in both


def test_a_cell_goes_by_its_plain_name_in_every_task_where_it_has_no_options():
    done = [toys.timed(toys.spec("lstm", "layer", task), "tf2", [0.02] * 4) for task in ("imdb", "chars")]
    assert [row.cell for row in clocked(toys.results(*done))] == ["lstm", "lstm"]
    clipped = toys.timed(toys.spec("lstm", "layer", "imdb", network={"cell_clip": 0.5}), "tf2", [0.02] * 4)
    (plain, other), (chars,) = (
        [row.cell for row in clocked(toys.results(*done, clipped)) if row.spec.task.name == task]
        for task in ("imdb", "chars")
    )
    assert plain == chars == "lstm" and other != "lstm"


def test_what_a_sweep_lacks_in_one_twin_is_said_once():
    points = swept(20, 40, 80, 160)
    absent = tuple(("pytorch", each.timing.spec.slug, "no such layer") for each in points)
    assert page(toys.results(*points, absent=absent)).count("no such layer") == 1


def test_a_record_with_half_of_what_lies_beneath_is_none():
    whole = toys.record(0, [0.02] * 4)
    for part in ("forward", "floor", "gflop"):
        with pytest.raises(ValueError, match="not a record of timings"):
            artifacts.timings(json.dumps({"processes": [{key: whole[key] for key in whole if key != part}]}))
    assert artifacts.timings(json.dumps({"processes": list(toys.alone(flat("tf2", 0.02)).processes)}))


def test_without_a_profile_no_operator_is_named():
    bare = flat("tf2", 0.02)
    for each in bare.processes:
        each.pop("operators", None)
    assert "TensorFlow 2's layer takes 20.0 ms, 2.0× its floor." in said(toys.results(bare))


# --- the first call


def crossed(one: RecordedTiming, another: RecordedTiming) -> first_call.Crossing:
    return first_call.crossing(Clocked(one, "lstm"), Clocked(another, "lstm"))


def test_the_crossing_is_where_the_faster_step_has_made_up_for_its_first_call():
    found = crossed(flat("tf2", 0.01, first=2.0), flat("pytorch", 0.11, first=0.6))
    assert found.starter.framework == "pytorch"
    assert found.steps == pytest.approx(14)  # (2.0 − 0.6) / (0.11 − 0.01)


def test_whoever_starts_sooner_and_steps_faster_is_never_behind():
    assert crossed(flat("tf2", 0.11, first=2.0), flat("pytorch", 0.01, first=0.6)).steps == math.inf


def test_steps_too_close_to_call_have_no_crossing():
    assert math.isnan(crossed(row("tf2", 1.0, first=2.0).timed, row("pytorch", 1.05, first=0.6).timed).steps)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (0.106, "PyTorch's layer is ahead for the first 14 steps, then TensorFlow 2's layer."),
        (3.0, "PyTorch's layer starts sooner, but TensorFlow 2's layer is ahead from the first step on."),
        (0.001, "PyTorch's layer starts sooner than TensorFlow 2's layer and steps faster: it is never behind."),
        (0.01, "PyTorch's layer starts sooner than TensorFlow 2's layer; whose steps are faster is too close to call."),
    ],
)
def test_crossings_are_said_in_words(step, text):
    assert text in said(toys.results(flat("tf2", 0.01, first=2.0), flat("pytorch", step, first=0.6)))


def test_a_layer_is_compared_with_its_twins_fastest_form():
    layer, tuned = flat("tf2", 0.03, first=1.0), flat("tf2", 0.01, "tuned", first=2.0)
    assert "TensorFlow 2's layer 1.00 s 30.0 TensorFlow 2's tuned form 2.00 s 10.0 50" in said(
        toys.results(layer, tuned)
    )


# --- growth


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_law_is_recovered(power):
    values = (20, 40, 80, 160)
    found = growth.exponent(values, [0.003 * value**power for value in values])
    assert tuple(found) == pytest.approx((power, power, power, 4), abs=1e-6)


def test_the_exponents_interval_is_students():
    # By hand: logs 0, 1, 2 → 0, 1, 3; slope 1.5, residuals 1/6, −1/3, 1/6; se √(1/6 / 2), t with 1 degree 12.706.
    found = growth.exponent([1, math.e, math.e**2], [1, math.e, math.e**3])
    assert found.value == pytest.approx(1.5)
    assert found.half == pytest.approx(12.7062 * math.sqrt(1 / 12), rel=1e-4)


def swept(*tokens: int) -> list[RecordedTiming]:
    return [row("tf2", value / 1e4, tokens=value).timed for value in tokens]


def test_three_points_make_a_series():
    (found,) = comparisons.series(clocked(toys.results(*swept(20, 80, 40))))
    assert (found.word, found.values) == ("tokens", [20, 40, 80])


def test_two_points_make_none():
    assert comparisons.series(clocked(toys.results(*swept(20, 40)))) == []


def test_nothing_else_may_change_along_a_series():
    odd = toys.spec("lstm", "layer", {"name": "imdb", "tokens": 80}, training={"batch_size": 8})
    assert comparisons.series(clocked(toys.results(*swept(20, 40), toys.timed(odd, "tf2", [1.0] * 5)))) == []


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("units", [{"network": {"units": [size, size]}} for size in (16, 32, 64)]),
        ("batch", [{"training": {"batch_size": size}} for size in (8, 32, 128)]),
        ("window", [{"task": {"name": "sine", "window": size}} for size in (10, 20, 40)]),
    ],
)
def test_series_are_found_by_every_quantity(word, parts):
    found = comparisons.series(clocked(toys.results(*(flat("tf2", 0.01, parts=each) for each in parts))))
    assert [each.word for each in found] == [word]


def test_uneven_layers_are_no_series():
    parts = [{"network": {"units": [size, 64]}} for size in (16, 32, 48)]
    assert comparisons.series(clocked(toys.results(*(flat("tf2", 0.01, parts=each) for each in parts)))) == []


def test_a_sweeps_points_have_no_boards_of_their_own(whole):
    assert [board.name for board in boards(clocked(whole))] == ["imdb-2", "imdb-1", "sine-2"]


def test_without_a_sweep_the_page_says_so():
    assert "This study plans no sweep" in said(toys.results(flat("tf2", 0.01)))


# --- the page as a whole


@pytest.mark.parametrize(
    "text",
    [
        "How these times were taken",
        "Who is faster: imdb, 2 threads",
        "Who is faster: sine, 2 threads",
        "Behind each time: 20 × 2 steady steps × processes, 1 or 2 threads.",
        "Toy CPU; TensorFlow 2: python 3.11.7, tensorflow 2.21.0, keras 3.15.1; PyTorch: python 3.11.7, torch 2.13.0.",
        "lstm: top operators",
        "gru by batch",
        "lstm by units",
        "lstm layer 200 200 450 450 2",
        "Of 251 planned timings, 249 are done, 1 failed and 1 not yet run",
        "RuntimeError: no C++ compiler",
        "nn.LSTM has no unroll option",
    ],
)
def test_the_page_has_its_sections(html, text):
    assert text in words_of(html)


def test_every_timing_on_a_board_leads_to_its_run(whole, html):
    wanted = {f"/experiments/9/runs/{row.timed.run_id}" for row in clocked(whole)}
    found = {href.partition("#")[2] for href in Elements(html).all("href")}
    assert wanted <= found


def test_ids_are_unique_and_contents_lead_somewhere(html):
    elements = Elements(html)
    ids = elements.all("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in elements.all("href") if href.startswith("#")} <= set(ids)


def test_figures_speak_and_are_small(html):
    figures = re.findall(r"<svg.*?</svg>", html, flags=re.S)
    assert len(figures) == 24  # 8 + 8 + 2 cells, 2 cells by 3 quantities
    assert all('role="img" aria-label="' in figure for figure in figures)
    assert max(map(len, figures)) < 60 * 1024


def test_the_front_page_names_each_cells_fastest_way():
    text = said(toys.results(flat("tf2", 0.02), flat("tf2", 0.01, "tuned"), flat("pytorch", 0.015)), "index.html")
    assert "TensorFlow 2's tuned form (10.0 ms) is 1.5× faster than PyTorch's layer (15.0 ms), interval 1.50 to" in text
    assert "imdb with 2 threads (medians of 20 × 2 steps × processes)" in text


def test_the_front_page_calls_no_winner_where_it_is_too_close():
    text = said(toys.results(row("tf2").timed, row("pytorch").timed), "index.html")
    assert "are too close to call (ratio 0.655 to 1.53)" in text
    assert "Of these 2 timings 2 varied" in text


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


@pytest.mark.parametrize("twin", toys.TWINS)
def test_one_twin_alone_is_shown(twin):
    timings = [flat(twin, 0.02), flat(twin, 0.01, "tuned")]
    assert "No form has been timed in both twins." in said(toys.results(*timings))
    assert "the other twin was not timed" in said(toys.results(*timings), "index.html")


def test_all_done_needs_no_section_for_what_is_missing():
    assert notes.missing(toys.results(flat("tf2", 0.01))) == []


def test_links_of_timings_name_their_kind_and_twin():
    found = toys.results().speed_links.timings("tf2", cell="lstm")
    assert "tags.kind%20%3D%20%27timing%27" in found
    assert "tags.framework%20%3D%20%27tf2%27" in found
    assert "params.cell%20%3D%20%27lstm%27" in found


# --- a run's file


def test_a_file_is_read_process_by_process():
    found = artifacts.timings(json.dumps({"processes": [toys.record(0, [1.0]), {"failure": "E: x"}]}))
    assert [each.get("round") for each in found] == [0, None]


@pytest.mark.parametrize("text", ["[]", "{}", '{"processes": []}', '{"processes": [{"round": 0}]}', '{"half": '])
def test_a_broken_file_is_refused(text):
    with pytest.raises(ValueError):
        artifacts.timings(text)
