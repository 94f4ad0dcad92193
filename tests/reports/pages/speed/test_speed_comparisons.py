"""Which twin is faster, how far from the floor, and from which step on."""

import json
import math

import pytest
from made_reports import timings as toys
from made_reports.speed_page import flat, page, row, said, swept

from reports.data import artifacts
from reports.data.results import RecordedTiming
from reports.pages.speed import first_call, floor
from reports.pages.speed.timed.benchmarks import benchmarks, timed_variants
from reports.pages.speed.timed.timings import Comparisons, TimedVariant


def floors_row(results) -> list[str]:
    """The texts of the first row in the table of the floors."""
    section, *_ = floor.sections(benchmarks(timed_variants(results)), results)
    (table,) = (block.blocks[0] for block in section.blocks if getattr(block, "summary", "").startswith("The floors"))
    return [cell.text for cell in table.rows[0]]


def test_the_table_has_medians_quartiles_ratio_and_n():
    text = said(toys.results(row("tf2", 2.0, 3.0).timed, row("pytorch", 1.0, 1.0).timed))
    times = "† 25,000 18,000 to 33,000 † 10,000 9,000 to 11,000"
    assert f"PyTorch: 2.4× faster {times} 2.45 1.79 to 3.36" in text


def test_a_form_of_one_twin_stands_with_a_dash():
    text = said(toys.results(flat("tf2", 0.01), flat("tf2", 0.03, "unrolled"), flat("pytorch", 0.02)))
    assert "lstm unrolled – 30.0 30.0 to 30.0 – –" in text


def test_executions_are_rows_of_their_own():
    eager = flat("tf2", 0.05, parts={"training": {"execution": "eager"}})
    (benchmark,) = benchmarks(timed_variants(toys.results(flat("tf2", 0.01), eager, flat("tf2", 0.01, "tuned"))))
    assert benchmark.forms == ["layer", "layer, eager", "tuned"]


def test_each_task_and_number_of_threads_has_its_benchmark():
    timings = [flat("tf2", 0.01, threads=1), flat("tf2", 0.01), flat("tf2", 0.01, parts={"task": "sine"})]
    names = [benchmark.name for benchmark in benchmarks(timed_variants(toys.results(*reversed(timings))))]
    assert names == ["imdb-2", "imdb-1", "sine-2"]


def test_another_setting_is_another_benchmark():
    small = flat("tf2", 0.01, parts={"training": {"batch_size": 8}})
    titled = benchmarks(timed_variants(toys.results(flat("tf2", 0.01), flat("tf2", 0.01, "tuned"), small)))
    assert [benchmark.title for benchmark in titled] == ["imdb, 2 threads", "imdb, 2 threads, setting 2"]
    assert "batches of 8" in titled[1].setting


def test_a_variant_timed_twice_counts_where_both_twins_were():
    variants = timed_variants(toys.results(flat("tf2", 9.0), flat("tf2", 1.0, group=1), flat("pytorch", 2.0, group=1)))
    assert [each.step for each in variants] == [1.0, 2.0]


def test_multiple_and_rate_are_of_the_step():
    (benchmark,) = benchmarks(timed_variants(toys.results(flat("tf2", 0.5, floor=0.1, gflop=2.0))))
    (variant,) = benchmark.rows
    assert benchmark.multiple(variant) == pytest.approx(5)
    assert variant.figures["rate/gflop_per_s"] == pytest.approx(4)


def test_the_floor_is_the_fastest_way_and_the_same_for_both_twins():
    both = flat("tf2", 0.6, floor=0.3, gflop=2.0), flat("pytorch", 0.4, floor=0.2, gflop=2.0)
    (benchmark,) = benchmarks(timed_variants(toys.results(*both)))
    assert benchmark.floor("lstm") == 0.2
    assert [benchmark.multiple(row) for row in benchmark.of("lstm")] == pytest.approx([3, 2])
    text = said(toys.results(*both))
    assert floors_row(toys.results(*both)) == ["lstm", "200", "PyTorch", "2.00", "10.0"]
    assert "TensorFlow 2 600 3.0× 1.5×" in text and "PyTorch 400 2.0× 1.00×" in text
    for process in both[0].processes:
        process["floor"]["numpy"] = [0.1]
    (benchmark,) = benchmarks(timed_variants(toys.results(*both)))
    assert benchmark.ways("lstm") == pytest.approx({"TensorFlow 2": 0.3, "PyTorch": 0.2, "NumPy": 0.1})
    assert benchmark.floor("lstm") == 0.1


