"""Writing on: what is chosen and kept for both twins, that they write the same, and the command that writes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import toys
from cases import twin_params
from typer.testing import CliRunner

import frameworks
from experiments import canonical, sample, tasks
from experiments.events import Failed, Finished
from experiments.probes import phase, same_text
from experiments.spec import ExperimentSpec, to_toml
from experiments.study.phase import Means
from experiments.tasks import chars
from experiments.tracking.database import DEFAULT_URI
from experiments.tracking.recording.tracker import Tracker
from experiments.training.trial import Trial

TEXT = "She sells sea shells on the sea shore; the shells she sells are sea shells.\n" * 20
VOCABULARY = chars.vocabulary_of(chars.split(TEXT)[0])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    place = tmp_path_factory.mktemp("text") / "shells.txt"
    place.write_text(TEXT, encoding="utf-8")
    return str(place)


def spec_of(path="reviews", cell="lstm", form="scratch", conventions="keras", text=None, **training) -> ExperimentSpec:
    return ExperimentSpec.model_validate(
        {
            "task": {"name": "chars", "text": path, "window": 8} | (text or {}),
            "network": {"cell": cell, "form": form, "units": [6], "embedding_size": 4},
            "training": {"epochs": 2, "batch_size": 4, "dtype": "float64"} | training,
            "conventions": conventions,
        }
    )


def trial_of(framework="tf2", seed=0, **fields) -> Trial:
    return Trial(spec_of(**fields), framework, "v", seed, toys.DATA)


# --- the measurement


def test_the_longest_trained_imposed_trial_of_each_cell_is_chosen():
    wanted = trial_of(epochs=9)
    others = [
        trial_of(epochs=3),
        trial_of("pytorch", epochs=9),
        trial_of(seed=1, epochs=9),
        trial_of(epochs=99, text={"characters": 3}),
        trial_of(conventions="stock", epochs=99),
        toys.trial(),
    ]
    gru = trial_of(cell="gru", form="layer")
    assert same_text.choose([others[0], wanted, *others[1:], gru]) == [wanted, gru]


def test_every_framework_writes_in_the_form_that_all_have():
    both = [trial_of(name, form="layer") for name in ("tf2", "pytorch")]
    alone = [trial_of(cell="gru", form="unrolled")]
    jobs = same_text.jobs([*both, *alone], ("tf2", "pytorch"), lambda name: f"{name} 1")
    assert [(job.spec.network.cell, job.spec.network.form, job.framework) for job in jobs] == [
        ("lstm", "layer", "tf2"),
        ("lstm", "layer", "pytorch"),
        ("gru", "scratch", "tf2"),
        ("gru", "scratch", "pytorch"),
    ]
    assert len({job.fingerprint for job in jobs}) == 4 and {job.trained_by for job in jobs} == {"tf2"}


def job_of(path: str, framework: str) -> same_text.SameText:
    spec = spec_of(path, dtype="float64")
    source = tasks.locate(spec.task)
    task = tasks.load(spec.task, source, "float64")
    trained = {name: 3 * value for name, value in canonical.draw(spec, task.interface, 0).items()}
    return same_text.SameText(spec, framework, "v", source, "f" * 64, "tf2", 0, trained)


def written(path: str, framework: str) -> dict:
    (event,) = job_of(path, framework).run(frameworks.load(framework))
    assert isinstance(event, Finished), event
    return json.loads(event.files[same_text.FILE])


@pytest.mark.parametrize("twin", twin_params())
def test_a_twin_writes_what_the_reference_writes(path, twin, monkeypatch):
    monkeypatch.setattr(same_text, "LENGTH", 40)
    record = written(path, twin)
    assert record == written(path, "reference")
    assert [len(each["text"]) for each in record["texts"]] == [40] * len(same_text.TEMPERATURES)
    assert record["prompt"] == chars.split(TEXT)[1][: chars.PROMPT] and len(set(record["texts"][2]["text"])) > 5


def test_a_faulty_measurement_is_a_failure_not_a_crash(path, monkeypatch):
    job = job_of(path, "reference")
    monkeypatch.setattr(same_text, "TEMPERATURES", (-1.0,))
    *_, last = job.run(frameworks.load("reference"))
    assert isinstance(last, Failed) and "neither may be below 0" in last.reason


class Kept:
    """A tracker that holds one trial as finished."""

    def finished(self, experiment):
        return {"f" * 64: "run"}

    def weights(self, run):
        return {"a": np.ones(1)}


def test_what_has_a_source_is_given_its_weights_and_what_lacks_it_is_left_out(path):
    job, other = job_of(path, "tf2"), toys.trial()
    lost = same_text.SameText(job.spec, "tf2", "v", job.data, "0" * 64, "tf2", 0)
    first, second = phase._with_weights([job, lost, other], Means(None, Kept(), None))
    assert list(first.trained) == ["a"] and second is other


# --- the command


@pytest.fixture(scope="module")
def recorded(path, tmp_path_factory, new_database):
    """A database with a finished chars trial of the reference's, one that failed, and one of another task."""
    uri = new_database(tmp_path_factory.mktemp("recorded"))
    spec = spec_of(path)
    trial = Trial(spec, "reference", "v", 0, tasks.locate(spec.task))
    failed, sine = trial_of("reference", seed=7), toys.trial("tf2")
    runs = {}
    with Tracker(uri, "toy", "A toy.", [trial, failed, sine]) as tracker:
        tracker.expect([trial, failed, sine])
        for each in (trial, failed, sine):
            runs[each] = tracker.begin(each)
        for event in trial.run(frameworks.load("reference")):
            tracker.record(trial, event)
        tracker.record(failed, Failed("out of luck"))
        tracker.record(sine, Finished({}, {"spec.toml": to_toml(sine.spec).encode()}))
    return uri, [runs[each] for each in (trial, failed, sine)]


