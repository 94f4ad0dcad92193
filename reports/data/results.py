"""A study's planned trials joined with what MLflow holds of them: the one table every section starts from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.conventions import TABLE
from experiments.parity.check import ParityCheck
from experiments.spec import ExperimentSpec
from experiments.speed.schedule import Timing
from experiments.study.phase import Phase
from experiments.training.trial import Trial
from experiments.twins import TWINS
from reports.data.links import Links
from reports.data.query import HISTORIES, Records

IMPOSED = ("keras", "pytorch")
BASES = ("stock", *IMPOSED)

PLANNED = ["fingerprint", "spec_fingerprint", "slug", "framework", "seed", "task", "cell", "form", "units"]
PLANNED += ["conventions", "imposed", "owners", "setting", "epochs", "batch_size", "dtype", "pipeline", "version"]
PLANNED += ["train_n", "test_n", "data_name", "planned_digest", "variant", "padding", "unpadded_setting"]

RECIPES = ["framework", "fields", "seed", "accuracy", "task", "cell", "epochs", "setting"]


class PhaseCount(NamedTuple):
    """How many of a phase's planned jobs are done."""

    phase: Phase
    done: int
    planned: int


@dataclass(frozen=True)
class Recorded:
    """A planned job and what MLflow holds of it; ``record`` is its run's file, such as ``ladder.json``."""

    job: Any  # a ParityCheck, a TrapRun
    state: str = "missing"  # done, failed, missing
    run_id: str | None = None
    failure: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedTiming:
    """A planned timing and what MLflow holds of it; ``processes`` are the records in its ``timing.json``.

    The planned processes come first, then those of further rounds.
    """

    timing: Timing
    state: str = "missing"  # done, failed, missing
    run_id: str | None = None
    failure: str = ""
    processes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Results:
    """``trials``: a row for each planned trial, ``state`` done, failed or missing; ``history``: a row for each epoch.

    ``shapes`` and ``forecasts`` hold the artifacts of a few runs, by run id.
    """

    study: str
    trials: pd.DataFrame
    history: pd.DataFrame
    links: Links
    absent: tuple[tuple[str, str, str], ...] = ()
    supports: tuple[Mapping[str, str], ...] = ()
    shapes: Mapping[str, Any] = field(default_factory=dict)
    forecasts: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    checks: tuple[Recorded, ...] = ()
    unchecked: tuple[tuple[str, ParityCheck, str], ...] = ()  # (framework, check, reason)
    check_links: Links = field(default_factory=Links)
    gradient_norms: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)  # (cell, framework)
    rounding: Mapping[tuple[str, float, str], Mapping[str, Any]] = field(default_factory=dict)  # + learning rate
    recipes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=RECIPES))  # a row for each training
    printed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # framework → call → answer
    calls: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # framework → snippet → lines and results
    samples: Mapping[str, Mapping[int, str]] = field(default_factory=dict)  # run id → epoch → text
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # run id → temperature → text
    writings: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)  # (cell, framework) → texts
    timings: tuple[RecordedTiming, ...] = ()
    speed_links: Links = field(default_factory=Links)
    looks: int = 1  # at the growing timings, at most
    traps: tuple[Recorded, ...] = ()
    trap_links: Links = field(default_factory=Links)
    progress: tuple[PhaseCount, ...] = ()  # of each phase

    @cached_property
    def done(self) -> pd.DataFrame:
        """The trials that are done."""
        return self.trials[self.trials.state == "done"]


def planned_frame(planned: Iterable[Trial]) -> pd.DataFrame:
    """One row for each planned trial, in the plan's order."""
    frame = pd.DataFrame([_planned(trial) for trial in planned], columns=PLANNED)
    return frame.astype(dict.fromkeys(("seed", "epochs", "batch_size"), int))  # also where there is none


def _planned(trial: Trial) -> dict[str, Any]:
    return _of_spec(trial.spec, trial.data.training_samples, trial.data.test_samples) | {
        "fingerprint": trial.fingerprint,
        "framework": trial.framework,
        "seed": trial.seed,
        "version": trial.version,
        "data_name": trial.data.name,
        "planned_digest": trial.data.digest,
    }


@lru_cache(maxsize=4_096)  # one for all seeds: of 10,000 trials the texts alone would be 20 MiB
def _of_spec(spec: ExperimentSpec, train_n: int | None, test_n: int | None) -> dict[str, Any]:
    return {
        "spec_fingerprint": spec.fingerprint,
        "slug": spec.slug,
        "task": spec.task.name,
        "cell": spec.network.cell,
        "variant": spec.variant,
        "form": spec.network.form,
        "units": "×".join(map(str, spec.network.units)),
        "conventions": spec.conventions.label,
        "imposed": spec.conventions.imposed,
        "setting": spec.in_words(train_n),
        "epochs": spec.training.epochs,
        "batch_size": spec.training.batch_size,
        "dtype": spec.training.dtype,
        "pipeline": spec.training.pipeline,
        "owners": _owners(spec),
        "padding": ", ".join(spec.task.padding_in_words),
        "unpadded_setting": spec.usually_padded.in_words(train_n),
        "train_n": train_n,
        "test_n": test_n,
    }


def _owners(spec: ExperimentSpec) -> str:
    """Whose convention each field of ``TABLE`` follows: k, p, or - where it has no effect; empty under stock."""
    if not spec.conventions.imposed:
        return ""
    idle = spec.idle
    return "".join("-" if idle[field] else spec.conventions.owner(field, "keras")[0] for field in TABLE)