def test_the_gates_are_the_floors_second_part_where_they_were_timed():
    both = flat("tf2", 0.6, floor=0.3, gflop=2.0), flat("pytorch", 0.4, floor=0.2, gflop=2.0)
    assert "for the gates" not in said(toys.results(*both))
    for timed, gates in zip(both, ([0.03], [0.05]), strict=True):
        for process in timed.processes:
            process["floor"]["gates"] = gates
    assert floors_row(toys.results(*both))[-2:] == ["10.0", "40.0"]


def test_the_floors_rate_stands_beside_the_processors_peak():
    without, both = (
        (flat("tf2", 0.6, floor=0.3, gflop=2.0), flat("pytorch", 0.4, floor=0.2, gflop=2.0)) for _ in range(2)
    )
    assert "the peak)" not in said(toys.results(*without))
    for timed, own in zip(both, (0.1, 0.05), strict=True):
        for process in timed.processes:
            process["peak"] = {"seconds": {"framework": [own], "numpy": [0.08]}, "gflop": 2.0}
    text = said(toys.results(*both))
    assert "peak in GFLOP/s, a median over processes: 40.0 by PyTorch (40.0 to 40.0, n = 2 processes); 25.0 by" in text
    assert floors_row(toys.results(*both))[-2:] == ["10.0", "25%"]


def test_a_step_below_its_floor_is_explained():
    assert "A multiple below 1" in said(toys.results(flat("tf2", 0.5, floor=0.6)))
    assert "A multiple below 1" not in said(toys.results(flat("tf2", 0.5, floor=0.4)))


def test_floors_that_cannot_both_be_true_are_doubted():
    text = "lstm: its products, 0.100 to 20.0 ms, are the same: do not trust the lowest, which is the floor."
    assert text in said(toys.results(flat("tf2", 0.05, floor=1e-4), flat("pytorch", 0.05, floor=0.02)))
    assert "do not trust" not in said(toys.results(flat("tf2", 0.05, floor=0.01), flat("pytorch", 0.05, floor=0.02)))


def test_the_fastest_stock_form_is_named_with_its_top_operator():
    text = said(toys.results(flat("tf2", 0.02), flat("tf2", 0.01, "tuned"), flat("tf2", 0.03, "scratch")))
    assert "lstm: TensorFlow 2's layer takes 20.0 ms, 2.0× the floor, with 45% of its operators' time in _MklM" in text


def test_steps_timed_alone_are_compared_and_have_no_floor():
    bare = [toys.steps_only(flat(twin, seconds)) for twin, seconds in (("tf2", 0.02), ("pytorch", 0.05))]
    text = said(toys.results(*bare))
    assert "TensorFlow 2: 2.5× faster" in text and "Distance from the floor" not in text
    both = said(toys.results(*bare, flat("tf2", 0.03, "scratch")))
    assert "2.0× (lstm scratch) the floor, n = 1 variant" in both
    assert "beyond its bare matrix products" in both and "beyond its bare" not in text


