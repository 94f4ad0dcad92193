"""The floor's arithmetic, the clock's rules, and one variant measured."""

import math

import numpy as np
import pytest
from cases import TOKENS, make_spec, twin_params

import frameworks
from experiments import tasks
from experiments.cells import CELLS
from experiments.draws import generator
from experiments.protocol import Product
from experiments.spec import ExperimentSpec
from experiments.speed import clock, gates_floor, load, matmul_floor, measure
from experiments.speed.matmul_floor import products
from experiments.speed.outcome import peaks

LSTM = ExperimentSpec.model_validate({"task": "imdb", "network": {"cell": "lstm", "form": "layer"}, "training": {}})


def test_the_floor_of_the_sources_lstm_is_what_arithmetic_says():
    steps, batch, gates = 80, 128, 4 * 64
    a_pass = 2 * batch * steps * gates * (100 + 64 + 64 + 64) + 2 * batch * 64
    assert products(LSTM, tasks.interface(LSTM.task)).flop == 3 * a_pass


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_cost_two_products_for_every_one_forward(cell, bidirectional):
    spec = make_spec(cell, "scratch", network={"bidirectional": bidirectional})
    counted = products(spec, TOKENS)
    forward, backward = (sum(part.flop for part in side) for side in (counted.forward, counted.backward))
    assert backward == 2 * forward
    waiting = [part for part in counted.forward if part.times > 1]
    each = 2 if cell in ("gru_reset_before", "lstm_projection") else 1
    assert len(waiting) == each * len(spec.network.units) * len(spec.network.directions)


def test_values_need_no_gradient_of_their_own():
    spec = ExperimentSpec.model_validate({"task": "sine", "network": {"cell": "lstm", "form": "layer"}, "training": {}})
    counted = products(spec, tasks.interface(spec.task))
    saved = Product(512 * 50, 1, 4 * 64).flop
    assert sum(p.flop for p in counted.backward) == 2 * sum(p.flop for p in counted.forward) - saved


def test_the_gates_are_those_of_every_layer_direction_and_step():
    spec = make_spec("lstm", "scratch", network={"bidirectional": True})
    shapes = gates_floor.gates(spec, TOKENS)
    assert len(shapes) == 2 * len(spec.network.units)
    assert shapes[0] == (TOKENS.time, spec.training.batch_size, 4 * spec.network.units[0])
    gates_floor.in_numpy(shapes, "float64")()
    assert (
        gates_floor.gates(make_spec("gru", "scratch"), TOKENS)[0][2] == 3 * make_spec("gru", "scratch").network.units[0]
    )


def _calls(times):
    """A clock that reads these durations, one after the other."""
    readings = [0.0]
    for each in times:
        readings += [readings[-1] + each, readings[-1] + each]
    return iter(readings)


def test_warm_is_when_two_windows_agree_and_the_second_is_steady(monkeypatch):
    times = [9.0, 3.0, 2.0, 1.5, 1.2, 1.1, 1.1, 1.05, 1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.0, 2.0, 7.0]
    readings = _calls(times)
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(readings))
    timed = clock.Clock.of(lambda: None, 7)
    assert timed.first == 9.0 and timed.settled
    assert timed.warm_up == pytest.approx(times[1:10])  # up to 1.05 the two windows' medians part by 6 %
    assert timed.steady == pytest.approx(times[10:17])


@pytest.mark.parametrize(("drift", "least", "most"), [(0.02, 0.0, 0.05), (0.0, 0.85, 1.0)])
def test_what_still_falls_is_seldom_taken_for_warm_at_the_first_look(drift, least, most):
    rng, looks = generator(0, "warm-up"), 2_000
    falling = np.exp(-drift * np.arange(2 * clock.WINDOW))
    warm = sum(clock._settled(list(falling * rng.lognormal(0, 0.03, len(falling)))) for _ in range(looks))
    assert least <= warm / looks <= most


def test_what_never_settles_is_timed_all_the_same_and_says_so(monkeypatch):
    readings = _calls([1.2**n for n in range(40)])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(readings))
    timed = clock.Clock.of(lambda: None, 5)
    assert not timed.settled and len(timed.warm_up) == clock.WARM_MOST - 5 and len(timed.steady) == 5


@pytest.mark.parametrize(
    "took, busy, own, others",
    [(2.0, 3.03, 2.0, 0.5), (0.03, 0.05, 0.03, 0.0), (0.5, 0.12, 0.0, 0.18), (1.0, 0.9, 1.0, 0.0)],
    ids=["a process beside it", "a tick too many", "a little, while idle", "a tick too few"],
)
def test_the_load_of_others_is_what_ticks_cannot_explain(monkeypatch, took, busy, own, others):
    readings = {"perf_counter": iter([0.0, took]), "_busy": iter([7.0, 7.0 + busy]), "_own": iter([1.0, 1.0 + own])}
    monkeypatch.setattr(load.time, "perf_counter", lambda: next(readings["perf_counter"]))
    for name in ("_busy", "_own"):
        monkeypatch.setattr(load, name, lambda name=name: next(readings[name]))
    monkeypatch.setattr(load.psutil, "cpu_count", lambda: 2)
    with load.Load() as measured:
        pass
    assert measured.others == pytest.approx(others)


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("form", ["layer", "tuned"])
def test_a_twins_variant_is_measured_whole(twin, form, monkeypatch):
    monkeypatch.setattr(matmul_floor, "LARGE", Product(64, 64, 64))
    spec = make_spec("lstm", form, "stock", depth=1)
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"batch_size": 4})})
    framework = frameworks.load(twin)
    record = measure.measure(spec, framework, measure.Floors(framework), 4, "operators")
    assert record["gflop"] == products(spec, TOKENS).flop / 1e9
    assert record["peak"]["gflop"] == 2 * 64**3 / 1e9
    assert all(rate > 0 for rate in peaks(record).values()) and set(peaks(record)) == {"framework", "numpy"}
    assert len(record["train"]["steady"]) == len(record["forward"]["steady"]) == 4
    seconds = [*record["train"]["steady"], *record["forward"]["steady"], *record["floor"]["train"], record["build_s"]]
    assert all(math.isfinite(each) and each > 0 for each in seconds)
    assert record["peak_bytes"] >= record["idle_bytes"] > 2**20
    shares = [share for _, share in record["operators"]]
    assert 0 < len(shares) <= measure.TOP and shares == sorted(shares, reverse=True) and sum(shares) <= 1 + 1e-9


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("depth, beneath", [("step", set()), ("floor", {"forward", "floor", "gflop", "peak"})])
def test_no_deeper_is_looked_than_asked(twin, depth, beneath, monkeypatch):
    monkeypatch.setattr(matmul_floor, "LARGE", Product(64, 64, 64))
    framework = frameworks.load(twin)
    record = measure.measure(
        make_spec("gru", "layer", "stock", depth=1), framework, measure.Floors(framework), 4, depth
    )
    assert {"forward", "floor", "gflop", "peak", "operators"} & set(record) == beneath
    assert len(record["train"]["steady"]) == 4


@pytest.mark.parametrize("twin", twin_params())
def test_the_profiler_names_the_operator_that_was_called(twin):
    framework = frameworks.load(twin)
    product = framework.floor([Product(64, 64, 64, 50)], "float32", "cpu")
    (first, _), *_ = measure.operators(framework, product)
    assert first.lower() in ("mm", "matmul", "_mklmatmul")
