"""MLflow → ``Results``: all that the pages need of a laid-out study, read once."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from experiments.parity import outcome
from experiments.probes import call_conventions, gradient_norms, recipes, rounding, same_text, source_calls
from experiments.protocol import Job
from experiments.speed.outcome import FILE as TIMING_FILE
from experiments.speed.phase import PHASE as SPEED
from experiments.study.plan import Plan
from experiments.traps.outcome import FILE as TRAP_FILE
from reports.data import artifacts, query, results
from reports.data.links import Links
from reports.data.results import Recorded, Results
from reports.data.timed import join_timings

#: Files that a process keeps parsed while it writes a study's pages again and again.
MOST_KEPT = 1_024


def gather_timings(plan: Plan, tracking_uri: str) -> Results:
    """What the sections on speed need, and nothing else."""
    recorded = _Recorded(tracking_uri, plan.study.name)
    trials, history = results.join(results.planned_frame([]), query.Records())
    return Results(plan.study.name, trials, history, Links(), **_timed(recorded, plan))


def gather(plan: Plan, tracking_uri: str) -> Results:
    """Everything the sections need.

    Args:
        plan: the study laid out, run or not.
        tracking_uri: where MLflow keeps the runs.
    """
    recorded = _Recorded(tracking_uri, plan.study.name)
    parts = (part(recorded, plan) for part in (_planned, _trained, _checked, _timed, _trapped, _measured))
    return Results(study=plan.study.name, **{name: value for part in parts for name, value in part.items()})


@dataclass(frozen=True)
class _Recorded:
    """Reads a study's runs."""

    uri: str
    study: str

    def records(self, experiment: str, fingerprints: Iterable[str], kind: str) -> query.Records:
        return query.read(self.uri, f"{self.study}/{experiment}", set(fingerprints), kind)

    def artifacts(self, runs: pd.DataFrame, name: str, parse: Callable[[str], Any]) -> dict[str, Any]:
        """What each run's file says, by run id; a file that cannot be parsed counts as none."""
        found = {}
        for run, folder in zip(runs.run_id, runs.artifact_uri, strict=True):
            with suppress(LookupError, ValueError):
                found[run] = _parsed(self.uri, folder, name, parse)
        return found

    def links(self, records: query.Records) -> Links:
        return Links.of(self.uri, records.experiment_id)


@lru_cache(maxsize=MOST_KEPT)
def _parsed(uri: str, folder: str, name: str, parse: Callable[[str], Any]) -> Any:
    """What a file of a finished run says, which does not change.

    Raises:
        LookupError: there is no such file, or it is empty.
        ValueError: it is not such a file.
    """
    if not (text := query.artifact(uri, folder, name)):
        raise LookupError(name)
    return parse(text)


def _planned(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    absent = (*plan.absent("training"), *plan.absent("speed"))
    return {
        "absent": tuple((each.framework, each.what, each.reason) for each in absent),
        "unchecked": tuple((each.framework, each.job, each.reason) for each in plan.absent("parity")),
        "supports": plan.supports,
    }


def _trained(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    frame = results.planned_frame(plan.jobs("training"))
    records = recorded.records("training", frame.fingerprint, "trial")
    trials, history = results.join(frame, records)
    writers = results.sample_runs(trials, "chars")
    return {
        "trials": trials,
        "history": history,
        "links": recorded.links(records),
        "shapes": recorded.artifacts(results.shape_runs(trials), "shapes.json", artifacts.shapes),
        "forecasts": recorded.artifacts(results.sample_runs(trials, "sine"), "forecast.csv", artifacts.forecast),
        "samples": recorded.artifacts(writers, "samples.json", artifacts.samples),
        "texts": recorded.artifacts(writers, "samples.txt", artifacts.texts),
    }


def _joined(
    recorded: _Recorded, plan: Plan, phase: str, kind: str, file: str, parse: Callable[[str], Any]
) -> tuple[tuple[Recorded, ...], Links]:
    """A phase's planned jobs joined with their runs and these runs' files; the links to the runs."""
    planned = plan.jobs(phase)
    records = recorded.records(phase, (job.fingerprint for job in planned), kind)
    files = recorded.artifacts(results.newest(records.runs), file, parse)
    return results.join_records(planned, records.runs, files), recorded.links(records)


def _checked(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    checks, links = _joined(recorded, plan, "parity", "climb", outcome.FILE, artifacts.parity_check)
    return {"checks": checks, "check_links": links}


def _timed(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    timings = plan.jobs("speed")
    further = SPEED.more(plan.study, timings).jobs
    records = recorded.records("speed", (timing.fingerprint for timing in (*timings, *further)), "timing")
    files = recorded.artifacts(results.newest(records.runs), TIMING_FILE, artifacts.timings)
    joined = join_timings(timings, records.runs, files, further)
    looks = max((grid.looks for grid in plan.study.speed), default=1)
    return {"timings": joined, "speed_links": recorded.links(records), "looks": looks}


def _trapped(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    traps, links = _joined(recorded, plan, "traps", "trap", TRAP_FILE, artifacts.trap)
    return {"traps": traps, "trap_links": links}


def _measured(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    norms = _probed(recorded, plan, gradient_norms.GradientNorms.kind, gradient_norms.FILE, artifacts.gradient_norms)
    texts = _probed(recorded, plan, same_text.SameText.kind, same_text.FILE, artifacts.same_text)
    printed = _probed(recorded, plan, source_calls.SourceCalls.kind, source_calls.FILE, artifacts.source_calls)
    calls = _probed(recorded, plan, call_conventions.CallConventions.kind, call_conventions.FILE, artifacts.calls)
    scripts = _probed(recorded, plan, recipes.Recipe.kind, recipes.FILE, artifacts.recipe)
    moved = _probed(recorded, plan, rounding.Rounding.kind, rounding.FILE, artifacts.rounding)
    return {
        "rounding": {
            (job.spec.network.cell, job.spec.training.learning_rate, job.framework): record for job, record in moved
        },
        "horizons": {(job.spec.network.cell, job.framework): record for job, record in norms},
        "writings": {(job.spec.network.cell, job.framework): record for job, record in texts},
        "recipes": results.recipe_frame(scripts),
        "printed": {job.framework: record for job, record in printed},
        "calls": {job.framework: record for job, record in calls},
    }


def _probed(
    recorded: _Recorded, plan: Plan, kind: str, file: str, parse: Callable[[str], Any]
) -> Iterator[tuple[Job, Any]]:
    """The finished measurements of one kind, with their records."""
    jobs = {job.fingerprint: job for job in plan.jobs("probes") if job.kind == kind}
    if jobs:
        runs = results.newest(recorded.records("parity", jobs, kind).runs)
        records = recorded.artifacts(runs, file, parse)
        yield from ((jobs[run.fingerprint], records[run.run_id]) for run in runs.itertuples() if run.run_id in records)
