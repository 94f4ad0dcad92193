"""What dropout costs: pairs of one variant with and without it, kept out of the other comparisons."""

from made_reports import timings as toys

from reports.html.blocks import Table
from reports.pages.speed import dropout
from reports.pages.speed.benchmarks import benchmarks, timed_variants


def timed(rate: float, step: float, twin="tf2", form="layer", units=(64, 64), second=1.01):
    """Two processes, the second ``second`` times as slow as the first."""
    variant = toys.spec("lstm", form, network={"dropout": rate, "units": list(units)})
    return toys.steps_only(toys.timed(variant, twin, [step] * 8, [step * second] * 8))


def test_each_framework_is_compared_with_itself():
    rows = timed_variants(toys.results(timed(0.0, 0.02), timed(0.5, 0.03), timed(0.0, 0.05, "pytorch")))
    (pair,) = dropout.pairs(rows)
    assert (pair.dropping.spec.network.dropout, pair.plain.spec.network.dropout) == (0.5, 0.0)
    (section,) = dropout.sections(rows, toys.results())
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    (row,) = table.rows
    assert [cell.text for cell in row[5:8]] == ["0.5", "20.1", "30.1"] and row[9].text == "1.5× the step"


def test_what_differs_in_more_than_dropout_is_no_pair():
    made = toys.results(timed(0.0, 0.02), timed(0.5, 0.03, units=(64,)), timed(0.5, 0.03, "pytorch"))
    assert dropout.pairs(timed_variants(made)) == [] and dropout.sections(timed_variants(made), made) == []


def test_a_small_difference_is_too_close_to_call():
    made = toys.results(timed(0.0, 0.02), timed(0.5, 0.0201, second=0.99))
    (section,) = dropout.sections(timed_variants(made), made)
    assert section.blocks[-1].rows[0][9].text == "too close to call"


def test_timings_with_dropout_stay_out_of_the_benchmarks():
    main = [timed(0.0, 0.02, form=form) for form in ("layer", "scratch", "tuned")]
    (found,) = benchmarks(timed_variants(toys.results(*main, timed(0.5, 0.03))))
    assert {row.spec.network.dropout for row in found.rows} == {0.0} and len(found.rows) == 3


def test_old_timings_that_all_drop_are_still_compared():
    (found,) = benchmarks(timed_variants(toys.results(timed(0.5, 0.03), timed(0.5, 0.03, "pytorch"))))
    assert len(found.rows) == 2
