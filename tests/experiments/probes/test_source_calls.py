"""What the sources' texts print, held against the live calls, each framework in the process of its group."""

import json
import pickle
from functools import cache
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from plans import experiments_of

import frameworks
from experiments import tasks
from experiments.events import Failed, Finished
from experiments.probes.published import CALLS, EXPERIMENTS, PUBLISHED, Call
from experiments.probes.source_calls import FILE, SourceCalls
from experiments.protocol import Batch
from experiments.spec import ExperimentSpec
from experiments.study import schema
from reports.pages.sources.calls import agrees

TWINS = ("tf2", "pytorch")
#: Keras 3.15 saves through np.array(tf.Variable), whose __array__ NumPy 2 finds old-fashioned.
SAVING = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

pytestmark = SAVING


@cache
def answers(twin: str) -> dict:
    """The live answers, made once a process and passed through JSON as a study's are."""
    return json.loads(json.dumps(import_module(f"frameworks.{twin}.probes.source_calls").answers()))


def twin_params():
    return [pytest.param(twin, marks=getattr(pytest.mark, twin)) for twin in TWINS]


def call_params():
    return [
        pytest.param(twin, call, marks=getattr(pytest.mark, twin), id=f"{twin}-{call.name}")
        for call in CALLS
        for twin in call.calls
    ]


@pytest.mark.parametrize(("twin", "call"), call_params())
def test_the_live_call_gives_what_was_printed(twin: str, call: Call):
    given = answers(twin)[call.name]
    assert agrees(call, given), f"{twin}, {call.calls[twin]}: printed {dict(call.printed)}, live {given}"


@pytest.mark.parametrize("twin", twin_params())
def test_every_call_is_made_and_no_other(twin):
    assert list(answers(twin)) == [call.name for call in CALLS if twin in call.calls]


@pytest.mark.parametrize("twin", twin_params())
def test_a_model_loaded_again_predicts_to_the_bit(twin):
    assert answers(twin)["lstm_saved"]["largest difference"] == 0


# --- the LSTM in NumPy


@pytest.mark.tf2
def test_numpy_gives_the_outputs_of_a_trained_kernel():
    assert 0 < answers("tf2")["lstm_numpy"]["largest difference"] < 1e-6


@pytest.fixture(scope="module")
def trained():
    """A model of four steps of training, and its input."""
    return import_module("frameworks.tf2.probes.source_calls")._trained(4)


@pytest.mark.tf2
@pytest.mark.parametrize(("forget_bias", "equal"), [(1.0, True), (0.0, False)])
def test_the_forget_bias_is_one(trained, forget_bias, equal):
    printed, (model, x) = import_module("frameworks.tf2.probes.source_calls"), trained
    weights = printed._as_basic_lstm_cell(*(variable.numpy() for variable in model.layers[0].trainable_variables))
    ours, theirs = printed._basic_lstm(x, *weights, forget_bias), model.layers[0](x).numpy()
    assert np.allclose(ours, theirs, rtol=0, atol=1e-6) is equal


@pytest.mark.tf2
def test_the_reference_gives_the_outputs_of_a_trained_kernel():
    spec = ExperimentSpec.model_validate(
        {
            "task": {"name": "sine", "points": 200, "window": 10},
            "network": {"cell": "lstm", "form": "layer", "units": [16]},
            "training": {"epochs": 1, "batch_size": 64},
            "conventions": "keras",
        }
    )
    task = tasks.load(spec.task, tasks.locate(spec.task), "float32")
    model = frameworks.load("tf2").build(spec, task.interface, None, 0)
    before = model.weights()
    for _ in range(5):
        model.train_step(Batch(task.train.x[:64], task.train.y[:64], (None,)))
    trained = model.weights()
    assert all(np.any(trained[name] != before[name]) for name in trained), "a weight was not trained"
    reference = frameworks.load("reference").build(spec, task.interface, trained, 0)
    gap = np.abs(model.forward(task.test.x).sequence - reference.forward(task.test.x).sequence).max()
    assert gap < 1e-6, f"the reference is off by {gap:.1e}"


# --- the job


def framework(printed) -> SimpleNamespace:
    return SimpleNamespace(printed=printed, environment=lambda: {"threads": 1})


def test_the_job_hands_the_answers_over():
    (event,) = SourceCalls("tf2", "keras 3").run(framework(lambda: {"lstm": {"output": [2, 64]}}))
    assert isinstance(event, Finished)
    assert json.loads(event.files[FILE]) == {"lstm": {"output": [2, 64]}}
    assert json.loads(event.files["environment.json"]) == {"threads": 1}


def test_a_call_that_fails_fails_the_job():
    (event,) = SourceCalls("tf2", "keras 3").run(framework(lambda: 1 / 0))
    assert isinstance(event, Failed)
    assert event.reason.startswith("ZeroDivisionError")


def test_jobs_are_told_apart_and_travel():
    jobs = [SourceCalls(twin, version) for twin in TWINS for version in ("1", "2")]
    assert len({job.fingerprint for job in jobs}) == len(jobs)
    assert pickle.loads(pickle.dumps(jobs[0])).fingerprint == jobs[0].fingerprint


# --- what was printed, as data


def seeds_specs() -> list[tuple[ExperimentSpec, int]]:
    path = schema.find("seeds")
    return experiments_of(path)


@pytest.mark.parametrize(("spec", "seeds"), seeds_specs(), ids=[spec.slug for spec, _ in seeds_specs()])
def test_every_spec_of_the_study_is_one_experiment(spec, seeds):
    names = [each.name for each in EXPERIMENTS if each.covers(spec.slug, spec.conventions.label, spec.training.epochs)]
    assert len(names) == 1
    assert seeds == 3
    assert spec.task.name != "imdb" or (spec.task.train_reviews, spec.task.test_reviews) == (None, None)


@pytest.mark.parametrize("experiment", [each for each in EXPERIMENTS if each.slug], ids=lambda each: each.name)
def test_every_experiment_is_in_the_study(experiment):
    labels = [
        spec.conventions.label
        for spec, _ in seeds_specs()
        if experiment.covers(spec.slug, spec.conventions.label, spec.training.epochs)
    ]
    assert labels == (["stock", "keras"] if experiment.slug.startswith("imdb") else ["stock"])


def test_printed_data_is_json():
    assert json.loads(json.dumps([dict(call.printed) for call in CALLS])) == [call.printed for call in CALLS]
    assert len(PUBLISHED) == 2
