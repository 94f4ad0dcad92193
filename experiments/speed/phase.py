"""The speed phase: every variant of a study's ``[[speed]]`` tables, in processes that run alone on the machine."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from experiments.hardware import usable_cores
from experiments.protocol import Absent
from experiments.speed import forward_pass
from experiments.speed.engines import ENGINES, EngineName
from experiments.speed.measure import Depth
from experiments.speed.outcome import outcomes
from experiments.speed.schedule import Timing
from experiments.study.grid import Grid
from experiments.study.phase import Absence, Answers, Failures, Further, Means, Phase, Run, Work, failures_of, keep
from experiments.twins import REFERENCE


class SpeedGrid(Grid):
    """A study's ``[[speed]]`` table: variants timed in the same processes, one after the other.

    ``processes``: fresh ones of each framework, the frameworks' alternating; ``threads``: everything is timed once for
    each of these numbers, ``"all"`` being every usable core; ``steps``: steady ones in each process; ``depth``:
    training steps alone, or also forward passes and the floor, or also the operators that took the time, with the most
    threads. ``against_itself``: each framework's first variant is timed again, in processes of its own, so that the
    page shows what comes out where nothing differs. ``engines``: what else runs the networks' forward pass, in
    processes of its own after the twins'. ``looks``: how often at most the page judges the growing data; after each
    look but the last, the pairs of twins that are too close to call are timed in as many processes again: all that
    the page asks about, or those of the fastest forms alone (``further``). No further round begins after ``minutes``
    of them.
    """

    processes: PositiveInt = 2
    threads: Annotated[tuple[PositiveInt | Literal["all"], ...], Field(min_length=1)] = ("all",)
    steps: Annotated[int, Field(ge=4)] = 20
    depth: Depth = "operators"
    against_itself: bool = False
    engines: tuple[EngineName, ...] = ()
    looks: PositiveInt = 1
    further: Literal["all", "fastest"] = "all"
    minutes: Annotated[float, Field(ge=0)] = 20.0


def plan(study, answers: Answers, earlier: Mapping[str, Work]) -> Work:
    """The variants to time, each once for every number of threads, and what cannot be timed and why."""
    timings: dict[str, Timing] = {}
    absent: dict[tuple[str, ...], Absence] = {}
    again: set[tuple[int, str, int]] = set()  # threads, framework and group of which one variant is timed again
    for group, grid in enumerate(study.speed):
        specs = list(grid.specs(answers.path, f"speed {group + 1}"))
        threads = dict.fromkeys(usable_cores() if each == "all" else each for each in grid.threads)
        twins = [name for name in grid.frameworks or study.frameworks if name != REFERENCE]
        pairs = [*itertools.product(twins, specs), *itertools.product(grid.engines, forward_pass.networks(specs))]
        for count, (name, spec) in itertools.product(threads, pairs):
            answer = answers.supports(name, spec)
            if isinstance(answer, Absent):
                facets = spec.facets | {"framework": name, "phase": "speed"}
                absence = Absence(name, spec.slug, answer.reason, None, facets)
                absent.setdefault(absence[:3], absence)
                continue
            depth = "floor" if grid.depth == "operators" and count < max(threads) else grid.depth
            depth = forward_pass.DEPTH if name in ENGINES else depth
            how = (count, grid.processes, grid.steps, depth, group)
            timing = Timing(spec, name, answers.versions(name), *how)
            timings.setdefault(timing.fingerprint, timing)
            if grid.against_itself and name not in ENGINES and (count, name, group) not in again:
                again.add((count, name, group))
                copy = replace(timing, copy=1, depth="step")
                timings.setdefault(copy.fingerprint, copy)
    return Work(tuple(timings.values()), tuple(absent.values()))


def more(study, planned: Sequence[Timing]) -> Further:
    """Every further round that planned timings may need, and the minutes within which the last of them begins."""
    trained = [timing for timing in planned if timing.depth != forward_pass.DEPTH]
    rounds = [timing.further(number) for timing in trained for number in later(study, timing)]
    groups = {timing.group for timing in rounds}
    return Further(tuple(rounds), sum(study.speed[group].minutes for group in groups))


def later(study, timing: Timing) -> range:
    """The numbers of a timing's further rounds: as many as planned ones for each look after the first."""
    return range(timing.processes, timing.processes * study.speed[timing.group].looks)


def run(missing: Sequence[Timing], total: int, means: Means) -> Failures:
    """Time the variants that are missing of ``total``."""

    def alone(threads: int) -> Run:
        return means.executor.alone(threads).run

    with means.progress(PHASE.name, total, total - len(missing)) as progress:
        records = outcomes(missing, alone, progress.say)
        return failures_of(keep(records, PHASE.experiment, progress, means.recorder))


PHASE = Phase(
    name="speed",
    noun="timing",
    experiment="speed",
    heading="Which is faster? One run a variant, timed in fresh, exclusive processes, the twins' alternating.",
    tables={"speed": (tuple[SpeedGrid, ...], ())},
    plan=plan,
    run=run,
    kinds=("timing",),
    usual_s=2.0,
    more=more,
    enough=("speed",),
    alone=True,
)
