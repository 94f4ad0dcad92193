"""A made-up study for the tests of the reports: its planned trials, and what MLflow holds of their runs."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from made_reports.files import TEXTS, forecast, samples, shapes

from experiments.events import EpochEnded, Finished, Started
from experiments.protocol import NativeShapes
from experiments.spec import ExperimentSpec
from experiments.study.phase import Absence, Work
from experiments.study.plan import Plan
from experiments.study.schema import Study
from experiments.tasks import DataSource
from experiments.training.phase import PHASE as TRAINING
from experiments.training.trial import Trial
from reports.data.links import Links
from reports.data.query import FIELDS, Records
from reports.data.results import PhaseCount, Results, join, planned_frame

REVIEWS = DataSource("imdb-packaged", "d" * 64, None, "Film reviews.", 20_000, 5_000)
SINE = DataSource("sine", "5" * 64, None, "A sine.")
TEXT = DataSource("chars-reviews", "c" * 64, None, "A text.")
ENVIRONMENTS = {
    "tf2": {
        "python": "3.11.7",
        "processor": "Toy CPU",
        "tensorflow": "2.21.0",
        "keras": "3.15.1",
        "threads": 1,
        "device": "/CPU:0",
    },
    "pytorch": {"python": "3.11.7", "processor": "Toy CPU", "torch": "2.13.0", "threads": 1, "device": "cpu"},
    "reference": {"python": "3.11.7", "processor": "Toy CPU", "numpy": "2.4.6", "threads": 1, "device": "cpu"},
}
STUDY = Study.model_validate(
    {"name": "toy", "description": "A toy.", "grid": [{"task": "sine", "network": {"cell": "lstm", "form": "layer"}}]}
)


def planned(
    cells=("simple_rnn", "lstm", "gru"), conventions=("stock", "keras", "pytorch"), seeds=3, forms=("layer",), sine=True
) -> list[Trial]:
    """Both twins on IMDB, and two cells on the sine."""
    specs = [
        (_imdb(cell, form, label), REVIEWS)
        for form in forms
        for cell in cells
        for label in (conventions if form == "layer" else conventions[:1])
    ]
    specs += [(_sine(cell, label), SINE) for cell in ("lstm", "minimal") for label in conventions[:2] if sine]
    return [
        Trial(spec, twin, f"{twin} 1.0", seed, data)
        for spec, data in specs
        for twin in ("tf2", "pytorch")
        for seed in range(seeds)
    ]


def _imdb(cell: str, form: str, conventions: str) -> ExperimentSpec:
    data = {"task": "imdb", "network": {"cell": cell, "form": form}, "conventions": conventions}
    return ExperimentSpec.model_validate(data)


def _sine(cell: str, conventions: str) -> ExperimentSpec:
    training = {"epochs": 6}
    network = {"cell": cell, "form": "cell_loop"}
    return ExperimentSpec.model_validate(
        {"task": "sine", "network": network, "training": training, "conventions": conventions}
    )


def planned_chars(seeds=2) -> list[Trial]:
    """Two cells on characters in both twins, and one that the reference trains too."""
    grid = [("lstm", "layer", ("tf2", "pytorch")), ("gru", "layer", ("tf2", "pytorch"))]
    grid += [("simple_rnn", "scratch", ("tf2", "pytorch", "reference"))]
    return [
        Trial(_chars(cell, form), name, f"{name} 1.0", seed, TEXT)
        for cell, form, names in grid
        for name in names
        for seed in range(seeds)
    ]


def _chars(cell: str, form: str) -> ExperimentSpec:
    network, training = {"cell": cell, "form": form, "units": [16]}, {"epochs": 3}
    return ExperimentSpec.model_validate(
        {"task": "chars", "network": network, "training": training, "conventions": "keras"}
    )


@dataclass
class Run:
    """What one trial records."""

    trial: Trial
    epochs: list[dict[str, float]]
    once: dict[str, float]
    files: dict[str, str] = field(default_factory=dict)


def run_of(trial: Trial, gap: float = 3.0) -> Run:
    """A trial's run; under Keras's conventions its accuracy is ``gap`` points higher than under PyTorch's."""
    spec = trial.spec
    home = "pytorch" if trial.framework == "pytorch" else "keras"
    base = spec.conventions.base if spec.conventions.imposed else home
    shared = np.random.default_rng([trial.seed, len(spec.slug)])  # the same for both twins
    own = np.random.default_rng([trial.seed, len(trial.framework), len(spec.slug)])
    rng = shared if spec.conventions.imposed else own
    rounding = 0.001 * own.standard_normal()
    accuracy = (84 if base == "keras" else 84 - gap) / 100 + 0.004 * rng.standard_normal() + rounding
    epochs = [_epoch(spec, accuracy, epoch, rounding) for epoch in range(1, spec.training.epochs + 1)]
    step = (0.042 if trial.framework == "tf2" else 0.072) * (1 + 0.1 * own.random())
    once = {"time/build_s": 0.5, "time/first_step_s": 40 * step, "time/step_s": step, "model/parameters": 1000}
    files = {"shapes.json": json.dumps(shapes(trial)), "spec.toml": "", "weights.safetensors": ""}
    if spec.task.name == "sine":
        files["forecast.csv"] = forecast(own)
    if spec.task.name == "chars":
        files |= {"samples.json": samples(spec.training.epochs), "samples.txt": TEXTS}
    return Run(trial, epochs, once, files)


