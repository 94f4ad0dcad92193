"""MLflow → ``Results``: all that the pages need of a laid-out study, read once."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from experiments.parity import outcome
from experiments.parity.phase import PHASE as PARITY
from experiments.probes import call_conventions, gradient_norms, recipes, rounding, same_text, source_calls
from experiments.probes.phase import PHASE as PROBES
from experiments.protocol import Job
from experiments.speed.outcome import FILE as TIMING_FILE
from experiments.speed.phase import PHASE as SPEED
from experiments.study.phase import Phase
from experiments.study.plan import Plan
from experiments.training.phase import PHASE as TRAINING
from experiments.traps.outcome import FILE as TRAP_FILE
from experiments.traps.phase import PHASE as TRAPS
from reports.data import artifacts, query, results
from reports.data.links import Links
from reports.data.results import PhaseCount, Recorded, Results
from reports.data.timed import join_timings

#: The file of each kind of probe, and what parses it.
READ = {
    rounding.Rounding.kind: (rounding.FILE, artifacts.rounding),
    gradient_norms.GradientNorms.kind: (gradient_norms.FILE, artifacts.gradient_norms),
    same_text.SameText.kind: (same_text.FILE, artifacts.same_text),
    source_calls.SourceCalls.kind: (source_calls.FILE, artifacts.source_calls),
    call_conventions.CallConventions.kind: (call_conventions.FILE, artifacts.calls),
    recipes.Recipe.kind: (recipes.FILE, artifacts.recipe),
}
#: Files that a process keeps parsed while it writes a study's pages again and again.
MOST_KEPT = 1_024


def gather_timings(plan: Plan, tracking_uri: str) -> Results:
    """What the sections on speed need, and nothing else."""
    recorded = _Recorded(tracking_uri, plan.study.name)
    trials, history = results.join(results.planned_frame([]), query.Records())
    timed = _timed(recorded, plan)
    return Results(plan.study.name, trials, history, Links(), timings=timed["timings"], looks=timed["looks"])


def gather(plan: Plan, tracking_uri: str) -> Results:
    """Everything the sections need.

    Args:
        plan: the study laid out, run or not.
        tracking_uri: where MLflow keeps the runs.
    """
    recorded = _Recorded(tracking_uri, plan.study.name)
    parts = [part(recorded, plan) for part in (_planned, _trained, _checked, _measured, _trapped, _timed)]
    progress = tuple(part.pop("progress") for part in parts if "progress" in part)
    fields = {name: value for part in parts for name, value in part.items()}
    return Results(study=plan.study.name, progress=progress, **fields)


@dataclass(frozen=True)
class _Recorded:
    """Reads a study's runs."""

    uri: str
    study: str

    def records(self, phase: Phase, fingerprints: Iterable[str], kind: str = "") -> query.Records:
        """A phase's runs, of its one kind or of the one that is named."""
        return query.read(self.uri, f"{self.study}/{phase.experiment}", set(fingerprints), kind or phase.kinds[0])

    def artifacts(self, runs: pd.DataFrame, name: str, parse: Callable[[str], Any]) -> dict[str, Any]:
        """What each run's file says, by run id; a file that cannot be parsed counts as none."""
        parsed = {}
        for run, folder in zip(runs.run_id, runs.artifact_uri, strict=True):
            with suppress(LookupError, ValueError):
                parsed[run] = _parsed(self.uri, folder, name, parse)
        return parsed

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


def _progress(phase: Phase, states: Iterable[str]) -> PhaseCount:
    """How many of a phase's planned jobs are done."""
    counts = Counter(states)
    return PhaseCount(phase, counts["done"], counts.total())


