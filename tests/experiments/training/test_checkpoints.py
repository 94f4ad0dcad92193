"""A trial that is cut off goes on to the same curve and the same weights, to the bit; a broken file counts as none."""

import itertools
import json

import numpy as np
import pytest
import sequence_toys as toys
from cases import TWINS
from safetensors.numpy import load, load_file, save_file

import frameworks
from experiments.events import EpochEnded, Finished, Retried, Started
from experiments.running.executors.local_executor import LocalExecutor
from experiments.training import checkpoints, trial
from experiments.training.checkpoints import Progress

OPTIMISERS = ("adam", "adagrad", "rmsprop", "sgd")
#: Twin, conventions, whether states are carried, and an optimiser: each of these at least once with each conventions.
RUNS = [
    (twin, conventions, conventions != "stock", OPTIMISERS[(number + place) % 4])
    for place, twin in enumerate((*TWINS, "reference"))
    for number, conventions in enumerate(("stock", "keras", "pytorch"))
    if (twin, conventions) != ("reference", "stock")
]
RUNS += [("reference", "keras", False, "sgd")]
FORM = {"reference": "scratch"}


def run_params(rows=RUNS) -> list:
    marks = {twin: getattr(pytest.mark, twin) for twin in TWINS}
    return [pytest.param(*row, marks=marks.get(row[0], ()), id="-".join(map(str, row))) for row in rows]


pytestmark = pytest.mark.usefixtures("tiny_text")


def make(twin, conventions="keras", stateful=True, optimiser="adam", **fields):
    form = fields.pop("form", FORM.get(twin, "layer"))
    options = {"optimiser": optimiser, "learning_rate_decay": 0.7, "clip_norm": 0.5, "clip_global": True} | fields
    if twin == "tf2":  # graphs, traced anew for each of a test's networks, are those of the worker that is killed
        options.setdefault("execution", "eager")
    return toys.trial(twin, toys.spec("lstm", form, conventions, stateful, **options))


def outcome(events) -> tuple[list[dict], dict, list]:
    """What is to be the same: each epoch's metrics but the times, the weights, the texts."""
    finished = events[-1]
    assert isinstance(finished, Finished), finished
    ended = [event for event in events if isinstance(event, EpochEnded)]
    assert [event.epoch for event in ended] == [1, 2, 3]
    curve = [{k: v for k, v in event.metrics.items() if not k.startswith("time/")} for event in ended]
    return curve, load(finished.files["weights.safetensors"]), json.loads(finished.files["samples.json"])


def cut_off(job, framework, epoch):
    """Run until an epoch has ended, and not a step further."""
    events = trial.run(job, framework)
    for event in events:
        if isinstance(event, EpochEnded) and event.epoch == epoch:
            events.close()
            return


def same(got, wanted):
    assert got[0] == wanted[0]
    assert got[1].keys() == wanted[1].keys()
    for name, value in wanted[1].items():
        np.testing.assert_array_equal(got[1][name], value, err_msg=name)
    assert got[2] == wanted[2]


@pytest.mark.parametrize("twin, conventions, stateful, optimiser", run_params())
def test_a_trial_that_was_cut_off_ends_as_the_unbroken_one(twin, conventions, stateful, optimiser):
    job, framework = make(twin, conventions, stateful, optimiser), frameworks.load(twin)
    whole = outcome(list(trial.run(job, framework)))
    assert len({str(metrics) for metrics in whole[0]}) == 3, "it does not train"
    cut_off(job, framework, 2)
    assert checkpoints.path(job.fingerprint).is_file()
    same(outcome(list(trial.run(job, framework))), whole)
    assert not checkpoints.path(job.fingerprint).exists()


@pytest.mark.parametrize(
    "twin, conventions, stateful, optimiser", run_params([row for row in RUNS if row[1:3] == ("stock", False)])
)
@pytest.mark.parametrize("form", ["cell_loop", "scratch"])  # the stock cell's own dropout, and the stack's
def test_every_forms_own_dropout_goes_on(twin, conventions, stateful, optimiser, form):
    job, framework = make(twin, conventions, stateful, optimiser, form=form), frameworks.load(twin)
    whole = outcome(list(trial.run(job, framework)))
    for epoch in (1, 2):  # and it may be cut off twice
        cut_off(job, framework, epoch)
    same(outcome(list(trial.run(job, framework))), whole)


@pytest.mark.parametrize("twin", ["reference"])
def test_what_was_done_is_said_again_and_not_done_again(twin):
    job, framework = make(twin), frameworks.load(twin)
    cut_off(job, framework, 3)
    started, *events = trial.run(job, toys.replace(framework, build=_untrainable(framework.build)))
    assert isinstance(started, Started)
    assert [event.epoch for event in events[:-1]] == [1, 2, 3]
    assert isinstance(events[-1], Finished)


def _untrainable(build):
    def made(*arguments):
        model = build(*arguments)
        model.train_step = None
        return model

    return made