def call(recorded, *arguments: str, run: int = 0):
    uri, runs = recorded
    return CliRunner().invoke(sample.app, [runs[run], "--tracking-uri", uri, *arguments], obj=frameworks)


def test_it_writes_on_from_the_prompt_and_the_same_again(recorded):
    arguments = ("--prompt", "She ", "--length", "40", "--temperature", "1", "--seed", "3")
    done, again = call(recorded, *arguments), call(recorded, *arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout == again.stdout and done.stdout.startswith("She ") and len(done.stdout) == 45
    assert call(recorded, *arguments[:-1], "4").stdout != done.stdout


def test_a_piece_of_the_run_id_is_enough(recorded):
    uri, (run, *_) = recorded
    done = CliRunner().invoke(sample.app, [run[:12], "--length", "5", "--tracking-uri", uri], obj=frameworks)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("twin", twin_params())
def test_either_twin_writes_with_the_references_weights(recorded, twin, monkeypatch):
    loaded = replace(frameworks.load(twin), configure=lambda threads: None)  # too late in a process that has computed
    monkeypatch.setattr(frameworks, "load", {twin: loaded, "reference": frameworks.load("reference")}.get)
    arguments = ("--prompt", "sea", "--length", "30", "--temperature", "0")
    done = call(recorded, *arguments, "--framework", twin)
    assert done.exit_code == 0, done.output
    assert done.stdout == call(recorded, *arguments).stdout


@pytest.mark.parametrize(
    "run, arguments, words",
    [
        (1, (), "has not finished (FAILED)"),
        (2, (), "allowed: a finished trial of the chars task"),
        (0, ("--temperature", "-1"), "--temperature -1: allowed: 0"),
        (0, ("--temperature", "nan"), "--temperature nan: allowed: 0"),
        (0, ("--length", "-1"), "--length -1: allowed: 0 and above"),
        (0, ("--seed", "-1"), "--seed -1: allowed: 0 and above"),
        (0, ("--framework", "jax"), "--framework jax: allowed: tf2, pytorch, reference"),
        (0, ("--tracking-uri", "sqlite:////nowhere/at/all.db"), "no such folder"),
    ],
)
def test_what_cannot_be_written_with_is_one_line(recorded, run, arguments, words):
    done = call(recorded, *arguments, run=run)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ") and words in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("run, words", [("0" * 32, "no trial begins so"), ("abc", "6 digits"), ("%%%%%%", "6 digits")])
def test_a_run_that_is_not_there(recorded, run, words):
    done = CliRunner().invoke(sample.app, [run, "--tracking-uri", recorded[0]])
    assert done.exit_code == 2 and words in done.stderr


def test_without_a_database_none_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(sample.app, ["0" * 32, "--tracking-uri", DEFAULT_URI])
    assert done.exit_code == 2 and "no such database" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home, biases", [("keras", {"bias"}), ("pytorch", {"bias", "recurrent_bias"})])
def test_stock_weights_are_given_a_model_with_as_many_biases(home, biases):
    spec = sample._fitting(
        spec_of(form="layer", conventions="stock"), home, lambda each: frameworks.supports("tf2", each)
    )
    wanted = canonical.shapes(spec, chars.interface(spec.task, len(VOCABULARY)))
    assert {name.split("/")[-1] for name in wanted if "bias" in name and name.startswith("rnn")} == biases


def test_a_form_that_is_absent_gives_way_to_scratch():
    fitting = sample._fitting(spec_of(form="layer"), "keras", lambda each: frameworks.supports("reference", each))
    assert fitting.network.form == "scratch"
    assert sample._fitting(fitting, "keras", lambda each: frameworks.supports("tf2", each)) == fitting
