"""Tolerances, and faults planted in the reference and found on their rung by name."""

import re

import numpy as np
import pytest
from ladder.cases import reading, steps_of
from ladder.toys import BIAS, KERNEL

from experiments.parity import check as parity_check
from experiments.parity import compare, measure
from experiments.parity.compare import judge
from experiments.parity.measure import OPTIMISERS, STEPS, make_spec
from experiments.parity.tolerances import CLOSE, TRAINED
from experiments.training.batches import imposed_batches

RTOL, ATOL = CLOSE["float64"]


@pytest.mark.parametrize(
    ("rung", "got", "wanted", "held"),
    [
        (0, [1.0], [1.0], True),
        (0, [1.0], [np.nextafter(1.0, 2)], False),
        (0, [0.0], [-0.0], False),
        (0, [np.nan], [np.nan], True),
        (1, [1 + 0.9 * RTOL], [1.0], True),
        (1, [1 + 1.1 * RTOL], [1.0], False),
        (2, [0.9 * ATOL], [0.0], True),
        (2, [1.1 * ATOL], [0.0], False),
        (3, [np.nan], [np.nan], False),
        (3, [np.inf], [1.0], False),
        (4, [1 + 1.1 * TRAINED["float64"].rtol], [1.0], False),
        (1, [1.0, 1.0], [1.0], False),
    ],
)
def test_a_rung_holds_within_its_tolerance(rung, got, wanted, held):
    assert judge(rung, "float64", {"w": np.array(got)}, {"w": np.array(wanted)}).held is held


def test_another_dtype_is_not_to_the_bit():
    assert not judge(0, "float32", {"w": np.ones(2)}, {"w": np.ones(2, np.float32)}).held


@pytest.mark.parametrize(("got", "wanted"), [({"a": 1, "b": 1}, {"a": 1}), ({"a": 1}, {"a": 1, "b": 1})])
def test_a_missing_weight_is_named(got, wanted):
    verdict = judge(2, "float64", *({name: np.ones(2) for name in each} for each in (got, wanted)))
    assert (verdict.held, verdict.where) == (False, "b")


def test_the_first_step_that_is_off_is_named_not_the_worst():
    losses = np.ones(STEPS)
    off = losses + np.where(np.arange(STEPS) >= 57, 1e-6 * np.arange(STEPS), 0)
    assert str(judge(4, "float64", {"loss": off}, {"loss": losses})).startswith("rung 4: the loss of step 58 ")


def test_in_float32_only_the_adaptive_optimisers_have_the_wider_bound():
    wanted = {name: np.zeros(1) for name in ("sgd: w", "sgd clipped: w", "adam: w")}
    verdict = judge(3, "float32", {name: value + 5e-6 for name, value in wanted.items()}, wanted)
    assert not verdict.held and verdict.where.startswith("sgd")
    assert judge(3, "float32", wanted | {"adam: w": np.full(1, 5e-6)}, wanted).held


def test_cudnns_layers_have_a_wider_bound_in_float32_alone():
    wanted = {"w": np.zeros(1)}
    for dtype, held in (("float32", True), ("float64", False)):
        assert judge(1, dtype, {"w": np.full(1, 2e-5)}, wanted, cudnn=True).held is held
    assert not judge(1, "float32", {"w": np.full(1, 2e-5)}, wanted).held
    assert not judge(1, "float32", {"w": np.full(1, 2e-4)}, wanted, cudnn=True).held
    wanted = {"adam: w": np.zeros(1)}
    assert judge(3, "float32", {"adam: w": np.full(1, 2e-4)}, wanted, cudnn=True).held
    assert not judge(3, "float32", {"adam: w": np.full(1, 2e-4)}, wanted).held


def verdicts(fault: str, conventions: str, dtype: str = "float64"):
    """The rungs of the faulty reference against the sound one."""
    steps = steps_of(fault)
    return list(compare.compare(dtype, *(reading(name, conventions, dtype, steps) for name in (fault, "Network"))))


