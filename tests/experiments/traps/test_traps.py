"""Traps: the catalogue, what a study plans, how code is read and how ports are compared."""

import json
import re

import numpy as np
import pytest
from trap_cases import ERRORS, SCORED, VERSIONS, measured, outcome

from experiments.errors import UserError
from experiments.events import Failed, Finished
from experiments.study import schema
from experiments.traps import child, phase
from experiments.traps.catalogue import NOT_YET, THEMES, TRAPS
from experiments.traps.measure import ROUNDS, Measurement, all_values, body
from experiments.traps.outcome import TrapRun, error, outcomes
from experiments.twins import TWINS

HEAD = 'name = "mine"\ndescription = "d"\n'


class Answers:
    """Versions alone, which is all that planning traps asks."""

    versions = staticmethod(dict(VERSIONS).__getitem__)


def planned(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return phase.plan(schema.read(path), Answers, {})


def test_no_two_traps_have_one_name():
    assert len(TRAPS) == sum(len(theme.TRAPS) for theme in THEMES) >= 28


@pytest.mark.parametrize("trap", [*TRAPS.values(), *NOT_YET], ids=lambda trap: trap.name)
def test_each_trap_names_threads_that_can_be_found(trap):
    assert trap.threads and all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", thread) for thread in trap.threads)


@pytest.mark.parametrize("trap", TRAPS.values(), ids=lambda trap: trap.name)
def test_a_case_is_the_same_each_time_and_says_what_it_is(trap):
    assert trap.case.__doc__
    if not trap.scores:
        again = trap.case(0)
        for name, value in trap.case(0).items():
            np.testing.assert_equal(again[name], value)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('traps = ["all"]', [*TRAPS]),
        ('traps = ["errors"]', ERRORS),
        ('traps = ["gate_order"]', ["gate_order"]),
        ('[[speed]]\ntask = "sine"\nnetwork = { cell = "lstm", form = "layer" }', []),
    ],
    ids=["all", "errors", "one", "none"],
)
def test_a_study_names_its_traps(tmp_path, text, names):
    assert [job.trap for job in planned(tmp_path, text).jobs] == names


def test_what_cannot_be_run_is_listed_with_its_reason(tmp_path):
    assert {each.reason for each in planned(tmp_path, 'traps = ["all"]').absent} == {each.reason for each in NOT_YET}


def test_a_study_of_one_twin_has_no_traps(tmp_path):
    work = planned(tmp_path, 'traps = ["gate_order"]\nframeworks = ["tf2"]')
    assert not work.jobs
    assert [(each.framework, each.what) for each in work.absent] == [("pytorch", "trap gate_order")]


def test_an_unknown_trap_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(UserError, match=r"traps.*'gate_ordre'; allowed: .*'gate_order'"):
        planned(tmp_path, 'traps = ["gate_ordre"]')


def documented(x):
    """Adds one.

    At length.
    """
    y = x + 1  # why
    return y


def bare(x):
    return x


@pytest.mark.parametrize(("function", "lines"), [(documented, "y = x + 1  # why\nreturn y"), (bare, "return x")])
def test_the_code_shown_is_the_body_that_runs(function, lines):
    assert body(function) == lines


def test_a_function_under_two_names_runs_once():
    calls = []

    def naive(**case):
        calls.append(case)
        return np.zeros(3)

    values = all_values(TRAPS["gate_order"], {"original": naive, "naive": naive, "right": bare_array})
    assert len(calls) == 1 and values["original"] == values["naive"] == [0, 0, 0]


def bare_array(**case):
    return np.ones(2)


@pytest.mark.parametrize(
    ("ported", "size"), [([1.0, -2.0], 0), ([1.0, -1.0], 0.5), ([5.0, -2.0], 2), ([np.nan, -2.0], np.nan)]
)
def test_an_error_is_a_share_of_the_largest_value(ported, size):
    assert error(ported, [1.0, -2.0]) == pytest.approx(size, nan_ok=True)


def test_another_shape_is_no_port():
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        error([1.0, 2.0], [1.0, 2.0, 3.0])


