"""A study that never ran: its planned trials, and what MLflow would hold of them, for the tests of the reports."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from experiments.events import EpochEnded, Finished, Started
from experiments.phase import Absence, Work
from experiments.protocol import NativeShapes
from experiments.spec import ExperimentSpec
from experiments.study.plan import Plan
from experiments.study.schema import Study
from experiments.tasks import DataSource
from experiments.training.trial import Trial
from reports.data.links import Links
from reports.data.query import FIELDS, Records
from reports.data.results import Results, join, planned_frame

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
GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}


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
    """Two cells on characters by both twins, and one that the reference trains as well."""
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
    """What one trial leaves behind."""

    trial: Trial
    epochs: list[dict[str, float]]
    once: dict[str, float]
    files: dict[str, str] = field(default_factory=dict)


def run_of(trial: Trial, gap: float = 3.0) -> Run:
    """A trial's run; ``gap`` is how many points Keras's conventions lie above PyTorch's."""
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
        found = {"train/loss": test - 0.1, "test/loss": test, "test/bits_per_char": test / np.log(2)}
        return times | found | entropies | {"test/perplexity": np.exp(test), "time/chars_per_s": 50_000.0}
    train = accuracy + 0.1 - 0.3 * left
    return times | {
        "train/loss": loss,
        "train/accuracy": train,
        "test/loss": 0.4,
        "test/accuracy": accuracy - 0.1 * left,
    }


def forecast(rng: np.random.Generator) -> str:
    """A forecast's CSV: 100 observed points, 50 forecast."""
    x = np.linspace(-100, 100, 1000)
    truth = np.sin(x)
    ahead = truth[950:] * np.linspace(1, 0.6 + 0.3 * rng.random(), 50)
    parts = ["observed"] * 950 + ["forecast"] * 50
    frame = pd.DataFrame({"part": parts, "x": x, "truth": truth, "forecast": [np.nan] * 950 + list(ahead)})
    return frame.to_csv(index=False)


TEXTS = "=== temperature 0 ===\nOnce the the\n\n=== temperature 0.8 ===\nOnce <b>upon</b>\n\na time\n"


def samples(epochs: int) -> str:
    """A ``samples.json``: a text for each epoch."""
    texts = [f"<i>{'e ' * epoch}</i>" for epoch in range(1, epochs + 1)]
    return json.dumps(
        [{"epoch": epoch, "prompt": "Once ", "temperature": 0.8, "text": text} for epoch, text in enumerate(texts, 1)]
    )


def shapes(trial: Trial) -> dict:
    """Native shapes as a live model would give them."""
    network, torch = trial.spec.network, trial.framework == "pytorch"
    gates, calls, weights = GATES.get(network.cell, 1), [["input", [2, 80]]], []
    order = ["i", "f", "g", "o"][:gates] if torch else ["i", "f", "c", "o"][:gates]
    inputs = network.embedding_size or 1
    if network.embedding_size:
        weights.append(_weight("embedding", (10_000, inputs), "embedding/table", (10_000, inputs), "as canonical"))
    for layer, units in enumerate(network.units):
        prefix, width = f"rnn/{layer}/forward/", gates * units
        calls += [[f"layer {layer} input", [2, 80, inputs]], [f"layer {layer} state h", [2, units]]]
        kernel = (width, inputs) if torch else (inputs, width)
        weights.append(
            _weight(f"l{layer} kernel", kernel, prefix + "kernel", (inputs, gates, units), "(G·H, I)", order)
        )
        recurrent = (units, gates, units)
        weights.append(
            _weight(f"l{layer} recurrent", (units, width), prefix + "recurrent_kernel", recurrent, "(H, G·H)", order)
        )
        weights.append(_weight(f"l{layer} bias", (width,), prefix + "bias", (gates, units), "(G·H,)", order))
        if torch:
            name = prefix + "recurrent_bias"
            weights.append(_weight(f"l{layer} bias_hh", (width,), name, (gates, units), "(G·H,)", order))
        inputs = units
    weights.append(_weight("head", (1, inputs) if torch else (inputs, 1), "head/0/kernel", (inputs, 1), "(O, I)"))
    total = int(sum(np.prod(each["shape"]) for each in weights))
    return {"calls": calls, "weights": weights, "parameters": total, "trained_parameters": total}


def _weight(name, shape, canonical, canonical_shape, layout, gates=(), trained=True, note="") -> dict:
    return {
        "name": name,
        "shape": list(shape),
        "canonical": [canonical] if canonical else [],
        "canonical_shape": list(canonical_shape),
        "layout": layout,
        "gates": list(gates),
        "trained": trained,
        "note": note,
    }


def _supports() -> list[dict[str, str]]:
    """What the twins say of two cells and two forms."""
    found = {"layer": ("Native", "keras.layers.LSTM"), "scratch": ("Written", "bare variables")}
    rows = [
        {"framework": twin, "cell": "lstm", "form": form, "answer": answer, "detail": detail}
        for twin in ("tf2", "pytorch")
        for form, (answer, detail) in found.items()
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
    """A plan of these trials and probes; ``supports`` are the toys' unless told."""
    training = Work(tuple(trials), tuple(Absence(*each) for each in absent))
    answers = tuple(_supports() if supports is None else supports)
    return Plan(study, {"training": training, "probes": Work(tuple(probes))}, answers)


def records(runs: list[Run], failed: dict[str, str] | None = None) -> Records:
    """The runs as the query would give them; ``failed`` maps fingerprints to reasons."""
    frame = pd.DataFrame([_row(run, place) for place, run in enumerate(runs)])
    lost = [
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
    frame = pd.concat(
        [part for part in (Records().runs.astype(object), frame, pd.DataFrame(lost)) if len(part)] or [Records().runs]
    )
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
    return Results("toy", trials_frame, history, Links(experiment_id="7"), ABSENT, tuple(_supports()), shaped)


def record(tracker, run: Run) -> None:
    """Have the tracker write a run down, as a study does."""
    trial = run.trial
    tracker.record(trial, Started(ENVIRONMENTS[trial.framework], {}, NativeShapes((), (), 0, 0)))
    for epoch, metrics in enumerate(run.epochs, start=1):
        tracker.record(trial, EpochEnded(epoch, metrics))
    tracker.record(trial, Finished(run.once, {name: text.encode() for name, text in run.files.items()}))
