"""The probes: measurements beside the trials, some of them on the weights of a trained one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from experiments.probes import call_conventions, gradient_norms, recipes, rounding, same_text, source_calls
from experiments.probes.job import Probe
from experiments.probes.recipes import Recipes
from experiments.probes.record import records
from experiments.protocol import Job
from experiments.study.phase import Answers, Failures, Means, Phase, Work, failures_of, keep

#: What a study's ``measure`` may name, and what makes the jobs of it.
PROBES = {
    "rounding": rounding.jobs,
    "gradient_norms": gradient_norms.jobs,
    "same_text": same_text.jobs,
    "source_calls": source_calls.jobs,
    "call_conventions": call_conventions.jobs,
}


def plan(study, answers: Answers, earlier: Mapping[str, Work]) -> Work:
    """The jobs of every probe that the study names, and of its recipes."""
    trials = earlier["training"].jobs
    chosen = (make for name, make in PROBES.items() if name in study.measure)
    named = (job for make in chosen for job in make(trials, study.frameworks, answers.versions))
    return Work((*named, *recipes.jobs(study, answers)))


def run(missing: Sequence[Job], total: int, means: Means) -> Failures:
    """Run the probes that are missing of ``total``; one that needs the weights of a failed trial is left out."""
    jobs = list(_with_weights(missing, means))
    results = records(jobs, means.executor.run) if jobs else ()
    with means.progress(PHASE.name, total, total - len(missing)) as progress:
        return failures_of(keep(results, PHASE.experiment, progress, means.recorder))


def _with_weights(jobs: Sequence[Job], means: Means) -> Iterator[Job]:
    """The jobs that can run; one with a ``source`` is given the weights that this trial ended with."""
    trained = means.recorder.finished("training")
    for job in jobs:
        if not hasattr(job, "source"):
            yield job
        elif run := trained.get(job.source):
            yield replace(job, trained=means.recorder.weights(run))


PHASE = Phase(
    name="probes",
    noun="measurement",
    experiment="parity",
    heading="",  # the parity phase's
    tables={"measure": (tuple[Literal[tuple(PROBES)], ...], ()), "recipes": (tuple[Recipes, ...], ())},
    plan=plan,
    run=run,
    kinds=tuple(job.kind for job in Probe.__subclasses__()),  # of the modules above
    enough=("recipes",),
)
