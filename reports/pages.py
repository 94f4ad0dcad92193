"""Results → HTML files."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from experiments.climbing import FILE
from experiments.ladder import Climb
from experiments.protocol import Job
from experiments.speed import FILE as TIMES
from experiments.speed import Timing
from experiments.study import Study
from experiments.trial import Trial
from reports import (
    accuracy,
    chars,
    headline,
    horizon,
    index,
    parity,
    printed,
    query,
    results,
    seeds,
    shapes,
    sine,
    speed,
    writing,
)
from reports.foot import foot
from reports.links import Links
from reports.results import Results

#: Each page's file, its name in the navigation, and what makes its sections.
PAGES = {
    "index.html": ("Answers", index),
    "parity.html": ("Parity", parity),
    "accuracy.html": ("Accuracy", accuracy),
    "speed.html": ("Speed", speed),
    "shapes.html": ("Shapes", shapes),
    "chars.html": ("Writing", chars),
    "seeds.html": ("Sources", seeds),
}


def write(
    study: Study,
    planned: Sequence[Trial],
    absent: Iterable[tuple[str, str, str]],
    supports: Iterable[Mapping[str, str]],
    tracking_uri: str,
    folder: Path,
    climbs: Sequence[Climb] = (),
    unclimbed: Iterable[tuple[str, Climb, str]] = (),
    measurements: Sequence[Job] = (),
    timings: Sequence[Timing] = (),
) -> Path:
    """Write every page from what MLflow holds of the study.

    Args:
        study: the study asked for.
        planned: its trials, run or not.
        absent: what cannot run, as (framework, slug, reason).
        supports: for each framework, cell and form whether it is Native, Written or Absent, and a detail.
        tracking_uri: where MLflow keeps the runs.
        folder: where the pages go; made if it is not there.
        climbs: the climbs of its ladder, run or not.
        unclimbed: what cannot climb, as (framework, climb, reason).
        measurements: its measurements, made or not.
        timings: its timings, done or not.

    Returns:
        The path of ``index.html``.
    """
    gathered = gather(study, planned, absent, supports, tracking_uri, climbs, unclimbed, measurements, timings)
    folder.mkdir(parents=True, exist_ok=True)
    pages = render(gathered, study.description, datetime.now())
    for name in PAGES:
        if name in pages:
            (folder / name).write_text(pages[name], encoding="utf-8")
        else:  # left there by another study
            (folder / name).unlink(missing_ok=True)
    return folder / "index.html"


def gather(
    study: Study,
    planned: Sequence[Trial],
    absent: Iterable[tuple[str, str, str]],
    supports: Iterable[Mapping[str, str]],
    tracking_uri: str,
    climbs: Sequence[Climb] = (),
    unclimbed: Iterable[tuple[str, Climb, str]] = (),
    measurements: Sequence[Job] = (),
    timings: Sequence[Timing] = (),
) -> Results:
    """Everything the sections need, read once."""
    frame = results.planned_frame(planned)
    records = query.read(tracking_uri, f"{study.name}/training", set(frame.fingerprint))
    trials, history = results.join(frame, records)
    writers = results.sample_runs(trials, "chars")
    climbing = query.read(tracking_uri, f"{study.name}/parity", {climb.fingerprint for climb in climbs}, "climb")
    climbed = _artifacts(tracking_uri, results.newest(climbing.runs), FILE, parity.parse)
    timed = query.read(tracking_uri, f"{study.name}/speed", {each.fingerprint for each in timings}, "timing")
    clocked = _artifacts(tracking_uri, results.newest(timed.runs), TIMES, speed.parse)
    return Results(
        study.name,
        trials,
        history,
        Links.of(tracking_uri, records.experiment_id),
        tuple(absent),
        tuple(supports),
        _artifacts(tracking_uri, results.shape_runs(trials), "shapes.json", shapes.parse),
        _artifacts(tracking_uri, results.sample_runs(trials, "sine"), "forecast.csv", sine.parse),
        results.join_climbs(climbs, climbing.runs, climbed),
        tuple(unclimbed),
        Links.of(tracking_uri, climbing.experiment_id),
        {
            (job.spec.network.cell, job.framework): record
            for job, record in _measured(tracking_uri, study.name, measurements, horizon)
        },
        {job.framework: record for job, record in _measured(tracking_uri, study.name, measurements, printed)},
        _artifacts(tracking_uri, writers, "samples.json", writing.parse_samples),
        _artifacts(tracking_uri, writers, "samples.txt", writing.parse_texts),
        {
            (job.spec.network.cell, job.framework): record
            for job, record in _measured(tracking_uri, study.name, measurements, writing)
        },
        results.join_timings(timings, timed.runs, clocked),
        Links.of(tracking_uri, timed.experiment_id),
    )


def _measured(tracking_uri: str, study: str, measurements: Sequence[Job], room: Any) -> Iterator[tuple[Job, Any]]:
    """The measurements of a kind that are made, with their records; ``room`` names the kind and parses its file."""
    jobs = {job.fingerprint: job for job in measurements if job.name == room.KIND}
    if not jobs:
        return
    runs = results.newest(query.read(tracking_uri, f"{study}/parity", set(jobs), room.KIND).runs)
    records = _artifacts(tracking_uri, runs, f"{room.KIND}.json", room.parse)
    yield from ((jobs[run.fingerprint], records[run.run_id]) for run in runs.itertuples() if run.run_id in records)


def _artifacts(tracking_uri: str, runs: pd.DataFrame, name: str, parse: Callable[[str], Any]) -> dict[str, Any]:
    found = {}
    for run in runs.itertuples():
        # Half-written or edited by hand is as good as none: the page is for the others.
        with suppress(ValueError):
            if text := query.artifact(tracking_uri, run.artifact_uri, name):
                found[run.run_id] = parse(text)
    return found


def _unbroken(value: Any) -> Any:
    """Keep a name's number on its line."""
    return value.replace("TensorFlow 2", "TensorFlow\u00a02") if type(value) is str else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _planned(room: Any, gathered: Results) -> bool:
    """Whether the study has such a page: most have no condition."""
    return not hasattr(room, "planned") or room.planned(gathered)


def render(gathered: Results, description: str, now: datetime) -> dict[str, str]:
    """Each page's HTML by its file name."""
    template = _environment().get_template("page.html")
    pages = {name: page for name, page in PAGES.items() if _planned(page[1], gathered)}
    common = {
        "study": gathered.study,
        "description": description,
        "headline": headline.first(gathered),
        "nav": [(name, title) for name, (title, _) in pages.items()],
        "foot": foot(gathered, now),
    }
    return {
        name: template.render(common, here=name, title=room.TITLE, lead=room.LEAD, sections=room.sections(gathered))
        for name, (_, room) in pages.items()
    }