def newest(runs: pd.DataFrame) -> pd.DataFrame:
    """For each fingerprint its newest complete run, ``state`` done; else its newest run if that failed."""
    finished = (runs.status == "FINISHED") & runs.complete.astype(bool)
    ranked = runs.assign(state=np.where(finished, "done", "failed")).sort_values("start_time", kind="stable")
    ranked = ranked.sort_values("state", ascending=False, kind="stable")  # failed ones, then those that are done
    latest = ranked.drop_duplicates("fingerprint", keep="last")
    return latest[(latest.state == "done") | (latest.status == "FAILED")]


def join(planned: pd.DataFrame, records: Records) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The planned trials with their runs, and the done ones' histories, a column for each metric.

    A trial is done by its newest complete run; else failed by its newest run if that failed; else missing.
    """
    trials = planned.merge(newest(records.runs), on="fingerprint", how="left")
    trials["state"] = trials.state.fillna("missing")
    trials = _texts_together(_with_environment(trials))
    return trials, _texts_together(_wide(records.history, trials))


def _texts_together(frame: pd.DataFrame) -> pd.DataFrame:
    """The texts as Python's strings in one block of memory: the pages filter the frame a thousand times."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("str"), object)).copy()  # which joins the columns


def _with_environment(trials: pd.DataFrame) -> pd.DataFrame:
    texts = trials.environment.fillna("")
    known = {text: _environment(text) for text in texts.unique()}
    environments = [known[text] for text in texts]
    for name in ("threads", "processor"):
        trials[name] = [environment.get(name) for environment in environments]
    trials["environment"] = environments
    trials["device"] = [_device(environment) for environment in environments]
    for name in ("test/accuracy", "train/accuracy", "time/epoch_s", "time/step_s", "time/first_step_s"):
        if name not in trials:
            trials[name] = float("nan")
    return trials.assign(accuracy=100 * trials["test/accuracy"].astype(float))


def _device(environment: dict[str, Any]) -> str | None:
    """``CPU`` or ``GPU``, whichever way the framework spells it, the latter with its name where it is known."""
    if not (device := environment.get("device")):
        return None
    return "CPU" if "cpu" in device.lower() else " ".join(filter(None, ("GPU", environment.get("gpu"))))


def _environment(text: str) -> dict[str, Any]:
    try:
        environment = json.loads(text or "{}")
    except ValueError:
        return {}
    return environment if isinstance(environment, dict) else {}


def _wide(history: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    last = history.drop_duplicates(["run_id", "metric", "epoch"], keep="last")
    wide = last.pivot(index=["run_id", "epoch"], columns="metric", values="value").reset_index()
    for name in HISTORIES:
        if name not in wide:
            wide[name] = float("nan")
    keys = ["run_id", *(name for name in PLANNED if name in trials)]
    return wide.merge(trials.loc[trials.state == "done", keys], on="run_id")


def join_records(planned: Iterable[Any], runs: pd.DataFrame, records: Mapping[str, Any]) -> tuple[Recorded, ...]:
    """The planned jobs with their runs; ``records`` are the runs' files by run id, without which none is done."""
    by_fingerprint = {run.fingerprint: run for run in newest(runs).itertuples()}
    return tuple(_recorded(job, by_fingerprint.get(job.fingerprint), records) for job in planned)


def _recorded(job: Any, run: Any, records: Mapping[str, Any]) -> Recorded:
    record = records.get(run.run_id, {}) if run else {}
    if not run or (run.state == "done" and not record):
        return Recorded(job)
    return Recorded(job, run.state, run.run_id, run.failure or "", record)


def recipe_frame(scripts: Iterable[tuple[Any, Mapping[str, Any]]]) -> pd.DataFrame:
    """A row for each training of a tutorial script; ``fields`` are those whose lines were added."""
    rows = [
        {
            "framework": job.framework,
            "fields": job.fields,
            "seed": job.seed,
            "accuracy": record["accuracy"],
            "task": job.spec.task.name,
            "cell": job.spec.network.cell,
            "epochs": job.spec.training.epochs,
            "setting": job.spec.in_words(job.data.training_samples),
        }
        for job, record in scripts
    ]
    return pd.DataFrame(rows, columns=RECIPES)


def shape_runs(trials: pd.DataFrame) -> pd.DataFrame:
    """One done run for each cell, form and framework; twins side by side from one experiment where there is one.

    Stock conventions come first, since there the twins' weights differ most; then IMDB.
    """
    done = trials[trials.state == "done"]
    twins = done.framework.where(done.framework.isin(TWINS))
    frameworks = twins.groupby(done.spec_fingerprint).transform("nunique")
    rank = done.assign(lonely=-frameworks, unstock=done.conventions != "stock", other=done.task != "imdb").sort_values(
        ["lonely", "unstock", "other", "seed"], kind="stable"
    )
    chosen = rank.drop_duplicates(["cell", "form", "framework"])
    first = chosen.groupby(["cell", "form"]).spec_fingerprint.transform("first")
    beside = chosen.framework.isin(TWINS) | (chosen.spec_fingerprint == first)  # the reference only with the twins' own
    return chosen[beside].sort_index()


def sample_runs(trials: pd.DataFrame, task: str) -> pd.DataFrame:
    """One done run for each experiment of a task and framework: its first seed."""
    done = trials[(trials.state == "done") & (trials.task == task)]
    return done.sort_values("seed", kind="stable").drop_duplicates(["spec_fingerprint", "framework"]).sort_index()
