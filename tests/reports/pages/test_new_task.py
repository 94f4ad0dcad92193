"""A task that no page knows, which does not say how many samples it has: every page is written."""

import re
from dataclasses import replace
from datetime import datetime
from types import ModuleType
from typing import ClassVar, Literal

import pytest
from made_reports import toys
from made_reports.html_elements import words_of

import reports
from experiments import tasks
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource
from experiments.tasks.task import BaseTaskSpec
from experiments.tracking.recording.tracker import Tracker
from experiments.training.trial import Trial
from reports.data.results import planned_frame
from reports.pages.index import headline
from reports.render import render

UNCOUNTED = DataSource("bits", "b" * 64, None, "Bits.")
COMMON = ("index.html", "parity.html", "accuracy.html", "speed.html", "shapes.html")


class BitsSpec(BaseTaskSpec):
    """The parity of eight bits."""

    DEFAULTS: ClassVar = {"network": {"units": [8]}, "training": {"epochs": 2, "batch_size": 16}}
    METRIC: ClassVar = "test/accuracy"
    LENGTH: ClassVar = ""

    name: Literal["bits"] = "bits"

    def in_words(self, training_samples: int | None) -> str:
        """Such as ``1,000 bits``."""
        return f"{training_samples:,} bits" if training_samples else "all bits"


class BitsExperiment(ExperimentSpec):
    """An experiment on the bits, which the study's own list of tasks does not hold."""

    task: BitsSpec


@pytest.fixture
def bits(monkeypatch) -> list[Trial]:
    """Both twins, stock and imposed, two seeds each."""
    module = ModuleType("bits")
    module.SPEC = BitsSpec
    monkeypatch.setitem(tasks.MODULES, "bits", module)
    specs = [
        BitsExperiment.model_validate({"task": "bits", "network": {"cell": "lstm", "form": "layer"}, "conventions": c})
        for c in ("stock", "keras")
    ]
    return [
        Trial(spec, twin, f"{twin} 1.0", seed, UNCOUNTED)
        for spec in specs
        for twin in ("tf2", "pytorch")
        for seed in (0, 1)
    ]


def rendered(trials: list[Trial], done: list[Trial]) -> dict[str, str]:
    return render(toys.results(trials, [toys.run_of(trial) for trial in done]), "Toys.", datetime(2026, 1, 1))


def check(pages: dict[str, str]) -> None:
    assert set(COMMON) <= pages.keys()
    for name, page in pages.items():
        assert "</footer>" in page, name
        assert not re.search(r"\b(None|nan|NaN)\b", words_of(page)), name


def test_its_counts_are_missing_and_its_words_are_its_own(bits):
    frame = planned_frame(bits)
    assert frame.train_n.isna().all() and frame.test_n.isna().all()
    assert all(setting.startswith("all bits, units 8") for setting in frame.setting)


def test_beside_counted_tasks_only_its_own_counts_are_missing(bits):
    frame = planned_frame([*bits, *toys.planned(cells=("lstm",), sine=False)]).groupby("task").test_n
    assert frame.count().to_dict() == {"bits": 0, "imdb": 18}


def test_its_pages_are_written_from_mlflow(bits, tmp_path, new_database):
    uri, study = new_database(tmp_path), toys.STUDY.model_copy(update={"name": "bits"})
    with Tracker(uri, "bits", "Bits.", bits) as tracker:
        for trial in bits:
            toys.record(tracker, toys.run_of(trial))
    reports.write(toys.plan(bits, study=study), uri, tmp_path / "pages")
    pages = {name: (tmp_path / "pages" / name).read_text(encoding="utf-8") for name in COMMON}
    check(pages)
    assert "8 of 8 planned trials are done" in words_of(pages["index.html"])
    assert "bits lstm layer keras 2" in words_of(pages["accuracy.html"])  # its losses under imposed conventions
    assert "b" * 64 in pages["index.html"].partition("<footer>")[2]


@pytest.mark.parametrize(
    "metric, said",
    [
        ("test/accuracy", "Test accuracy after the named epoch, the last, %: mean"),
        ("test/loss", "test/loss after the named epoch, the last: mean"),
    ],
)
def test_its_main_metric_has_a_table_on_the_accuracy_page(bits, metric, said, monkeypatch):
    monkeypatch.setattr(BitsSpec, "METRIC", metric)
    text = words_of(rendered(bits, bits)["accuracy.html"])
    section = text[text.index("Task bits", text.index("Other forms and settings", 600)) :]
    assert said in section and "lstm" in section


@pytest.mark.parametrize("others, done", [(False, 0), (False, 3), (True, 8)])
def test_run_or_not_alone_or_beside_others(bits, others, done):
    known = toys.planned(cells=("lstm",), seeds=2) + toys.planned_chars(1) if others else []
    pages = rendered([*bits, *known], [*bits[:done], *known])
    check(pages)
    assert ("chars.html" in pages) == others
    assert ("5,000 reviews alone leave" in words_of(pages["accuracy.html"])) == others
    states = f"{done + len(known)} of {len(bits) + len(known)} planned trials are done"
    assert states in words_of(pages["index.html"])


def test_reviews_of_unknown_number_are_not_counted():
    counted = toys.planned(cells=("lstm",), seeds=2)
    source = replace(toys.REVIEWS, training_samples=None, test_samples=None)
    trials = [replace(trial, data=source) if trial.spec.task.name == "imdb" else trial for trial in counted]
    pages = rendered(trials, trials)
    check(pages)
    text = words_of(pages["accuracy.html"])
    assert "Every test review is scored." in text
    assert "reviews alone leave" not in text
    runs = [toys.run_of(trial) for trial in counted]
    assert headline.first(toys.results(trials, runs)) == headline.first(toys.results(counted, runs))