def test_a_cell_goes_by_its_plain_name_in_every_task_where_it_has_no_options():
    done = [toys.timed(toys.spec("lstm", "layer", task), "tf2", [0.02] * 4) for task in ("imdb", "chars")]
    assert [row.cell for row in timed_variants(toys.results(*done))] == ["lstm", "lstm"]
    clipped = toys.timed(toys.spec("lstm", "layer", "imdb", network={"cell_clip": 0.5}), "tf2", [0.02] * 4)
    (plain, other), (chars,) = (
        [row.cell for row in timed_variants(toys.results(*done, clipped)) if row.spec.task.name == task]
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
    assert artifacts.timings(json.dumps({"processes": list(toys.steps_only(flat("tf2", 0.02)).processes)}))


def test_without_a_profile_no_operator_is_named():
    bare = flat("tf2", 0.02)
    for each in bare.processes:
        each.pop("operators", None)
    assert "TensorFlow 2's layer takes 20.0 ms, 2.0× the floor." in said(toys.results(bare))


def crossed(one: RecordedTiming, another: RecordedTiming) -> first_call.Crossing:
    rows = TimedVariant(one, "lstm"), TimedVariant(another, "lstm")
    return first_call.crossing(*rows, Comparisons([rows]))


def test_the_crossing_is_where_the_faster_step_has_made_up_for_its_first_call():
    crossing = crossed(flat("tf2", 0.01, first=2.0), flat("pytorch", 0.11, first=0.6))
    assert crossing.starter.framework == "pytorch"
    assert crossing.steps == pytest.approx(14)  # (2.0 − 0.6) / (0.11 − 0.01)
    assert 0 < crossing.low < 14 < crossing.high


def test_a_crossings_interval_has_the_first_calls_range_and_the_ratios_interval():
    one, another = flat("tf2", 0.01, first=2.0), flat("pytorch", 0.11, first=0.6)
    for process, first in zip(one.processes, (1.6, 2.4), strict=True):
        process["train"]["first"] = first
    crossing = crossed(one, another)
    rows = TimedVariant(another, "lstm"), TimedVariant(one, "lstm")
    ratio = Comparisons([rows]).of(*rows)
    assert crossing.steps == pytest.approx(14)
    assert crossing.low == pytest.approx(1.0 / (0.01 * (ratio.high - 1)))
    assert crossing.high == pytest.approx(1.8 / (0.01 * (ratio.low - 1)))


def test_whoever_starts_sooner_and_steps_faster_is_never_behind():
    assert crossed(flat("tf2", 0.11, first=2.0), flat("pytorch", 0.01, first=0.6)).steps == math.inf


def test_steps_too_close_to_call_have_no_crossing():
    assert math.isnan(crossed(row("tf2", 1.0, first=2.0).timed, row("pytorch", 1.05, first=0.6).timed).steps)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (0.106, "PyTorch's layer is ahead for the first 14 steps (11 to 18), then TensorFlow 2's layer."),
        (3.0, "PyTorch's layer starts sooner, but TensorFlow 2's layer is ahead from the first step on."),
        (0.001, "PyTorch's layer starts sooner than TensorFlow 2's layer and steps faster: it is never behind."),
        (0.01, "PyTorch's layer starts sooner than TensorFlow 2's layer; which one steps faster is too close to call."),
    ],
)
def test_crossings_are_said_in_words(step, text):
    assert text in said(toys.results(flat("tf2", 0.01, first=2.0), flat("pytorch", step, first=0.6)))


def test_a_layer_is_compared_with_its_twins_fastest_form():
    layer, tuned = flat("tf2", 0.03, first=1.0), flat("tf2", 0.01, "tuned", first=2.0)
    assert "TensorFlow 2's layer 1.00 s 30.0 TensorFlow 2's tuned form 2.00 s 10.0 50" in said(
        toys.results(layer, tuned)
    )


def test_a_tuned_forms_step_is_its_floor_times_its_products_times_the_rest_with_three_operators():
    both = flat("tf2", 0.06, "tuned", floor=0.02), flat("pytorch", 0.05, "tuned", floor=0.03)
    shares = {"addmm_": 0.5, "tanh": 0.2, "mm": 0.1, "mul": 0.08, "_fused_adam_": 0.06, "cat": 0.04, "add": 0.02}
    both[1].processes[0]["operators"] = [list(each) for each in shares.items()]
    text = said(toys.results(*both, flat("tf2", 0.09, floor=0.02), flat("pytorch", 0.09, floor=0.03)))
    assert "lstm, PyTorch: 50.0 ms = the floor's 20.0 ms × 1.50 (its products) × 1.67 (the rest); of its op" in text
    assert "time beside products: tanh 20%, mul 8%, _fused_adam_ 6%." in text
    assert "lstm, TensorFlow 2: 60.0 ms = the floor's 20.0 ms × 1.00 (its products) × 3.00 (the rest); of " in text
    assert "tanh 20% · mm 10% · mul 8% · _fused_adam_ 6%" in text and "cat 4%" not in text
    assert "The tuned forms" not in said(toys.results(flat("tf2", 0.09)))


PRODUCTS = ("MatMul", "_FusedMatMul", "_MklMatMul", "BatchMatMulV2", "addmm", "addmm_", "mm", "bmm", "baddbmm")
OTHERS = ("Mul", "mul", "mkldnn_rnn_layer", "sum", "BiasAdd", "_fused_adam_")


@pytest.mark.parametrize("operator", [*PRODUCTS, *OTHERS])
def test_products_are_known_by_either_frameworks_names(operator):
    assert bool(floor.PRODUCT.search(operator)) == (operator in PRODUCTS)
