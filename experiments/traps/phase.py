"""The traps phase: each trap on both twins, in worker processes, compared here."""

from collections.abc import Mapping, Sequence
from typing import Literal

from experiments.study.phase import Absence, Answers, Failures, Means, Phase, Work, failures_of, keep
from experiments.traps.catalogue import NOT_YET, TRAPS
from experiments.traps.outcome import TrapRun, outcomes
from experiments.traps.trap import Trap
from experiments.twins import TWINS

ALL, ERRORS = "all", "errors"  # every trap; those whose cost is an error, which neither train nor are timed
Wanted = tuple[Literal[(ALL, ERRORS, *TRAPS)], ...]


def plan(study, answers: Answers, earlier: Mapping[str, Work]) -> Work:
    """The traps that the study names; a trap compares both twins, so that a study of one has none."""
    names = [name for name, trap in TRAPS.items() if {ALL, name} & {*study.traps} or _cheap(study.traps, trap)]
    lacking = [twin for twin in TWINS if twin not in study.frameworks]
    if lacking:
        return Work(absent=tuple(_absence(lacking[0], name, "a trap is run on both twins") for name in names))
    versions = tuple((twin, answers.versions(twin)) for twin in TWINS)
    absent = [_absence("both", each.name, each.reason) for each in NOT_YET if ALL in study.traps]
    return Work(tuple(TrapRun(name, versions) for name in names), tuple(absent))


def _cheap(wanted: tuple[str, ...], trap: Trap) -> bool:
    return ERRORS in wanted and trap.errs


def _absence(framework: str, name: str, reason: str) -> Absence:
    return Absence(framework, f"trap {name}", reason, None, {"phase": "traps", "trap": name})


def run(missing: Sequence[TrapRun], total: int, means: Means) -> Failures:
    """Run the traps that are missing of ``total``."""
    with means.progress(PHASE.name, total, total - len(missing)) as progress:
        records = outcomes(missing, means.executor.run)
        return failures_of(keep(records, PHASE.experiment, progress, means.recorder))


PHASE = Phase(
    name="traps",
    noun="trap",
    experiment="traps",
    heading="What goes wrong in silence when a network is ported. One run for each trap: both twins, naive and right.",
    tables={"traps": (Wanted, ())},
    plan=plan,
    run=run,
    kinds=("trap",),
    usual_s=4.0,
    facets=("trap",),
    enough=("traps",),
)
