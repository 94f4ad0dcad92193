"""What dropout and masked padding cost: pairs of one variant with and without, kept out of the other comparisons."""

from made_reports import timings as toys
from made_reports.speed_page import judged

from reports.html.blocks import Table
from reports.pages.speed import contrasts
from reports.pages.speed.timed.benchmarks import benchmarks, timed_variants


def timed(rate: float, step: float, twin="tf2", form="layer", units=(64, 64), second=1.01):
    """Two processes, the second ``second`` times as slow as the first."""
    variant = toys.spec("lstm", form, network={"dropout": rate, "units": list(units)})
    return toys.steps_only(toys.timed(variant, twin, [step] * 8, [step * second] * 8))


def test_each_framework_is_compared_with_itself():
    rows = timed_variants(toys.results(timed(0.0, 0.02), timed(0.5, 0.03), timed(0.0, 0.05, "pytorch")))
    (pair,) = contrasts.pairs(rows, contrasts.DROPOUT)
    assert (pair.changed.spec.network.dropout, pair.plain.spec.network.dropout) == (0.5, 0.0)
    (section,) = contrasts.sections(rows, judged(rows), toys.results())
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    (row,) = table.rows
    assert [cell.text for cell in row[5:8]] == ["0.5", "20.1", "30.1"] and row[9].text == "1.5× the step"


def test_what_differs_in_more_than_dropout_is_no_pair():
    made = toys.results(timed(0.0, 0.02), timed(0.5, 0.03, units=(64,)), timed(0.5, 0.03, "pytorch"))
    rows = timed_variants(made)
    assert contrasts.pairs(rows, contrasts.DROPOUT) == [] and contrasts.sections(rows, judged(rows), made) == []


def test_a_small_difference_is_too_close_to_call():
    made = toys.results(timed(0.0, 0.02), timed(0.5, 0.0201, second=0.99))
    rows = timed_variants(made)
    (section,) = contrasts.sections(rows, judged(rows), made)
    assert section.blocks[-1].rows[0][9].text == "too close to call"


def padded(step: float, twin="tf2", **task):
    variant = toys.spec("lstm", "layer", network={"dropout": 0.0, "units": [8]})
    variant = variant.model_copy(update={"task": variant.task.model_copy(update=task)})
    return toys.steps_only(toys.timed(variant, twin, [step] * 8, [step * 1.01] * 8))


def test_masked_padding_is_compared_with_padding_that_is_read():
    masked = {"padding_side": "right", "padding_treatment": "masked"}
    made = toys.results(
        padded(0.02), padded(0.04, **masked), padded(0.01, "pytorch"), padded(0.02, "pytorch", **masked)
    )
    rows = timed_variants(made)
    (section,) = contrasts.sections(rows, judged(rows), made)
    assert section.title == "What masking and packing cost"
    rows = section.blocks[-1].rows
    assert [(row[2].text, row[5].text, row[9].text) for row in rows] == [
        ("TensorFlow 2", "padded right masked", "2.0× the step"),
        ("PyTorch", "padded right masked", "2.0× the step"),
    ]
    assert len(benchmarks(timed_variants(made))) == 1  # the plain ones alone


def test_timings_with_dropout_stay_out_of_the_benchmarks():
    main = [timed(0.0, 0.02, form=form) for form in ("layer", "scratch", "tuned")]
    (benchmark,) = benchmarks(timed_variants(toys.results(*main, timed(0.5, 0.03))))
    assert {row.spec.network.dropout for row in benchmark.rows} == {0.0} and len(benchmark.rows) == 3


def test_old_timings_that_all_drop_are_still_compared():
    (benchmark,) = benchmarks(timed_variants(toys.results(timed(0.5, 0.03), timed(0.5, 0.03, "pytorch"))))
    assert len(benchmark.rows) == 2