def test_each_epoch_has_its_rate_texts_and_metrics():
    rates = []

    def watched(*arguments):
        model = framework.build(*arguments)
        set_rate = model.set_learning_rate
        model.set_learning_rate = lambda rate: (rates.append(rate), set_rate(rate))
        return model

    framework = frameworks.load("reference")
    curve, _, samples = outcome(list(trial.run(make("reference"), toys.replace(framework, build=watched))))
    assert rates == pytest.approx([1e-2, 7e-3, 4.9e-3])
    assert [each["epoch"] for each in samples] == [1, 2, 3]
    assert {metrics["train/samples"] for metrics in curve} == {8.0}, "two windows are left over"


def test_a_stateful_epoch_begins_at_zero_states_and_carries_them():
    seen = []

    def watched(*arguments):
        model = framework.build(*arguments)
        train_step = model.train_step

        def step(batch):
            seen.append((batch, trained := train_step(batch)))
            return trained

        model.train_step = step
        return model

    framework = frameworks.load("reference")
    list(trial.run(make("reference", epochs=2), toys.replace(framework, build=watched)))
    steps = toys.WINDOWS // toys.ROWS
    assert [batch.states is None for batch, _ in seen] == ([True] + [False] * (steps - 1)) * 2
    for (before, step), (after, _) in itertools.pairwise(seen[:steps]):
        np.testing.assert_array_equal(after.states[1][0], step.states[1][0])
        np.testing.assert_array_equal(after.x[:, 0], before.y[:, -1])  # where the text goes on


def write(fingerprint, **changes):
    checkpoints.save(
        fingerprint, {"model/a": np.arange(3.0), "model/t": np.array(7)}, Progress([{"x": 0.1}], [0.5], [])
    )


def test_a_checkpoint_comes_back_as_it_was():
    write("f" * 64)
    arrays, progress = checkpoints.find("f" * 64)
    assert progress == Progress([{"x": 0.1}], [0.5], [])
    assert arrays["model/t"].shape == () and arrays["model/t"] == 7
    np.testing.assert_array_equal(arrays["model/a"], np.arange(3.0))
    assert [each.name for each in checkpoints.folder().iterdir()] == ["f" * 64 + ".safetensors"]


def spoil_half(path):
    path.write_bytes(path.read_bytes()[:-5])


def spoil_bit(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def spoil_foreign(path):
    write("e" * 64)
    checkpoints.path("e" * 64).replace(path)


def spoil_bare(path):
    save_file({"a": np.zeros(2)}, path)


def spoil_nothing_left(path):
    path.write_bytes(b"")


def spoil_text(path):
    path.write_text("not a checkpoint")


SPOILS = [spoil_half, spoil_bit, spoil_foreign, spoil_bare, spoil_nothing_left, spoil_text]


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_a_broken_or_foreign_file_is_removed_and_counts_as_none(spoil):
    write("f" * 64)
    spoil(checkpoints.path("f" * 64))
    assert checkpoints.find("f" * 64) is None
    assert not checkpoints.path("f" * 64).exists()


def test_discarding_takes_what_is_there_and_minds_nothing_else():
    write("f" * 64)
    checkpoints.discard(["f" * 64, "0" * 64])
    assert checkpoints.find("f" * 64) is None


def test_a_cache_that_cannot_be_written_costs_no_trial(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / "file"))
    outcome(list(trial.run(make("reference"), frameworks.load("reference"))))


def test_the_file_holds_canonical_weights_and_carried_states_for_people():
    job = make("reference")
    cut_off(job, frameworks.load("reference"), 1)
    held = load_file(checkpoints.path(job.fingerprint))
    assert held["weights/head/0/kernel"].shape == (4, toys.VOCABULARY)
    assert {name: held[name].shape for name in held if name.startswith("states/")} == {
        "states/0/h": (4, 5),
        "states/0/c": (4, 5),
        "states/1/h": (4, 4),
        "states/1/c": (4, 4),
    }


@pytest.mark.study
def test_a_worker_killed_within_an_epoch_is_replaced_and_the_curve_is_the_unbroken_ones(tmp_path, monkeypatch):
    """With TensorFlow 2; ``tests/whole/test_killed.py`` kills a study of PyTorch."""
    traced = {"execution": "default", "network": {"units": [5]}}  # to trace two layers takes twice as long
    job, killed, events = make("tf2", "stock", optimiser="adam", **traced), tmp_path / "killed", {}
    monkeypatch.setenv("TOY_KILL", str(killed))
    killed.touch()  # which spares a worker
    with LocalExecutor(toys.load, 1, 1, keep=True) as executor:
        events["unbroken"] = [event for _, _, event in executor.run([job])]
        killed.unlink()
        events["killed"] = [event for _, _, event in executor.run([job])]
    assert killed.exists()
    (place,) = (i for i, event in enumerate(events["killed"]) if isinstance(event, Retried))
    before, after = events["killed"][:place], events["killed"][place + 1 :]
    assert [event.epoch for event in before if isinstance(event, EpochEnded)] == [1]
    same(outcome(after), outcome(events["unbroken"]))
