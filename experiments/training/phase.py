"""The training phase: every experiment of a study, on every framework, with every seed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain

from experiments import tasks
from experiments.events import Failed
from experiments.protocol import Absent
from experiments.spec import ExperimentSpec
from experiments.study import defaults
from experiments.study.defaults import Defaults
from experiments.study.grid import Grid
from experiments.study.phase import Absence, Answers, Failures, Means, Phase, Work
from experiments.training.models import first_of_each
from experiments.training.trial import Trial

#: Seconds to build and to end a trial, where nothing is recorded; its training takes what its task says.
TRIAL_S = 0.5
SAMPLES = 1_000  # where the task does not say how many


def wanted(study, answers: Answers) -> dict[ExperimentSpec, dict[str, int]]:
    """Each experiment with the number of seeds that each framework trains it with; repeated ones are taken once.

    Raises:
        UserError: an experiment of a grid is not valid.
    """
    seeds: dict[ExperimentSpec, dict[str, int]] = {}
    for number, grid in enumerate(study.grid, start=1):
        for spec in grid.specs(answers.path, f"grid {number}"):
            of_spec = seeds.setdefault(spec, {})
            for name in grid.frameworks or study.frameworks:
                of_spec[name] = max(of_spec.get(name, 0), grid.seeds or study.seeds)
    return seeds


def plan(study, answers: Answers, earlier: Mapping[str, Work]) -> Work:
    """A study's trials, twin beside twin, the most informative first."""
    trials: dict[str, Trial] = {}
    absent: dict[tuple[ExperimentSpec, str], Absence] = {}
    for spec, name, seed in chain(_of_grids(study, answers), _of_defaults(study, answers)):
        answer = answers.supports(name, spec)
        if isinstance(answer, Absent):
            facets = spec.facets | {"framework": name, "phase": "training"}
            absent.setdefault((spec, name), Absence(name, spec.slug, answer.reason, None, facets))
            continue
        trial = Trial(spec, name, answers.versions(name), seed, answers.locate(spec.task))
        trials.setdefault(trial.fingerprint, trial)
    return Work(tuple(first_of_each(trials.values())), tuple(absent.values()))


def _of_grids(study, answers: Answers) -> Iterator[tuple[ExperimentSpec, str, int]]:
    """The experiments in the file's order, each seed's twins side by side.

    The first table goes seed after seed instead: all of it can be read, with few seeds, long before it is complete.
    An executor with a queue for each framework keeps this order within a framework.
    """
    opening = set(study.grid[0].specs(answers.path, "grid 1")) if study.grid else set()
    first: list[tuple[int, ExperimentSpec, str]] = []
    rest: list[tuple[int, ExperimentSpec, str]] = []
    for spec, seeds in wanted(study, answers).items():
        part = first if spec in opening else rest
        part += [(seed, spec, name) for seed in range(max(seeds.values())) for name in seeds if seed < seeds[name]]
    yield from ((spec, name, seed) for seed, spec, name in [*sorted(first, key=_seed), *rest])


def _seed(planned: tuple[int, ExperimentSpec, str]) -> int:
    return planned[0]


def _of_defaults(study, answers: Answers) -> Iterator[tuple[ExperimentSpec, str, int]]:
    """Seed after seed, since a seed is a block: what has run so far can be read."""
    arms = list(defaults.checked(study.defaults, answers.path))
    planned = [(seed, spec, name) for table, spec in arms for name, seed in table.trials(spec)]
    yield from ((spec, name, seed) for seed, spec, name in sorted(planned, key=_seed))


def run(missing: Sequence[Trial], total: int, means: Means) -> Failures:
    """Train the trials that are missing of ``total``; every event is recorded as it comes."""
    failures: Failures = []
    means.recorder.expect(missing)
    with (
        means.progress("training", total, total - len(missing)) as progress,
        closing(means.executor.run(missing)) as reports,
    ):
        for worker, trial, event in reports:
            progress.update(worker, trial, event)
            means.recorder.record(trial, event)
            if isinstance(event, Failed):
                failures.append((f"{trial.spec.slug}  {trial.name}", event.reason))
    return failures


def by_size(trial: Trial) -> float:
    """The seconds that a trial takes by its samples, their length and its epochs."""
    spec = trial.spec
    samples = trial.data.training_samples or SAMPLES
    return TRIAL_S + spec.task.STEP_S * samples * tasks.interface(spec.task).time * spec.training.epochs


PHASE = Phase(
    name="training",
    noun="trial",
    experiment="training",
    heading="",  # the study's own description
    tables={"grid": (tuple[Grid, ...], ()), "defaults": (tuple[Defaults, ...], ())},
    plan=plan,
    run=run,
    kinds=("trial",),
    usual_s=by_size,
    enough=("grid", "defaults"),
)
