"""MLflow → ``Results``: all that the pages need of a laid-out study, read once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd

from experiments.parity import outcome
from experiments.protocol import Job
from experiments.speed import schedule as timing
from experiments.study.plan import Plan
from reports.data import query, results
from reports.data.links import Links
from reports.data.results import Results
from reports.pages.accuracy import forecasts
from reports.pages.chars import texts
from reports.pages.parity import gradient_norms
from reports.pages.parity import page as parity
from reports.pages.shapes import page as shapes
from reports.pages.sources import calls
from reports.pages.speed import page as speed


def gather(plan: Plan, supports: Iterable[Mapping[str, str]], tracking_uri: str) -> Results:
    """Everything the sections need.

    Args:
        plan: the study laid out, run or not.
        supports: for each framework, cell and form whether it is Native, Written or Absent, and a detail.
        tracking_uri: where MLflow keeps the runs.
    """
    shelf = _Shelf(tracking_uri, plan.study.name)
    told = {"absent": plan.absent, "unclimbed": plan.unclimbed, "supports": tuple(supports)}
    parts = (part(shelf, plan) for part in (_trained, _climbed, _timed, _measured))
    return Results(study=plan.study.name, **told, **{name: value for part in parts for name, value in part.items()})


@dataclass(frozen=True)
class _Shelf:
    """Where a study's runs are."""

    uri: str
    study: str

    def records(self, room: str, fingerprints: Iterable[str], kind: str) -> query.Records:
        return query.read(self.uri, f"{self.study}/{room}", set(fingerprints), kind)

    def artifacts(self, runs: pd.DataFrame, name: str, parse: Callable[[str], Any]) -> dict[str, Any]:
        """What each run's file says, by run id; half-written or edited by hand is as good as none."""
        found = {}
        for run in runs.itertuples():
            with suppress(ValueError):
                if text := query.artifact(self.uri, run.artifact_uri, name):
                    found[run.run_id] = parse(text)
        return found

    def links(self, records: query.Records) -> Links:
        return Links.of(self.uri, records.experiment_id)


def _trained(shelf: _Shelf, plan: Plan) -> dict[str, Any]:
    frame = results.planned_frame(plan.trials)
    records = shelf.records("training", frame.fingerprint, "trial")
    trials, history = results.join(frame, records)
    writers = results.sample_runs(trials, "chars")
    return {
        "trials": trials,
        "history": history,
        "links": shelf.links(records),
        "shapes": shelf.artifacts(results.shape_runs(trials), "shapes.json", shapes.parse),
        "forecasts": shelf.artifacts(results.sample_runs(trials, "sine"), "forecast.csv", forecasts.parse),
        "samples": shelf.artifacts(writers, "samples.json", texts.parse_samples),
        "texts": shelf.artifacts(writers, "samples.txt", texts.parse_texts),
    }


def _climbed(shelf: _Shelf, plan: Plan) -> dict[str, Any]:
    records = shelf.records("parity", (climb.fingerprint for climb in plan.climbs), "climb")
    found = shelf.artifacts(results.newest(records.runs), outcome.FILE, parity.parse)
    return {"climbs": results.join_climbs(plan.climbs, records.runs, found), "climb_links": shelf.links(records)}


def _timed(shelf: _Shelf, plan: Plan) -> dict[str, Any]:
    records = shelf.records("speed", (each.fingerprint for each in plan.timings), "timing")
    found = shelf.artifacts(results.newest(records.runs), timing.FILE, speed.parse)
    return {"timings": results.join_timings(plan.timings, records.runs, found), "speed_links": shelf.links(records)}


def _measured(shelf: _Shelf, plan: Plan) -> dict[str, Any]:
    return {
        "horizons": {_place(job): record for job, record in _notes(shelf, plan, gradient_norms)},
        "writings": {_place(job): record for job, record in _notes(shelf, plan, texts)},
        "printed": {job.framework: record for job, record in _notes(shelf, plan, calls)},
    }


def _place(job: Job) -> tuple[str, str]:
    return job.spec.network.cell, job.framework


def _notes(shelf: _Shelf, plan: Plan, room: Any) -> Iterator[tuple[Job, Any]]:
    """The measurements of a kind that are made, with their records; ``room`` names the kind and parses its file."""
    jobs = {job.fingerprint: job for job in plan.measurements if job.name == room.KIND}
    if jobs:
        runs = results.newest(shelf.records("parity", jobs, room.KIND).runs)
        records = shelf.artifacts(runs, f"{room.KIND}.json", room.parse)
        yield from ((jobs[run.fingerprint], records[run.run_id]) for run in runs.itertuples() if run.run_id in records)