def _epoch(spec: ExperimentSpec, accuracy: float, epoch: int, rounding: float) -> dict[str, float]:
    left = 0.5**epoch
    times = {"time/epoch_s": 6 + rounding}
    loss = 0.2 + 0.5 * left + 0.1 * rounding
    if spec.task.name == "sine":
        return times | {"train/loss": loss * left, "test/one_step_mse": 0.01 * left, "test/rollout_mse": left}
    if spec.task.name == "chars":
        test = 1.8 + 2 * left + 0.1 * rounding
        entropies = {"baseline/unigram": 3.1, "baseline/bigram": 2.4}
        losses = {"train/loss": test - 0.1, "test/loss": test, "test/bits_per_char": test / np.log(2)}
        return times | losses | entropies | {"test/perplexity": np.exp(test), "time/chars_per_s": 50_000.0}
    train = accuracy + 0.1 - 0.3 * left
    return times | {
        "train/loss": loss,
        "train/accuracy": train,
        "test/loss": 0.4,
        "test/accuracy": accuracy - 0.1 * left,
    }


def _supports() -> list[dict[str, str]]:
    """The twins' answers for two forms of one cell, and one form that PyTorch lacks."""
    forms = {"layer": ("Native", "keras.layers.LSTM"), "scratch": ("Written", "bare variables")}
    rows = [
        {"framework": twin, "cell": "lstm", "form": form, "answer": answer, "detail": detail}
        for twin in ("tf2", "pytorch")
        for form, (answer, detail) in forms.items()
    ]
    absent = {
        "framework": "pytorch",
        "cell": "lstm",
        "form": "unrolled",
        "answer": "Absent",
        "detail": "no such option",
    }
    return [*rows, absent]


ABSENT = (("pytorch", "imdb-lstm-unrolled-64x64-stock", "nn.LSTM has no unroll option"),)


def plan(trials, absent=(), study=STUDY, supports=None, probes=()) -> Plan:
    """A plan of these trials and probes."""
    training = Work(tuple(trials), tuple(Absence(*each) for each in absent))
    answers = tuple(_supports() if supports is None else supports)
    return Plan(study, {"training": training, "probes": Work(tuple(probes))}, answers)


def records(runs: list[Run], failed: dict[str, str] | None = None) -> Records:
    """The runs as the query returns them; ``failed`` maps fingerprints to reasons."""
    frame = pd.DataFrame([_row(run, place) for place, run in enumerate(runs)])
    failures = [
        dict.fromkeys(FIELDS)
        | {
            "run_id": f"f{place}",
            "fingerprint": key,
            "status": "FAILED",
            "complete": False,
            "failure": reason,
            "start_time": 0,
        }
        for place, (key, reason) in enumerate((failed or {}).items())
    ]
    parts = [part for part in (Records().runs.astype(object), frame, pd.DataFrame(failures)) if len(part)]
    frame = pd.concat(parts or [Records().runs])
    history = [
        (f"r{place}", name, epoch, value)
        for place, run in enumerate(runs)
        for epoch, metrics in enumerate(run.epochs, start=1)
        for name, value in metrics.items()
    ]
    return Records("7", frame, pd.DataFrame(history, columns=["run_id", "metric", "epoch", "value"]))


def _row(run: Run, place: int) -> dict:
    return run.epochs[-1] | run.once | {
        "run_id": f"r{place}",
        "fingerprint": run.trial.fingerprint,
        "status": "FINISHED",
        "complete": True,
        "failure": None,
        "environment": json.dumps(ENVIRONMENTS[run.trial.framework]),
        "data": run.trial.data.name,
        "data_digest": run.trial.data.digest,
        "start_time": place,
        "artifact_uri": "",
    }  # fmt: skip


def results(trials: list[Trial], runs: list[Run], failed: dict[str, str] | None = None) -> Results:
    """The sections' input, without any MLflow."""
    trials_frame, history = join(planned_frame(trials), records(runs, failed))
    shaped = {f"r{place}": json.loads(run.files["shapes.json"]) for place, run in enumerate(runs)}
    progress = (PhaseCount(TRAINING, int((trials_frame.state == "done").sum()), len(trials_frame)),)
    links = Links(experiment_id="7")
    return Results("toy", trials_frame, history, links, ABSENT, tuple(_supports()), shaped, progress=progress)


def record(tracker, run: Run) -> None:
    """Record a run with the tracker, as a study does."""
    trial = run.trial
    tracker.record(trial, Started(ENVIRONMENTS[trial.framework], {}, NativeShapes((), (), 0, 0)))
    for epoch, metrics in enumerate(run.epochs, start=1):
        tracker.record(trial, EpochEnded(epoch, metrics))
    tracker.record(trial, Finished(run.once, {name: text.encode() for name, text in run.files.items()}))
