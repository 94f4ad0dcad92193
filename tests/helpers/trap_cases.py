"""Shared by the tests of traps: records of traps made up, and traps run on both twins."""

import json

import frameworks
from experiments.running.executors.local_executor import LocalExecutor
from experiments.traps.catalogue import TRAPS
from experiments.traps.outcome import TrapOutcome, TrapRun, outcomes
from experiments.twins import TWINS
from reports.data.links import Links
from reports.data.results import Recorded, Results

VERSIONS = tuple((twin, f"{twin} 1.0") for twin in TWINS)


def run_on_both(names) -> dict[str, TrapOutcome]:
    """Run traps on both twins, each in a process of its own, in turn: a second one of a twin costs seconds."""
    runs = [TrapRun(name, VERSIONS) for name in names]
    with LocalExecutor(frameworks.load, workers=1, threads=1) as executor:
        return {each.run.trap: each for each in outcomes(runs, executor.run)}


def measured(original, naive, right, code=("a = 1", "b = 1", "c = 1")) -> dict:
    """What one twin's functions returned."""
    names = ("original", "naive", "right")
    values = dict(zip(names, (original, naive, right), strict=True))
    return {"values": values, "code": dict(zip(names, code, strict=True)), "environment": {"python": "3"}}


def outcome(name: str, tf2: dict, pytorch: dict, **failures) -> TrapOutcome:
    """A trap that has run, of what its functions returned."""
    return TrapOutcome(TrapRun(name, VERSIONS), {"tf2": tf2, "pytorch": pytorch}, failures, 1.0)


def recorded(*found: TrapOutcome, missing=()) -> Results:
    """The page's input of outcomes, and of planned traps that have not run."""
    done = [
        Recorded(each.run, "failed" if each.failure else "done", f"t{place}", each.failure, _read(each))
        for place, each in enumerate(found)
    ]
    left = [Recorded(TrapRun(name, VERSIONS)) for name in missing]
    return Results("s", None, None, Links(), traps=(*done, *left), trap_links=Links(experiment_id="9"))


def _read(found: TrapOutcome) -> dict:
    return json.loads(found.files["trap.json"])


ERRORS = [name for name, trap in TRAPS.items() if trap.errs]
SCORED = [name for name, trap in TRAPS.items() if trap.scores]
TIMED = [name for name, trap in TRAPS.items() if trap.counted]