def _planned(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    absent = (*plan.absent(TRAINING.name), *plan.absent(SPEED.name))
    return {
        "absent": tuple((each.framework, each.what, each.reason) for each in absent),
        "unchecked": tuple((each.framework, each.job, each.reason) for each in plan.absent(PARITY.name)),
        "supports": plan.supports,
    }


def _trained(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    frame = results.planned_frame(plan.jobs(TRAINING.name))
    records = recorded.records(TRAINING, frame.fingerprint)
    trials, history = results.join(frame, records)
    writers = results.sample_runs(trials, "chars")
    return {
        "trials": trials,
        "history": history,
        "links": recorded.links(records),
        "progress": _progress(TRAINING, trials.state),
        "shapes": recorded.artifacts(results.shape_runs(trials), "shapes.json", artifacts.shapes),
        "forecasts": recorded.artifacts(results.sample_runs(trials, "sine"), "forecast.csv", artifacts.forecast),
        "samples": recorded.artifacts(writers, "samples.json", artifacts.samples),
        "texts": recorded.artifacts(writers, "samples.txt", artifacts.texts),
    }


def _joined(
    recorded: _Recorded, plan: Plan, phase: Phase, file: str, parse: Callable[[str], Any]
) -> tuple[tuple[Recorded, ...], Links]:
    """A phase's planned jobs joined with their runs and these runs' files; the links to the runs."""
    planned = plan.jobs(phase.name)
    records = recorded.records(phase, (job.fingerprint for job in planned))
    files = recorded.artifacts(results.newest(records.runs), file, parse)
    return results.join_records(planned, records.runs, files), recorded.links(records)


def _checked(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    checks, links = _joined(recorded, plan, PARITY, outcome.FILE, artifacts.parity_check)
    return {"checks": checks, "check_links": links, "progress": _progress(PARITY, (each.state for each in checks))}


def _timed(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    timings = plan.jobs(SPEED.name)
    further = SPEED.more(plan.study, timings).jobs
    records = recorded.records(SPEED, (timing.fingerprint for timing in (*timings, *further)))
    files = recorded.artifacts(results.newest(records.runs), TIMING_FILE, artifacts.timings)
    joined = join_timings(timings, records.runs, files, further)
    looks = max((grid.looks for grid in plan.study.speed), default=1)
    progress = _progress(SPEED, (each.state for each in joined))
    return {"timings": joined, "speed_links": recorded.links(records), "looks": looks, "progress": progress}


def _trapped(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    traps, links = _joined(recorded, plan, TRAPS, TRAP_FILE, artifacts.trap)
    return {"traps": traps, "trap_links": links, "progress": _progress(TRAPS, (each.state for each in traps))}


def _measured(recorded: _Recorded, plan: Plan) -> dict[str, Any]:
    measured = {kind: _probed(recorded, plan, kind, *READ[kind]) for kind in PROBES.kinds}
    return {
        "rounding": {
            (job.spec.network.cell, job.spec.training.learning_rate, job.framework): record
            for job, record in measured[rounding.Rounding.kind]
        },
        "gradient_norms": _by_cell(measured[gradient_norms.GradientNorms.kind]),
        "writings": _by_cell(measured[same_text.SameText.kind]),
        "recipes": results.recipe_frame(measured[recipes.Recipe.kind]),
        "printed": {job.framework: record for job, record in measured[source_calls.SourceCalls.kind]},
        "calls": {job.framework: record for job, record in measured[call_conventions.CallConventions.kind]},
        "progress": PhaseCount(PROBES, sum(map(len, measured.values())), len(plan.jobs(PROBES.name))),
    }


def _by_cell(measured: Iterable[tuple[Job, Any]]) -> dict[tuple[str, str], Any]:
    return {(job.spec.network.cell, job.framework): record for job, record in measured}


def _probed(
    recorded: _Recorded, plan: Plan, kind: str, file: str, parse: Callable[[str], Any]
) -> list[tuple[Job, Any]]:
    """The finished measurements of one kind, with their records."""
    jobs = {job.fingerprint: job for job in plan.jobs(PROBES.name) if job.kind == kind}
    if not jobs:
        return []
    runs = results.newest(recorded.records(PROBES, jobs, kind).runs)
    records = recorded.artifacts(runs, file, parse)
    return [(jobs[run.fingerprint], records[run.run_id]) for run in runs.itertuples() if run.run_id in records]
