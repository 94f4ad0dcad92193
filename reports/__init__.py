"""MLflow → rows → sections → HTML pages: what a study found, and what it did not."""

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.study.plan import Plan

__all__ = ["ask", "write"]

#: By the phase's name, the module whose ``ask`` reads its results, where they may ask for more jobs.
ASKED = {"speed": "reports.pages.speed.further"}


def write(plan: "Plan", tracking_uri: str, folder: Path, running: str = "") -> Path:
    """Write every page of a study: ``render.write``, whose imports take seconds and are left until they are needed."""
    from reports import render

    return render.write(plan, tracking_uri, folder, running)


def ask(
    plan: "Plan", tracking_uri: str, chosen: Mapping[str, Sequence[Any]], phase: str, tried: Collection[str]
) -> Sequence[Any]:
    """The next jobs that the recorded results of a phase ask for.

    Args:
        plan: the study laid out.
        tracking_uri: where MLflow keeps the runs.
        chosen: the planned jobs that the user asks for, by phase.
        phase: its name.
        tried: fingerprints of jobs that are not asked for again.
    """
    from experiments.study.phases import PHASES

    (asking,) = (each for each in PHASES if each.name == phase)
    if not asking.more(plan.study, chosen[phase]).jobs:
        return ()
    return import_module(ASKED[phase]).ask(plan, tracking_uri, chosen[phase], tried)