@pytest.mark.parametrize(
    ("fault", "conventions", "rung", "where"),
    [
        ("ReadsSwapped", "pytorch", 0, KERNEL),
        ("LoadsSwapped", "pytorch", 1, "from given states: |outputs|sequence|state"),
        ("ForgetsStates", "keras", 1, "from given states: "),
        ("ScalesGradient", "keras", 2, "head/0/bias$"),
        ("LeavesBias", "pytorch", 3, f"(sgd|adam|rmsprop|adagrad)( clipped)?: {BIAS}$"),
        ("Epsilon", "keras", 3, "adam"),
        ("ClipsTogether", "keras", 3, "(sgd|rmsprop|adam|adagrad) clipped: "),
        ("DropsNothingLater", "keras", 4, "loss$"),
    ],
)
def test_a_planted_fault_is_caught_on_its_rung_by_name(fault, conventions, rung, where):
    broken = compare.first_broken(verdicts(fault, conventions))
    assert broken.rung == rung
    assert re.match(where, broken.where)


@pytest.mark.parametrize(
    ("fault", "conventions"),
    [
        ("LoadsSwapped", "pytorch"),
        ("LeavesBias", "pytorch"),
        ("ReadsSwapped", "pytorch"),
        ("DropsNothingLater", "keras"),
    ],
)
def test_a_planted_fault_is_caught_in_float32_too(fault, conventions):
    expected = compare.first_broken(verdicts(fault, conventions)).rung
    assert compare.first_broken(verdicts(fault, conventions, "float32")).rung == expected


def test_the_step_of_a_late_fault_is_named():
    assert "the loss of step 120 " in str(compare.first_broken(verdicts("DropsNothingLater", "keras")))


def test_what_lies_above_the_broken_rung_is_kept():
    assert [verdict.rung for verdict in verdicts("LoadsSwapped", "pytorch")] == list(parity_check.RUNGS)


def test_the_sound_reference_climbs_to_the_top():
    assert compare.first_broken(verdicts("Network", "keras")) is None


@pytest.mark.parametrize("conventions", ["keras", "pytorch"])
def test_every_optimiser_steps_and_clipping_acts(conventions):
    after = reading("Network", conventions, "float64")[3]
    before = reading("Network", conventions, "float64")[0]
    for name in OPTIMISERS:
        assert all(np.any(after[f"{name}: {key}"] != value) for key, value in before.items())
    parted = [key for key in before if not np.allclose(after[f"sgd: {key}"], after[f"sgd clipped: {key}"], rtol=1e-6)]
    assert parted, "nothing is clipped"


def test_under_keras_some_variables_are_clipped_and_some_are_not():
    gradients = reading("Network", "keras", "float64")[2]
    norms = [np.linalg.norm(value) for name, value in gradients.items() if name != "input"]
    assert min(norms) < measure.CLIPPED["clip_norm"] < max(norms)


def test_the_task_is_learnt_and_every_process_draws_the_same():
    losses = reading("Network", "keras", "float64")[4]["loss"]
    assert len(set(losses)) == STEPS and losses[-20:].mean() < 0.9 * losses[0]
    tasks = [measure.load(make_spec({"cell": "lstm", "form": "layer"}, "keras", dtype)) for dtype in CLOSE]
    np.testing.assert_array_equal(*(task.train.x for task in tasks))


@pytest.mark.parametrize("task", ["imdb", "chars"])
def test_the_first_masked_batch_has_an_empty_row_one_of_a_step_and_a_full_one(task):
    spec = make_spec({"cell": "lstm", "form": "layer", "task": task, "padding_treatment": "masked"}, "keras", "float64")
    loaded = measure.load(spec)
    batch = next(imposed_batches(spec, loaded, measure.SEED, 1))
    assert {0, 1, loaded.interface.time} <= set(batch.lengths.tolist())


def test_a_batch_divides_the_samples():
    assert measure.SAMPLES % measure.BATCH == 0