def test_each_port_is_held_against_the_other_twins_original():
    trap = outcome("gate_order", measured([1.0], [3.0], [2.0]), measured([2.0], [1.5], [1.0]))
    assert trap.costs == {"tf2": {"naive": 0.5, "right": 0}, "pytorch": {"naive": 0.5, "right": 0}}
    assert trap.metrics["pytorch/naive_error"] == 0.5 and not trap.failure


@pytest.mark.parametrize("right", [2.1, np.nan])
def test_a_right_port_that_is_off_fails(right):
    trap = outcome("gate_order", measured([1.0], [3.0], [right]), measured([2.0], [1.5], [1.0]))
    assert "the right port into tf2 is off by" in trap.failure


def test_a_score_has_no_original_to_be_held_against():
    twin = measured([0.5, 0.7], [0.5, 0.7], [0.8, 0.9])
    trap = outcome(SCORED[0], twin, twin)
    assert trap.metrics["tf2/naive_accuracy"] == pytest.approx(0.6)
    assert trap.spec.params["seeds"] > 1 and not trap.failure


def test_timed_functions_run_in_turn_and_the_first_rounds_are_left_out():
    order = []

    def named(name):
        def step(**case):
            order.append(name)
            return np.array([0.5, len(order)])

        return step

    naive, right = named("naive"), named("right")
    values = all_values(TRAPS["denormal_numbers"], {"original": naive, "naive": naive, "right": right})
    assert order.count("naive") == order.count("right") == 1 + ROUNDS
    assert order[:8] == ["right", "naive", "naive", "right", "right", "naive", "naive", "right"]
    assert values["original"] == values["naive"] and len(values["right"]) == ROUNDS
    assert values["naive"][:2] == [(0.5, 3), (0.5, 6)]
    assert [*all_values(TRAPS["denormal_numbers"], dict.fromkeys(("original", "naive", "right"), naive))["right"]] == [
        (0.5, 28)
    ]


def test_a_trap_that_costs_time_records_medians_and_every_round():
    slow, fast = [(0.4, 100), (0.2, 90), (0.3, 80)], [(0.1, 0), (0.2, 0), (0.1, 0)]
    trap = outcome("denormal_numbers", measured(fast, fast, fast), measured(slow, slow, fast))
    metrics = {name.removeprefix("pytorch/"): value for name, value in trap.metrics.items() if "pytorch" in name}
    assert metrics == {"naive_s": 0.3, "right_s": 0.1, "naive_denormal_numbers": 90, "right_denormal_numbers": 0}
    assert not trap.failure and trap.spec.params["rounds"] == ROUNDS
    assert json.loads(trap.files["trap.json"])["rounds"]["pytorch"]["naive"][1] == [0.2, 90]


@pytest.fixture
def children():
    yield
    child.close()
    assert not child._children


def test_a_step_runs_in_a_process_of_its_own_environment(children):
    told = [child.step("trap_steps", "counted", {"MADE_UP": word}, start=start) for word, start in (("a", 1), ("b", 5))]
    again = child.step("trap_steps", "counted", {"MADE_UP": "a"}, start=1)
    assert told == [["a", 1], ["b", 5]] and again == ["a", 2]


def test_a_process_that_ends_is_said(children):
    with pytest.raises(RuntimeError, match=r"trap_steps\.ending ended with 3"):
        child.step("trap_steps", "ending", {})


def reports(*events):
    """An executor's reports for one trap: an event for each twin."""
    jobs = TrapRun("gate_order", VERSIONS).jobs
    return lambda _: ((0, job, event) for job, event in zip(jobs, events, strict=True))


def test_one_twins_failure_is_the_traps():
    file = json.dumps(measured([1.0], [1.0], [1.0])).encode()
    run = reports(Failed("no good", "Traceback"), Finished({}, {"measured.json": file}))
    (trap,) = outcomes([TrapRun("gate_order", VERSIONS)], run)
    assert (trap.failure, trap.metrics) == ("tf2: no good", {})
    assert trap.files["traceback-tf2.txt"] == b"Traceback"


def test_another_version_runs_again():
    runs = [Measurement("gate_order", twin, version) for twin in TWINS for version in ("1", "2")]
    assert len({run.fingerprint for run in runs}) == 4
