"""A study laid out: what each phase would run, what it cannot and why, and how each twin offers each form."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from experiments.protocol import Absent, Support
from experiments.spec import ExperimentSpec
from experiments.study.phase import Absence, Answers, Work
from experiments.study.phases import PHASES
from experiments.study.schema import Study
from experiments.tasks import DataSource, TaskSpec
from experiments.training.phase import wanted


@dataclass(frozen=True)
class Plan:
    """A study laid out; ``work`` by the phase's name."""

    study: Study
    work: dict[str, Work] = field(default_factory=dict)
    supports: tuple[dict[str, str], ...] = ()  # framework, cell, form, answer, detail

    def jobs(self, phase: str) -> tuple[Any, ...]:
        """A phase's jobs, in order."""
        return self.work.get(phase, Work()).jobs

    def absent(self, phase: str) -> tuple[Absence, ...]:
        """What a phase cannot run."""
        return self.work.get(phase, Work()).absent


def lay_out(
    study: Study,
    path: Path,
    supports: Callable[[str, ExperimentSpec], Support],
    versions: Callable[[str], str],
    locate: Callable[[TaskSpec], DataSource],
) -> Plan:
    """Plan every phase of a study.

    Args:
        study: the study read from ``path``.
        path: for messages.
        supports: a twin's answer to a spec.
        versions: a framework's releases.
        locate: a task's data, found and checked.

    Raises:
        UserError: an experiment of the study is not valid, or its data is missing or broken.
    """
    answers, work = Answers(path, cache(supports), versions, locate), {}
    for phase in PHASES:
        work[phase.name] = phase.plan(study, answers, work)
    return Plan(study, work, tuple(_supports(study, answers)))


def _supports(study: Study, answers: Answers) -> list[dict[str, str]]:
    """Each twin's answer for every cell and form of the study's trials, by preference under stock conventions."""
    specs: dict[tuple[str, str], ExperimentSpec] = {}
    for spec in sorted(wanted(study, answers), key=lambda each: each.conventions.imposed):
        specs.setdefault((spec.network.cell, spec.network.form), spec)
    return [
        {"framework": name, "cell": cell, "form": form} | _described(answers.supports(name, spec))
        for (cell, form), spec in specs.items()
        for name in study.frameworks
    ]


def _described(answer: Support) -> dict[str, str]:
    return {"answer": type(answer).__name__, "detail": answer.reason if isinstance(answer, Absent) else answer.detail}
