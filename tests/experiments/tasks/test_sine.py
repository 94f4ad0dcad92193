"""The sine task: windows, forecasts and the files that keep them."""

import csv
import io
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import predicting

from experiments import tasks
from experiments.tasks import Interface, sine
from experiments.tasks.sine import SineSpec

SMALL = SineSpec(points=60, window=7, horizon=9)


def load(spec=SMALL, dtype="float64"):
    return tasks.load(spec, tasks.locate(spec), dtype)


def true_sine(spec, points):
    """sin x at the series' points by their numbers, in plain Python."""
    return [math.sin(-100 + 200 / (spec.points - 1) * point) for point in points]


def shift(x):
    """A forecaster that is wrong in a way worked out by hand: half the oldest value of the window."""
    return x[:, 0] / 2


def recurrence(spec):
    """The exact forecaster: sin(x + d) = 2 cos d sin x − sin(x − d)."""
    factor = 2 * math.cos(200 / (spec.points - 1))
    return lambda x: factor * x[:, -1] - x[:, -2]


def test_default_sizes_are_the_source_s():
    task = load(SineSpec())
    assert task.interface == Interface("values", time=50, features=1, outputs=1, loss="mse")
    assert task.train.x.shape == (949, 50, 1)
    assert task.train.y.shape == (949, 1)
    assert task.test.x.shape == (50, 50, 1)
    assert task.test.y.shape == (50, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_have_the_dtype_and_own_their_memory(dtype):
    task = load(dtype=dtype)
    arrays = [*task.train[:2], *task.test[:2]]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}
    assert all(array.base is None and array.flags.c_contiguous for array in arrays)


@given(st.integers(1, 12), st.integers(2, 30), st.integers(1, 15))
def test_windows_and_targets_are_the_sine(window, more, horizon):
    spec = SineSpec(points=max(4, window + more), window=window, horizon=horizon)
    task = load(spec)
    training = [true_sine(spec, range(i, i + window + 1)) for i in range(spec.points - window - 1)]
    test = [true_sine(spec, range(i - window, i + 1)) for i in range(spec.points, spec.points + horizon)]
    np.testing.assert_allclose(np.concatenate([task.train.x[..., 0], task.train.y], 1), training, atol=1e-11)
    np.testing.assert_allclose(np.concatenate([task.test.x[..., 0], task.test.y], 1), test, atol=1e-11)


def test_test_points_lie_beyond_every_training_point():
    task = load()
    assert task.series_x[SMALL.points - 1] == 100
    assert np.all(np.diff(task.series_x) > 0)
    assert len(task.series_x) == SMALL.points + SMALL.horizon


def errors(task, predict):
    """Those after an epoch, then those after the last one."""
    return task.evaluate(predicting(predict)) | task.conclude(predicting(predict)).metrics


@pytest.mark.parametrize("horizon", [1, 5, 40])
def test_an_exact_forecaster_has_no_error(horizon):
    spec = SineSpec(points=200, window=5, horizon=horizon)
    metrics = errors(load(spec), recurrence(spec))
    assert list(metrics) == ["test/one_step_mse", "test/rollout_mse"]
    assert max(metrics.values()) < 1e-20


@pytest.mark.parametrize("horizon", [3, 9, 30])  # shorter and longer than the window: past 7 it feeds on itself alone
def test_metrics_agree_with_a_forecast_worked_out_by_hand(horizon):
    spec = SineSpec(points=60, window=7, horizon=horizon)
    truth = true_sine(spec, range(60, 60 + horizon))
    one_step = [value / 2 for value in true_sine(spec, range(53, 53 + horizon))]
    fed = true_sine(spec, range(53, 60))
    for _ in range(horizon):
        fed.append(fed[-7] / 2)
    expected = {
        "test/one_step_mse": sum((a - b) ** 2 for a, b in zip(one_step, truth, strict=True)) / horizon,
        "test/rollout_mse": sum((a - b) ** 2 for a, b in zip(fed[7:], truth, strict=True)) / horizon,
    }
    assert errors(load(spec), shift) == pytest.approx(expected, rel=1e-10)


def test_the_network_sees_its_dtype_and_shape_at_every_step():
    seen = []

    def predict(x):
        seen.append((x.dtype, x.shape))
        return x[:, -1].astype("float64")

    errors(load(dtype="float32"), predict)
    assert set(seen) == {(np.dtype("float32"), (9, 7, 1)), (np.dtype("float32"), (1, 7, 1))}
    assert len(seen) == 1 + SMALL.horizon


def test_a_diverged_network_is_scored_and_kept_without_a_warning():
    task = load()
    metrics = errors(task, lambda x: np.full((len(x), 1), np.nan))
    files = task.conclude(predicting(lambda x: np.full((len(x), 1), np.nan))).files
    assert all(math.isnan(value) for value in metrics.values())
    assert ElementTree.fromstring(files["forecast.svg"]).tag.endswith("svg")


@pytest.mark.parametrize("answer", [lambda x: x[:, -1, 0], lambda x: x], ids=["flat", "sequence"])
def test_an_answer_of_the_wrong_shape_is_refused(answer):
    with pytest.raises(ValueError, match="in place of"):
        load().evaluate(predicting(answer))


def test_score_adds_nothing_to_the_loss():
    task = load()
    assert task.score(task.train.y, task.train.y) == {}


def test_forecast_csv_holds_the_series_and_the_rollout():
    task = load()
    rows = list(csv.reader(io.StringIO(task.conclude(predicting(shift)).files["forecast.csv"].decode())))
    assert rows[0] == ["part", "x", "truth", "forecast"]
    assert [row[0] for row in rows[1:]] == ["observed"] * 60 + ["forecast"] * 9
    assert {row[3] for row in rows[1:61]} == {""}
    np.testing.assert_array_equal([float(row[1]) for row in rows[1:]], task.series_x)
    np.testing.assert_array_equal([float(row[2]) for row in rows[1:]], task.series_y)
    np.testing.assert_array_equal([float(row[3]) for row in rows[61:]], task.rollout(predicting(shift))[:, 0])


def test_files_are_byte_stable_and_forecast_once():
    calls = []

    def predict(x):
        calls.append(len(x))
        return shift(x)

    task = load()
    first = task.conclude(predicting(predict)).files
    assert calls == [1] * SMALL.horizon
    assert first == task.conclude(predicting(predict)).files


def test_the_figure_is_text_and_axes():
    root = ElementTree.fromstring(load().conclude(predicting(shift)).files["forecast.svg"])
    words = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"x", "sin x", "free-running forecast"} <= words


def test_locate_describes_the_numbers_alone():
    source = tasks.locate(SMALL)
    assert (source.name, source.path) == ("sine", None)
    assert len(source.digest) == 64
    assert source == tasks.locate(SMALL)
    assert "52 windows of 7 points" in source.description


@pytest.mark.parametrize("change", [{"points": 61}, {"horizon": 10}])
def test_other_numbers_have_another_digest(change):
    assert tasks.locate(SMALL).digest != tasks.locate(SMALL.model_copy(update=change)).digest


def test_the_smallest_series_has_one_window():
    spec = SineSpec(points=4, window=2, horizon=1)
    assert load(spec).train.x.shape == (1, 2, 1)
    assert sine.series(spec)[0][-1] == pytest.approx(100 + 200 / 3)
