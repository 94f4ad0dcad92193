"""The speed phase: the floor's arithmetic, the clock's rules, the processes' order, and what is kept of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import toys
from cases import TOKENS, make_spec, offered, twin_params
from hypothesis import given
from hypothesis import strategies as st

import frameworks
from experiments import tasks
from experiments.cells import CELLS
from experiments.errors import UserError
from experiments.phase import Means
from experiments.protocol import Absent, Product
from experiments.running.display import Display
from experiments.running.executor import LocalExecutor
from experiments.spec import ExperimentSpec
from experiments.speed import clock, load, measure
from experiments.speed.matmul_floor import products
from experiments.speed.outcome import outcomes, spread, summary
from experiments.speed.phase import PHASE
from experiments.speed.schedule import Session, Timing, sessions
from experiments.study.plan import lay_out
from experiments.study.schema import read
from experiments.study.select import select
from experiments.tracking.database import finished
from experiments.tracking.tracker import Tracker

LSTM = ExperimentSpec.model_validate({"task": "imdb", "network": {"cell": "lstm", "form": "layer"}, "training": {}})


# --- the floor


def test_the_floor_of_the_sources_lstm_is_what_arithmetic_says():
    steps, batch, gates = 80, 128, 4 * 64
    a_pass = 2 * batch * steps * gates * (100 + 64 + 64 + 64) + 2 * batch * 64
    assert products(LSTM, tasks.interface(LSTM.task)).flop == 3 * a_pass


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_cost_two_products_for_every_one_forward(cell, bidirectional):
    spec = make_spec(cell, "scratch", network={"bidirectional": bidirectional})
    found = products(spec, TOKENS)
    forward, backward = (sum(part.flop for part in side) for side in (found.forward, found.backward))
    assert backward == 2 * forward
    waiting = [part for part in found.forward if part.times > 1]
    each = 2 if cell in ("gru_reset_before", "lstm_projection") else 1
    assert len(waiting) == each * len(spec.network.units) * len(spec.network.directions)


def test_values_need_no_gradient_of_their_own():
    spec = ExperimentSpec.model_validate({"task": "sine", "network": {"cell": "lstm", "form": "layer"}, "training": {}})
    found = products(spec, tasks.interface(spec.task))
    saved = Product(512 * 50, 1, 4 * 64).flop
    assert sum(p.flop for p in found.backward) == 2 * sum(p.flop for p in found.forward) - saved


# --- the clock


def _calls(times):
    """A clock that reads these durations, one after the other."""
    readings = [0.0]
    for each in times:
        readings += [readings[-1] + each, readings[-1] + each]
    return iter(readings)


def test_warm_is_when_two_windows_agree_and_the_second_is_steady(monkeypatch):
    times = [9.0, 3.0, 2.0, 1.5, 1.2, 1.1, 1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 2.0]
    readings = _calls(times)
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(readings))
    found = clock.Clock.of(lambda: None, 5)
    assert found.first == 9.0 and found.settled
    assert found.warm_up == pytest.approx(times[1:8])  # of 1.2, 1.1, 1.0 and the next three the medians part by 7 %
    assert found.steady == pytest.approx(times[8:])


def test_what_never_settles_is_timed_all_the_same_and_says_so(monkeypatch):
    readings = _calls([float(1 + n % 2 * 10 + n) for n in range(40)])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(readings))
    found = clock.Clock.of(lambda: None, 3)
    assert not found.settled and len(found.warm_up) == clock.WARM_MOST - 3 and len(found.steady) == 3


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
def test_a_twins_variant_is_measured_whole(twin, form):
    spec = make_spec("lstm", form, "stock")
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"batch_size": 4})})
    framework = frameworks.load(twin)
    found = measure.measure(spec, framework, measure.Floors(framework), 4, "operators")
    assert found["gflop"] == products(spec, TOKENS).flop / 1e9
    assert len(found["train"]["steady"]) == len(found["forward"]["steady"]) == 4
    seconds = [*found["train"]["steady"], *found["forward"]["steady"], *found["floor"]["train"], found["build_s"]]
    assert all(math.isfinite(each) and each > 0 for each in seconds)
    assert found["peak_bytes"] >= found["idle_bytes"] > 2**20
    shares = [share for _, share in found["operators"]]
    assert 0 < len(shares) <= measure.TOP and shares == sorted(shares, reverse=True) and sum(shares) <= 1 + 1e-9


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("depth, beneath", [("step", set()), ("floor", {"forward", "floor", "gflop"})])
def test_no_deeper_is_looked_than_asked(twin, depth, beneath):
    framework = frameworks.load(twin)
    found = measure.measure(make_spec("gru", "layer", "stock"), framework, measure.Floors(framework), 4, depth)
    assert {"forward", "floor", "gflop", "operators"} & set(found) == beneath
    assert len(found["train"]["steady"]) == 4


@pytest.mark.parametrize("twin", twin_params())
def test_the_profiler_names_the_operator_that_was_called(twin):
    framework = frameworks.load(twin)
    product = framework.floor([Product(64, 64, 64, 50)], "float32")
    (first, _), *_ = measure.operators(framework, product)
    assert first.lower() in ("mm", "matmul", "_mklmatmul")


# --- the fused optimiser and the quick dropout of the tuned form


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("optimiser", ["adam", "sgd", "rmsprop"])
def test_the_tuned_forms_optimiser_is_the_frameworks_own(twin, optimiser):
    from experiments.draws import generator

    rng = generator(0, "tuned")
    # No word twice: Keras squares each occurrence's share of the gradient by itself.
    x = rng.permutation(TOKENS.features)[: 3 * TOKENS.time].reshape(3, -1).astype(np.int32)
    y = rng.integers(0, 2, (3, 1)).astype("float64")
    found = {}
    for form in ("scratch", "tuned"):
        spec = make_spec("gru", form, "stock", dropout=0.0, optimiser=optimiser, dtype="float64", learning_rate=0.01)
        model = frameworks.load(twin).build(spec, TOKENS, None, 0)
        for _ in range(3):
            model.train_step(measure.Batch(x, y))
        found[form] = model.weights()
    # Keras's Adam takes β₁ and β₂ through float32 even here, which moves a step by 7e-6 of it.
    atol = 3e-7 if (twin, optimiser) == ("tf2", "adam") else 1e-13
    for name, value in found["scratch"].items():
        np.testing.assert_allclose(found["tuned"][name], value, rtol=1e-10, atol=atol, err_msg=f"{twin} {name}")


@pytest.mark.tf2
def test_keras_adam_still_squares_every_occurrence_of_a_word_by_itself():
    import keras
    import tensorflow as tf

    variable, adam = keras.Variable(np.zeros((3, 1))), keras.optimizers.Adam()
    adam.build([variable])
    adam.apply([tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([0, 0]), tf.constant([3, 1]))], [variable])
    assert adam._velocities[0].numpy()[0, 0] == pytest.approx(0.001 * (1 + 4), rel=1e-3)  # (1 + 2)² would be 9


@pytest.mark.pytorch
@given(rate=st.floats(0.1, 0.9))
def test_the_quick_dropout_drops_its_share_and_keeps_the_mean(rate):
    import torch

    from frameworks.pytorch.forms import QuickDropout

    torch.manual_seed(0)
    dropout, x = QuickDropout(rate), torch.ones(20_000)
    found = dropout(x)
    kept = found[found != 0]
    assert torch.allclose(kept, torch.full_like(kept, 1 / (1 - rate)))
    assert abs((found == 0).double().mean().item() - rate) < 0.02
    assert torch.equal(dropout.eval()(x), x)


@pytest.mark.tf2
def test_a_compiled_network_is_the_same_network():
    from cases import make_batch

    build = frameworks.load("tf2").build
    specs = [make_spec("lstm", "layer", "keras", execution=each) for each in ("default", "compiled")]
    batch = make_batch(specs[0])
    losses = [build(spec, TOKENS, None, 0).train_step(batch).loss for spec in specs]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("twin, form", [("tf2", "unrolled"), ("tf2", "tuned"), ("pytorch", "layer")])
def test_what_cannot_be_compiled_says_why(twin, form):
    answer = frameworks.supports(twin, make_spec("lstm", form, "stock", execution="compiled"))
    assert isinstance(answer, Absent) and ("XLA" in answer.reason or "torch.compile" in answer.reason)


@pytest.mark.parametrize("twin", ["tf2", "pytorch"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_a_tuned_form(twin, cell):
    assert offered(twin, cell, "tuned")


# --- processes and records


def a_timing(framework="tf2", form="layer", processes=2, **fields) -> Timing:
    spec = toys.spec(network={"cell": "lstm", "form": form, "units": [2]})
    return replace(Timing(spec, framework, "toy 1.0", 1, processes, 4, "operators", 0), **fields)


def test_the_frameworks_processes_alternate_and_every_second_goes_backward():
    timings = [a_timing(name, form, 3) for name in ("tf2", "pytorch") for form in ("layer", "scratch")]
    found = list(sessions(timings))
    assert [each.framework for each in found] == ["tf2", "pytorch", "pytorch", "tf2", "tf2", "pytorch"]
    assert [each.round for each in found] == [0, 0, 1, 1, 2, 2]
    forms = [[each.spec.network.form for each in session.timings] for session in found]
    assert forms[0] == ["layer", "scratch"] and forms[2] == ["scratch", "layer"]
    assert len({each.fingerprint for each in found}) == 6


@pytest.mark.parametrize(
    "changed",
    [
        {"threads": 2},
        {"processes": 3},
        {"steps": 5},
        {"framework": "pytorch"},
        {"version": "toy 2.0"},
        {"depth": "step"},
    ],
)
def test_what_is_timed_otherwise_is_another_timing(changed):
    assert a_timing(**changed).fingerprint != a_timing().fingerprint


def test_a_timings_name_says_what_a_grid_may_vary():
    spec = toys.spec(network={"cell": "lstm", "form": "layer", "units": [2]}, training={"execution": "eager"})
    size, time = spec.training.batch_size, tasks.interface(spec.task).time
    assert a_timing(spec=spec).name == f"{spec.slug} · tf2 · 1 thread · batch {size} × {time} · eager"
    assert a_timing(spec=spec, threads=2).name.split(" · ")[2] == "2 threads"


def record(*steps, first=5.0, floor=0.5, load=0.0) -> dict:
    part = {"first": first, "warm_up": [], "settled": True, "steady": list(steps)}
    found = {"train": part, "forward": part, "floor": {"train": [floor], "forward": [floor]}, "gflop": 2.0}
    found |= {"build_s": 0.1, "peak_bytes": 100, "step_bytes": 40, "idle_bytes": 60, "round": 0}
    return found | {"load": load, "load_before": 0.0, "environment": {"threads": 1}}


def test_a_summary_is_of_all_processes():
    found = summary([record(1.0, 1.0, 1.0, 1.0), record(2.0, 2.0, 2.0, 2.0, load=0.7), record(1.2, 1.2, 1.2, 1.2)])
    assert found["time/step_s"] == pytest.approx(1.2)
    assert found["floor/multiple"] == pytest.approx(2.4)
    assert found["rate/gflop_per_s"] == pytest.approx(2.0 / 1.2)
    assert found["spread/between"] == pytest.approx((2.0 - 1.0) / 1.2)
    assert found["load/others"] == pytest.approx(0.7)


def test_a_summary_of_steps_alone_says_nothing_of_a_floor():
    whole = record(1.0, 1.0, 1.0, 1.0)
    alone = {key: value for key, value in whole.items() if key not in ("forward", "floor", "gflop")}
    found, more = summary([alone]), summary([whole])
    assert found == {key: more[key] for key in found}
    assert {key.partition("/")[0] for key in set(more) - set(found)} == {"floor", "rate", "time"}


def test_the_spread_within_is_the_widest_middle_half():
    within, between = spread([record(1.0, 2.0, 3.0, 4.0, 5.0), record(3.0, 3.0, 3.0)])
    assert within == pytest.approx((4.0 - 2.0) / 3.0) and between == 0


def _executor(threads):
    return LocalExecutor(toys.load, workers=1, threads=threads).run


@pytest.fixture
def quick_clock(monkeypatch):
    monkeypatch.setattr(load, "QUIET_S", 0.0)


def test_every_variant_is_timed_in_as_many_fresh_processes(monkeypatch, quick_clock):
    timings = [a_timing(name, form) for name in ("tf2", "pytorch") for form in ("layer", "scratch")]
    said = []
    found = list(outcomes(timings, _executor, said.append))
    assert {each.timing.fingerprint for each in found} == {each.fingerprint for each in timings}
    assert not any(each.failure for each in found) and len(said) == 4
    processes = {(each.timing.framework, record["environment"]["pid"]) for each in found for record in each.records}
    assert len(processes) == 4
    assert all(each.metrics["time/step_s"] > 0 and each.records[0]["operators"] for each in found)
    assert all("operators" not in each.records[1] for each in found)


@pytest.mark.parametrize("deed, reason", [("raise", "ValueError: no good"), ("kill", "the worker died twice")])
def test_what_cannot_be_timed_fails_alone(monkeypatch, tmp_path, quick_clock, deed, reason):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", f'{{"tf2:0": "{deed}"}}')
    found = {each.timing.framework: each for each in outcomes([a_timing(), a_timing("pytorch")], _executor, print)}
    assert reason in found["tf2"].failure and found["tf2"].metrics == {}
    assert not found["pytorch"].failure


def test_a_timing_is_recorded_and_counts_as_done(monkeypatch, tmp_path, quick_clock):
    from rich.console import Console

    uri, timings = f"sqlite:///{tmp_path / 'mlflow.db'}", [a_timing(), a_timing("pytorch")]
    monkeypatch.setenv("TOY_DEEDS", '{"pytorch:0": "raise"}')
    with Tracker(uri, "toy") as tracker:
        means = Means(LocalExecutor(toys.load), tracker, lambda *about: Display(*about, Console(quiet=True)))
        failures = PHASE.run(timings, 2, means)
    assert [title for title, _ in failures] == [timings[1].name]
    assert set(finished(uri, "toy", "speed")) == {timings[0].fingerprint}


# --- a study's [[speed]]


def _plan(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ndescription = "d"\n' + text)
    return lay_out(read(path), path, frameworks.supports, lambda name: "1", lambda spec: None)


def test_a_study_may_be_speed_alone_and_names_what_is_absent(tmp_path):
    found = _plan(
        tmp_path,
        '[[speed]]\ntask = "imdb"\nthreads = [1, 2]\n[speed.vary]\n'
        '"network.cell" = ["lstm", "minimal"]\n"network.form" = ["layer", "tuned"]\n',
    )
    assert not found.jobs("training")
    assert {(each.framework, each.threads) for each in found.jobs("speed")} == {
        (twin, threads) for twin in ("tf2", "pytorch") for threads in (1, 2)
    }
    assert len(found.jobs("speed")) == 2 * 2 * 3
    assert {framework for framework, *_ in found.absent("speed")} == {"tf2", "pytorch"}
    chosen = select(found.jobs("speed"), ["phase=speed", "cell=minimal", "framework=tf2"])
    assert [each.track for each in chosen] == ["tuned", "tuned"]


def test_operators_are_taken_of_the_most_threads_alone(tmp_path):
    grid = '[[speed]]\ntask = "imdb"\nnetwork = { cell = "lstm", form = "layer" }\nthreads = [1, 2]\n'
    found = {each.threads: each.depth for each in _plan(tmp_path, grid).jobs("speed")}
    assert found == {1: "floor", 2: "operators"}
    assert {each.depth for each in _plan(tmp_path, grid + 'depth = "step"\n').jobs("speed")} == {"step"}


def test_too_few_steps_for_quartiles_are_refused(tmp_path):
    with pytest.raises(UserError, match="speed"):
        _plan(tmp_path, '[[speed]]\ntask = "imdb"\nnetwork = { cell = "lstm", form = "layer" }\nsteps = 2\n')


def test_a_session_is_a_job_of_its_framework():
    session = Session((a_timing("pytorch"),), 1)
    assert (session.framework, session.name, session.spec) == ("pytorch", "speed", a_timing("pytorch").spec)
