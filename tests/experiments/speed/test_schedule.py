"""Which processes time what, in which order, and a study's [[speed]] tables."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import toys

import frameworks
from experiments import tasks
from experiments.errors import UserError
from experiments.events import Finished
from experiments.running.display import Display
from experiments.running.executors.local_executor import LocalExecutor
from experiments.running.outlook import Outlook, Stage
from experiments.speed import load, measure
from experiments.speed.outcome import TimingOutcome, outcomes, spread, summary
from experiments.speed.phase import PHASE
from experiments.speed.schedule import Session, Timing, sessions
from experiments.study import names, schema
from experiments.study.phase import Means
from experiments.study.plan import lay_out
from experiments.study.schema import read
from experiments.study.select import select
from experiments.tracking.database import finished
from experiments.tracking.recording.tracker import Tracker


def a_timing(framework="tf2", form="layer", processes=2, **fields) -> Timing:
    spec = toys.spec(network={"cell": "lstm", "form": form, "units": [2]})
    return replace(Timing(spec, framework, "toy 1.0", 1, processes, 4, "operators", 0), **fields)


def test_the_frameworks_processes_alternate_and_every_second_goes_backward():
    timings = [a_timing(name, form, 3) for name in ("tf2", "pytorch") for form in ("layer", "scratch")]
    processes = list(sessions(timings))
    assert [each.framework for each in processes] == ["tf2", "pytorch", "pytorch", "tf2", "tf2", "pytorch"]
    assert [each.round for each in processes] == [0, 0, 1, 1, 2, 2]
    forms = [[each.spec.network.form for each in session.timings] for session in processes]
    assert forms[0] == ["layer", "scratch"] and forms[2] == ["scratch", "layer"]
    assert len({each.fingerprint for each in processes}) == 6


def test_what_is_timed_again_has_processes_of_its_own():
    timings = [a_timing(name, copy=copy) for name in ("tf2", "pytorch") for copy in (0, 1)]
    processes = [(each.framework, each.timings[0].copy) for each in sessions(timings)]
    once, back = processes[:4], processes[4:]
    assert once == [("tf2", 0), ("pytorch", 0), ("tf2", 1), ("pytorch", 1)] and back == once[::-1]


@pytest.mark.parametrize(
    "changed",
    [
        {"copy": 1},
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


def test_a_timing_that_may_take_a_gpu_says_so():
    spec = toys.spec(network={"cell": "lstm", "form": "layer", "units": [2]}, training={"device": "auto"})
    assert a_timing(spec=spec).name.endswith(" · auto") and not a_timing().name.endswith(" · auto")
    timed = TimingOutcome(a_timing(spec=spec), ({"device": "cuda", "environment": {"gpu": "Toy GPU"}},), 0.0)
    assert json.loads(timed.tags["environment"]) == {"gpu": "Toy GPU", "device": "cuda"}


@pytest.mark.parametrize("devices", [("cpu",), ("auto",), ("cpu", "auto", "cpu")])
def test_a_process_is_warmed_up_on_every_device_that_it_times(monkeypatch, quick_clock, devices):
    network, warmed = {"cell": "lstm", "form": "layer", "units": [2]}, []
    specs = [toys.spec(network=network, training={"device": each}) for each in devices]
    session = Session(tuple(a_timing(spec=spec) for spec in specs), 0)
    monkeypatch.setattr(measure, "warm_up", lambda framework, device: warmed.append(device))
    monkeypatch.setattr(measure, "measure", lambda *_: {})
    *timed, finished = session.run(SimpleNamespace(environment=dict))
    assert warmed == list(dict.fromkeys(devices)) and isinstance(finished, Finished)
    assert len(timed) == len(devices)


def record(*steps, first=5.0, floor=0.5, load=0.0) -> dict:
    part = {"first": first, "warm_up": [], "settled": True, "steady": list(steps)}
    fields = {"train": part, "forward": part, "floor": {"train": [floor], "forward": [floor]}, "gflop": 2.0}
    fields |= {"build_s": 0.1, "peak_bytes": 100, "step_bytes": 40, "idle_bytes": 60, "round": 0}
    return fields | {"load": load, "load_before": 0.0, "environment": {"threads": 1}}


def test_a_summary_is_of_all_processes():
    metrics = summary([record(1.0, 1.0, 1.0, 1.0), record(2.0, 2.0, 2.0, 2.0, load=0.7), record(1.2, 1.2, 1.2, 1.2)])
    assert metrics["time/step_s"] == pytest.approx(1.2)
    assert metrics["floor/multiple"] == pytest.approx(2.4)
    assert metrics["rate/gflop_per_s"] == pytest.approx(2.0 / 1.2)
    assert metrics["spread/between"] == pytest.approx((2.0 - 1.0) / 1.2)
    assert metrics["load/others"] == pytest.approx(0.7)


def test_what_numpy_timed_is_in_a_summary_where_every_process_has_it():
    old, new = record(1.0, 1.0), record(1.0, 1.0)
    new["floor"] |= {"numpy": [0.4, 0.5, 0.6], "gates": [0.01, 0.03, 0.02]}
    metrics = summary([new, new])
    assert (metrics["floor/numpy_step_s"], metrics["floor/gates_s"]) == (0.5, 0.02)
    assert not {"floor/numpy_step_s", "floor/gates_s"} & set(summary([old, new]))


def test_the_peak_is_the_fastest_ways_where_it_was_timed():
    slow, fast, old = record(1.0), record(1.0), record(1.0)
    slow["peak"] = {"seconds": {"framework": [0.1, 0.2, 0.2], "numpy": [0.4]}, "gflop": 2.0}
    fast["peak"] = {"seconds": {"framework": [0.4], "numpy": [0.1]}, "gflop": 2.0}
    assert summary([slow, fast, old])["rate/peak_gflop_per_s"] == pytest.approx((10 + 20) / 2)
    assert "rate/peak_gflop_per_s" not in summary([old])


def test_a_summary_of_steps_alone_says_nothing_of_a_floor():
    whole = record(1.0, 1.0, 1.0, 1.0)
    alone = {key: value for key, value in whole.items() if key not in ("forward", "floor", "gflop")}
    metrics, more = summary([alone]), summary([whole])
    assert metrics == {key: more[key] for key in metrics}
    assert {key.partition("/")[0] for key in set(more) - set(metrics)} == {"floor", "rate", "time"}


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
    timed = list(outcomes(timings, _executor, said.append))
    assert {each.timing.fingerprint for each in timed} == {each.fingerprint for each in timings}
    assert not any(each.failure for each in timed) and len(said) == 4
    processes = {(each.timing.framework, record["environment"]["pid"]) for each in timed for record in each.records}
    assert len(processes) == 4
    assert all(each.metrics["time/step_s"] > 0 and each.records[0]["operators"] for each in timed)
    assert all("operators" not in each.records[1] for each in timed)


def test_what_cannot_be_timed_fails_alone(monkeypatch, tmp_path, quick_clock):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOY_DEEDS", '{"tf2:0": "kill"}')
    by_twin = {each.timing.framework: each for each in outcomes([a_timing(), a_timing("pytorch")], _executor, print)}
    assert "the worker died twice" in by_twin["tf2"].failure and by_twin["tf2"].metrics == {}
    assert not by_twin["pytorch"].failure


def test_a_timing_is_recorded_and_counts_as_done(monkeypatch, tmp_path, quick_clock, new_database):
    from rich.console import Console

    uri, timings = new_database(tmp_path), [a_timing(), a_timing("pytorch")]
    monkeypatch.setenv("TOY_DEEDS", '{"pytorch:0": "raise"}')
    with Tracker(uri, "toy") as tracker:
        display = Display(Console(quiet=True), Outlook([Stage("speed", "timing", 2, 0, 1.0)]))
        means = Means(LocalExecutor(toys.load), tracker, display.phase)
        failures = PHASE.run(timings, 2, means)
    assert [title for title, _ in failures] == [timings[1].name] and "ValueError: no good" in failures[0][1]
    assert set(finished(uri, "toy", "speed")) == {timings[0].fingerprint}


def _plan(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ndescription = "d"\n' + text)
    return lay_out(read(path), path, frameworks.supports, lambda name: "1", lambda spec: None)


def test_a_study_may_be_speed_alone_and_names_what_is_absent(tmp_path):
    plan = _plan(
        tmp_path,
        '[[speed]]\ntask = "imdb"\nthreads = [1, 2]\n[speed.vary]\n'
        '"network.cell" = ["lstm", "minimal"]\n"network.form" = ["layer", "tuned"]\n',
    )
    assert not plan.jobs("training")
    assert {(each.framework, each.threads) for each in plan.jobs("speed")} == {
        (twin, threads) for twin in ("tf2", "pytorch") for threads in (1, 2)
    }
    assert len(plan.jobs("speed")) == 2 * 2 * 3
    assert {framework for framework, *_ in plan.absent("speed")} == {"tf2", "pytorch"}
    chosen = select(plan.jobs("speed"), ["phase=speed", "cell=minimal", "framework=tf2"])
    assert [each.track for each in chosen] == ["tuned", "tuned"]


def test_operators_are_taken_of_the_most_threads_alone(tmp_path):
    grid = '[[speed]]\ntask = "imdb"\nnetwork = { cell = "lstm", form = "layer" }\nthreads = [1, 2]\n'
    depths = {each.threads: each.depth for each in _plan(tmp_path, grid).jobs("speed")}
    assert depths == {1: "floor", 2: "operators"}
    assert {each.depth for each in _plan(tmp_path, grid + 'depth = "step"\n').jobs("speed")} == {"step"}


def test_each_frameworks_first_variant_is_timed_again_where_that_is_asked_for(tmp_path):
    grid = '[[speed]]\ntask = "imdb"\nthreads = [1, 2]\nagainst_itself = true\n[speed.vary]\n'
    timings = _plan(tmp_path, grid + '"network.cell" = ["minimal", "lstm"]\n"network.form" = ["layer"]\n').jobs("speed")
    again = [each for each in timings if each.copy]
    assert [(each.threads, each.framework, each.spec.network.cell, each.depth) for each in again] == [
        (threads, twin, "lstm", "step") for threads in (1, 2) for twin in ("tf2", "pytorch")
    ]
    assert len(timings) == 2 * len(again) and all(each.name.endswith(" · again") for each in again)


def test_too_few_steps_for_quartiles_are_refused(tmp_path):
    with pytest.raises(UserError, match="speed"):
        _plan(tmp_path, '[[speed]]\ntask = "imdb"\nnetwork = { cell = "lstm", form = "layer" }\nsteps = 2\n')


def test_a_session_is_a_job_of_its_framework():
    session = Session((a_timing("pytorch"),), 1)
    assert (session.framework, session.name, session.spec) == ("pytorch", "speed", a_timing("pytorch").spec)


def test_every_study_of_the_project_that_times_something_times_a_variant_against_itself():
    timed = {name: schema.read(schema.find(name)).speed for name in names()}
    assert {"quick", "smoke", "speed"} == {name for name, grids in timed.items() if grids}
    assert all(any(grid.against_itself for grid in grids) for grids in timed.values() if grids)
    assert {name for name, grids in timed.items() if any(grid.looks > 1 for grid in grids)} == {"speed"}
