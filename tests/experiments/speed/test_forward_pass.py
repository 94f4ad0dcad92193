"""Engines in the speed phase: what is planned of them, what is measured, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import toys

from experiments.events import VariantMeasured
from experiments.protocol import Absent, Framework, Native
from experiments.speed import forward_pass, load
from experiments.speed.engines import ENGINES
from experiments.speed.outcome import TimingOutcome, summary
from experiments.speed.schedule import Session, Timing, sessions
from experiments.study.plan import lay_out
from experiments.study.schema import find, read
from experiments.study.select import select

TOML = """
name = "engines"
description = "Toys."
[[speed]]
task = "digits"
network = { units = [2], dropout = 0.5 }
threads = [1]
processes = 2
against_itself = true
engines = ["onnxruntime", "xla"]
[speed.vary]
"network.cell" = ["lstm", "gru"]
"network.form" = ["layer", "tuned"]
"""


@pytest.fixture
def quick_clock(monkeypatch):
    monkeypatch.setattr(load, "QUIET_S", 0.0)


def a_plan(tmp_path, supports=lambda name, spec: Native()):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    return lay_out(read(path), path, supports, lambda name: f"{name} 1", lambda task: toys.DATA)


def by_engines(plan) -> list[Timing]:
    return [each for each in plan.jobs("speed") if each.framework in ENGINES]


def test_a_network_is_planned_once_for_each_engine_whatever_the_forms(tmp_path):
    timings = by_engines(a_plan(tmp_path))
    assert [(each.framework, each.spec.network.cell) for each in timings] == [
        (name, cell) for name in ("onnxruntime", "xla") for cell in ("lstm", "gru")
    ]
    assert {(each.depth, each.copy, each.track, each.spec.network.dropout) for each in timings} == {
        ("forward", 0, "engine", 0.0)
    }
    assert len({each.fingerprint for each in timings}) == 4
    assert timings[0].name.split(" · ")[1:] == ["onnxruntime", "1 thread", "forward pass", "batch 64 × 8"]


def test_engines_have_processes_of_their_own_after_the_twins(tmp_path):
    names = [each.framework for each in sessions([t for t in a_plan(tmp_path).jobs("speed") if not t.copy])]
    assert names == ["tf2", "pytorch", "onnxruntime", "xla", "xla", "onnxruntime", "pytorch", "tf2"]


def test_an_engine_can_be_selected(tmp_path):
    jobs = select(a_plan(tmp_path).jobs("speed"), ["framework=onnxruntime"])
    assert {each.framework for each in jobs} == {"onnxruntime"}


def test_an_absent_engine_is_said_to_be_and_nothing_else_is_missing(tmp_path):
    def supports(name, spec):
        return Absent("not installed: onnxruntime") if name == "onnxruntime" else Native()

    plan = a_plan(tmp_path, supports)
    assert {each.framework for each in by_engines(plan)} == {"xla"}
    absent = [each for each in plan.absent("speed") if each.framework in ENGINES]
    assert [(each.framework, each.reason) for each in absent] == [("onnxruntime", "not installed: onnxruntime")] * 2


@pytest.mark.parametrize("name, planned", [("quick", False), ("smoke", False), ("speed", True)])
def test_engines_are_in_the_study_speed_only(name, planned):
    study = read(find(name))
    assert any(table.engines for table in study.speed) == planned


class Model:
    device = "cpu"

    def __init__(self, off: float, shape: tuple[int, ...]):
        self._off, self._shape = off, shape

    def predict(self, x, lengths=None):
        return np.full((len(x), *self._shape), 1.0 + self._off)


def an_engine(off: float = 1e-6, shape: tuple[int, ...] = (10,)) -> Framework:
    return Framework(
        "onnxruntime",
        "keras",
        lambda threads: None,
        lambda *_: Model(off, shape),
        lambda: {"onnxruntime": "1"},
        expected=lambda spec, interface, weights, x: np.ones((len(x), 10)),
    )


def a_session(tmp_path) -> Session:
    return Session(tuple(each for each in by_engines(a_plan(tmp_path)) if each.framework == "onnxruntime"), 0)


def test_a_session_of_an_engine_times_its_forward_pass(tmp_path, quick_clock):
    timed = [event for event in a_session(tmp_path).run(an_engine()) if isinstance(event, VariantMeasured)]
    assert len(timed) == 2
    record = timed[0].record
    assert record["error"] == pytest.approx(1e-6) and len(record["forward"]["steady"]) == 20
    assert record["environment"] == {"onnxruntime": "1"} and "train" not in record


@pytest.mark.parametrize("engine", [an_engine(1e-4), an_engine(float("nan")), an_engine(shape=(9,))])
def test_an_engine_that_computes_something_else_fails_and_is_not_timed(tmp_path, quick_clock, engine):
    session = a_session(tmp_path)
    timed = [event.record for event in session.run(engine) if isinstance(event, VariantMeasured)]
    assert all(record["failure"].startswith("Mismatch: digits-lstm-layer-2") for record in timed[:1])
    assert not any("forward" in record for record in timed)
    assert TimingOutcome(session.timings[0], (timed[0],), 0.0).metrics == {}


def test_a_summary_of_an_engine_is_of_its_forward_pass():
    clock = {"first": 3.0, "warm_up": [], "settled": True, "steady": [1.0, 1.0, 1.0, 1.0]}
    record = {"forward": clock, "error": 2e-8, "build_s": 0.5, "peak_bytes": 9, "step_bytes": 4, "load": 0.0}
    metrics = summary([record | {"load_before": 0.1}, record | {"load_before": 0.3, "error": 3e-8}])
    assert (metrics["time/forward_s"], metrics["time/first_forward_s"], metrics["error/reference"]) == (1.0, 3.0, 3e-8)
    assert metrics["load/others"] == 0.3 and not any(name.startswith(("time/step", "floor")) for name in metrics)


def test_a_run_of_an_engine_is_tagged_as_one(tmp_path):
    timing = replace(by_engines(a_plan(tmp_path))[0], processes=1)
    tags = TimingOutcome(timing, ({"environment": {}, "failure": "x"},), 0.0).tags
    assert (tags["kind"], tags["framework"], tags["track"]) == ("timing", "onnxruntime", "engine")


def test_what_is_compiled_or_eager_is_no_other_network_for_an_engine():
    spec = toys.spec(network={"cell": "lstm", "form": "layer", "units": [2]}, training={"execution": "eager"})
    assert forward_pass.networks([spec]) == []
