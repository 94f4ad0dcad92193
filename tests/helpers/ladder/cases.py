"""Shared by the tests of parity."""

import dataclasses
from functools import cache

import numpy as np
from ladder.toys import EARLY_STEPS, FAULTS, versions
from made_reports.html_elements import page_of, words_of

import frameworks
from experiments.events import Finished
from experiments.parity import check as parity_check
from experiments.parity import measure
from experiments.parity.measure import Measurement, make_spec
from experiments.parity.outcome import CheckOutcome, Reading
from reports.pages.parity import page as parity


def make_check(
    cell="lstm",
    form="layer",
    conventions="keras",
    dtype="float64",
    twins=("tf2", "pytorch"),
    steps=measure.STEPS,
    **network,
):
    spec = make_spec({"cell": cell, "form": form} | network, conventions, dtype)
    return parity_check.ParityCheck(spec, tuple((name, versions(name)) for name in (*twins, "reference")), steps=steps)


@cache
def reading(fault: str, conventions: str, dtype: str, steps: int = measure.STEPS) -> dict[int, dict[str, np.ndarray]]:
    """What the reference with this fault measures, so many steps of rung 4."""
    framework = dataclasses.replace(
        frameworks.load("reference"),
        build=lambda spec, interface, weights, seed: FAULTS[fault](spec, interface, weights),
    )
    job = Measurement(make_check(conventions=conventions, dtype=dtype).spec, "tf2", "1", steps=steps)
    *measured, finished = job.run(framework)
    assert isinstance(finished, Finished), finished
    by_rung = {event.rung: event.values for event in measured}
    assert len(by_rung[4]["loss"]) == steps
    return by_rung


def steps_of(fault: str) -> int:
    """Steps of rung 4: many only where they are looked at."""
    return measure.STEPS if fault in ("Network", "DropsNothingLater") else EARLY_STEPS


def outcome(fault="Network", check=None, **failures) -> CheckOutcome:
    check = check or make_check()
    label, dtype = check.spec.conventions.label, check.spec.training.dtype
    steps = min(check.steps, steps_of(fault))
    names = {name: reading(fault if name == "tf2" else "Network", label, dtype, steps) for name, _ in check.versions}
    made = {name: Reading(values, 1.5, {"toy": "1"}) for name, values in names.items()}
    for name, reason in failures.items():
        made[name] = Reading({0: names[name][0]}, failure=reason, traceback="Traceback …")
    return CheckOutcome(check, made, 1.0)


def names(found) -> list[str]:
    return [section.name for section in parity.sections(found)]


def text(found) -> str:
    return words_of(page_of(found, "parity.html")["parity.html"])
