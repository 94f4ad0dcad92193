"""Each engine against the NumPy reference, and what it answers where it cannot run."""

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import numpy as np
import pytest

import frameworks
from experiments import canonical, tasks
from experiments.protocol import Absent, Native, Written
from experiments.spec import ExperimentSpec
from experiments.speed import forward_pass
from experiments.speed.engines import ENGINES
from experiments.twins import TWINS
from frameworks.engines import support

OF_ONNX = [name for name, facts in ENGINES.items() if not facts.host]
MARKED = [
    *OF_ONNX,
    pytest.param("xla", marks=pytest.mark.tf2),
    pytest.param("inductor", marks=pytest.mark.pytorch),
]
TASKS = {
    "imdb": {"name": "imdb", "tokens": 5, "words": 20},
    "digits": "digits",
    "chars": {"name": "chars", "window": 5},
}


def a_spec(cell: str = "lstm", task="digits", **parts) -> ExperimentSpec:
    network = {"cell": cell, "form": "layer", "units": [4, 3], "dropout": 0.0} | parts.get("network", {})
    training = {"batch_size": 3} | parts.get("training", {})
    return ExperimentSpec.model_validate({"task": task, "network": network, "training": training})


def needs(name: str) -> None:
    """Skip the test where the engine's packages are not installed."""
    for package in ENGINES[name].packages:
        if not find_spec(package):
            pytest.skip(f"{package} is not installed: pip install -e '.[engines]'")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn", "gru_reset_before"])
@pytest.mark.parametrize("name", OF_ONNX)
def test_an_engine_of_onnx_computes_what_the_reference_does(name, cell, task):
    needs(name)
    engine = frameworks.load(name)
    engine.configure(1)
    measured = forward_pass.measure(a_spec(cell, TASKS[task]), engine, 5)
    assert 0 < measured["error"] < forward_pass.CLOSE
    assert len(measured["forward"]["steady"]) == 5 and measured["device"] == "cpu"
    assert not {"tensorflow", "torch"} & sys.modules.keys()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # TorchInductor's own
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("name", [each for each in MARKED if each not in OF_ONNX])
def test_a_compiled_twin_computes_what_the_reference_does(name, cell):
    engine = frameworks.load(name)
    forward_pass.warm_up(engine)
    measured = forward_pass.measure(a_spec(cell), engine, 5)
    assert 0 < measured["error"] < forward_pass.CLOSE
    assert measured["forward"]["first"] > max(measured["forward"]["steady"]), "compiling is in the first call"


@pytest.mark.pytorch
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_torchinductor_is_not_timed_without_vector_instructions(monkeypatch):
    spec, engine = forward_pass.as_drawn(a_spec()), frameworks.load("inductor")
    from frameworks.engines import inductor_engine

    monkeypatch.setattr(inductor_engine, "pick_vec_isa", lambda: None)
    monkeypatch.setattr(inductor_engine.torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    with pytest.raises(RuntimeError, match="vector instructions"):
        engine.build(spec, tasks.interface(spec.task), None, 0)


@pytest.mark.parametrize("name", OF_ONNX)
def test_an_mlp_head_is_in_the_graph(name):
    needs(name)
    spec = forward_pass.as_drawn(a_spec(network={"head": "mlp"}))
    interface, engine = tasks.interface(spec.task), frameworks.load(name)
    weights = canonical.draw(spec, interface, 0)
    x = np.random.default_rng(0).standard_normal((3, interface.time, interface.features)).astype(np.float32)
    outputs = engine.build(spec, interface, weights, 0).predict(x)
    assert np.abs(outputs - engine.expected(spec, interface, weights, x)).max() < 1e-6


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_whose_package_is_not_installed_is_absent_and_says_how_to_install_it(monkeypatch, name):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(support, "version", missing)
    answer = frameworks.supports(name, a_spec())
    assert isinstance(answer, Absent)
    assert all(package in answer.reason for package in ENGINES[name].packages)
    assert "pip install -e '.[engines]'" in answer.reason and "\n" not in answer.reason


REFUSED = {
    "minimal": a_spec("minimal"),
    "float64": a_spec(training={"dtype": "float64"}),
    "masked": a_spec(task={"name": "imdb", "padding_treatment": "masked"}),
    "gpu": a_spec(training={"device": "auto"}),
    "both directions": a_spec(network={"bidirectional": True}),
    "clipped": a_spec(network={"cell_clip": 1.0}),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("name", OF_ONNX)
def test_what_an_engine_of_onnx_does_not_run_is_absent(monkeypatch, name, what):
    monkeypatch.setattr(support, "version", lambda package: "1")
    assert isinstance(frameworks.supports(name, REFUSED[what]), Absent)
    assert isinstance(frameworks.supports(name, a_spec()), Native)


def test_what_a_compiler_compiles_is_the_twins_answer(monkeypatch):
    assert isinstance(frameworks.supports("xla", a_spec()), Native)
    assert "keras.layers has no" in frameworks.supports("xla", a_spec("minimal")).reason
    monkeypatch.setattr(support.shutil, "which", lambda program: None)
    assert "C++ compiler" in frameworks.supports("inductor", a_spec()).reason
    monkeypatch.setattr(support.shutil, "which", lambda program: program)
    assert isinstance(frameworks.supports("inductor", a_spec("minimal")), Written)


@pytest.mark.parametrize("name", ["xla", "inductor"])
def test_an_engines_versions_are_its_packages(name):
    (first, *_), host = ENGINES[name].packages, ENGINES[name].host
    assert frameworks.versions(name).startswith(f"{first} {version(first)}")
    assert frameworks.versions(name) == frameworks.versions(host) and host in TWINS
