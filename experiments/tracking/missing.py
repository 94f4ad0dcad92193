"""Which of a study's jobs have no complete run yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.study.phases import PHASES
from experiments.tracking.database import finished

Jobs = Mapping[str, Sequence[Any]]  # by the phase's name


def missing(chosen: Jobs, uri: str, study: str, fresh: bool = False) -> dict[str, list[Any]]:
    """The chosen jobs without a complete run in the study, by phase and in order; all of them for a ``fresh`` start.

    Args:
        chosen: the jobs asked for.
        uri: where MLflow's database is; nothing is created.
        study: its name.
        fresh: whether what is done is run again.
    """
    not_done = {}
    for phase in PHASES:
        jobs = chosen[phase.name]
        done = {} if fresh or not jobs else finished(uri, study, phase.experiment)
        not_done[phase.name] = [job for job in jobs if job.fingerprint not in done]
    return not_done
