"""Shared by the tests of parity."""

import dataclasses
import re
from datetime import datetime
from functools import cache

import numpy as np
import pytest
from ladder.toys import FAULTS, versions

import frameworks
from experiments.events import Finished
from experiments.parity import check as parity_check
from experiments.parity import measure
from experiments.parity.measure import Measurement, make_spec
from experiments.parity.outcome import CheckOutcome, Reading
from reports.pages.parity import page as parity
from reports.render import render


def make_check(cell="lstm", form="layer", conventions="keras", dtype="float64", twins=("tf2", "pytorch"), **network):
    spec = make_spec({"cell": cell, "form": form} | network, conventions, dtype)
    return parity_check.ParityCheck(spec, tuple((name, versions(name)) for name in (*twins, "reference")))


@cache
def reading(fault: str, conventions: str, dtype: str, steps: int = measure.STEPS) -> dict[int, dict[str, np.ndarray]]:
    """What the reference with this fault measures, so many steps of rung 4."""
    framework = dataclasses.replace(
        frameworks.load("reference"),
        build=lambda spec, interface, weights, seed: FAULTS[fault](spec, interface, weights),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "STEPS", steps)
        job = Measurement(make_check(conventions=conventions, dtype=dtype).spec, "tf2", "1")
        *measured, finished = job.run(framework)
    assert isinstance(finished, Finished), finished
    return {event.rung: event.values for event in measured}


def outcome(fault="Network", check=None, **failures) -> CheckOutcome:
    check = check or make_check()
    label, dtype = check.spec.conventions.label, check.spec.training.dtype
    names = {name: reading(fault if name == "tf2" else "Network", label, dtype) for name, _ in check.versions}
    made = {name: Reading(values, 1.5, {"toy": "1"}) for name, values in names.items()}
    for name, reason in failures.items():
        made[name] = Reading({0: names[name][0]}, failure=reason, traceback="Traceback …")
    return CheckOutcome(check, made, 1.0)


def names(found) -> list[str]:
    return [section.name for section in parity.sections(found)]


def text(found) -> str:
    page = render(found, "", datetime(2024, 1, 1))["parity.html"]
    return " ".join(re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]+>", " ", page, flags=re.S).split())
