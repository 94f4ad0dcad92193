"""The footer of every page: study, versions, processor, threads, data and the time of writing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from reports.data.results import Results
from reports.html.format import listed, name

#: What an environment holds besides versions.
PLACES = ("processor", "threads", "device", "gpu", "system", "host")


def foot(results: Results, now: datetime) -> list[tuple[str, str]]:
    """The footer's terms and their values."""
    done = results.done
    terms = [
        ("Study", results.study + _progress(results)),
        ("Versions", _versions(done, results.trials) or _trapped(results)),
        *(_places(done) if len(results.trials) else ()),
        ("Data", _data(done, results.trials)),
        ("Written", now.strftime("%Y-%m-%d %H:%M")),
    ]
    return [(term, value) for term, value in terms if value]


def _progress(results: Results) -> str:
    """``: 167 of 167 trials and 2 of 38 timings done``, for each phase that plans something."""
    parts = [f"{done:,} of {phase.count(planned)}" for phase, done, planned in results.progress if planned]
    return f": {listed(parts)} done" * bool(parts)


def _versions(done: pd.DataFrame, trials: pd.DataFrame) -> str:
    parts = []
    for framework, rows in trials.groupby("framework", sort=False):
        ran = done[done.framework == framework]
        texts = dict.fromkeys(_version(env) for env in ran.environment) if len(ran) else dict.fromkeys(rows.version)
        parts.append(f"{name(framework)}: {listed(filter(None, texts), 'or')}")
    return "; ".join(parts)


def _trapped(results: Results) -> str:
    """The versions of a study that plans traps and no trial."""
    versions = dict(results.traps[0].job.versions) if results.traps else {}
    return "; ".join(f"{name(framework)}: {text}" for framework, text in versions.items())


def _version(environment: Mapping[str, Any]) -> str:
    flat = {
        k: v
        for key, value in environment.items()
        for k, v in (value if isinstance(value, dict) else {key: value}).items()
    }
    return ", ".join(f"{key} {value}" for key, value in flat.items() if key not in PLACES)


def _places(done: pd.DataFrame) -> list[tuple[str, str]]:
    if done.empty:
        return [("Processor", "unknown: no trial is done"), ("Threads", "unknown")]
    columns = {"processor": done.processor, "threads": done.threads.map("{:g}".format, na_action="ignore")}
    columns |= {"device": done.device, "system": done.environment.map(lambda env: env.get("system"))}
    values = {place: sorted(set(column.dropna())) for place, column in columns.items()}
    return [(place.capitalize(), listed(texts, "or")) for place, texts in values.items() if texts]


def _data(done: pd.DataFrame, trials: pd.DataFrame) -> str:
    ran = done[["data", "data_digest"]].dropna().drop_duplicates()
    pairs = ran if len(ran) else trials[["data_name", "planned_digest"]].drop_duplicates()
    return "; ".join(f"{data}, sha256 {digest}" for data, digest in pairs.itertuples(index=False))
