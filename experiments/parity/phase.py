"""The parity phase: each check of the ladder, measured in worker processes and compared here."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from experiments.errors import UserError
from experiments.parity.check import ParityCheck
from experiments.parity.grid import LadderGrid, checks_of
from experiments.parity.outcome import outcomes, summary
from experiments.spec import ExperimentSpec
from experiments.study.explain import explain
from experiments.study.phase import Answers, Failures, Means, Phase, Work, failures_of, keep


def plan(study, answers: Answers, earlier: Mapping[str, Work]) -> Work:
    """A study's parity checks.

    Raises:
        UserError: a cell of the ladder, or an option of it, is not valid.
    """
    if study.ladder is None:
        return Work()
    try:
        return checks_of(study.ladder, study.frameworks, answers)
    except ValidationError as error:
        raise UserError(f"{answers.path}: ladder: {explain(error, ExperimentSpec)}") from error


def run(missing: Sequence[ParityCheck], total: int, means: Means) -> Failures:
    """Make the checks that are missing of ``total``."""
    with means.progress(PHASE.name, total, total - len(missing)) as progress:
        records = keep(outcomes(missing, means.executor.run), PHASE.experiment, progress, means.recorder)
        progress.say(summary([record.metrics for record in records]))
    return failures_of(records)


PHASE = Phase(
    name="parity",
    noun="parity check",
    experiment="parity",
    heading="Is it the same model? One run for each check of the parity ladder: both twins and the reference.",
    tables={"ladder": (LadderGrid | None, None)},
    plan=plan,
    run=run,
    kinds=("climb",),
    enough=("ladder",),
)
