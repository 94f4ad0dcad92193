"""What is timed, and the processes it is timed in, in their order.

A variant is timed in several fresh processes of its framework. Nothing else runs meanwhile, and the frameworks'
processes alternate: A B, B A, … so that a machine that slows down slows both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from traceback import format_exc
from typing import Literal

from experiments import tasks
from experiments.events import Event, Finished, VariantMeasured, first_line, guarded
from experiments.frozen import digest
from experiments.hardware import identity
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.speed import forward_pass, load, measure
from experiments.speed.measure import Depth, Record

VERSION = 6  # raise it with any change of what is measured


@dataclass(frozen=True)
class Timing:
    """One variant on one framework, or one network on an engine, with a number of threads: one MLflow run."""

    spec: ExperimentSpec
    framework: str  # or an engine's name
    version: str
    threads: int
    processes: int
    steps: int
    depth: Depth | Literal["forward"]  # the latter of an engine
    group: int  # what is timed in the same processes
    copy: int = 0  # 1 for a variant that is timed again, in processes of its own, to be compared with itself
    first: int = 0  # its first round; not 0 where this is a further round of a variant, a timing of its own

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two timings that are the same: of variant, framework, version, way of timing, and machine."""
        how = [self.threads, self.processes, self.steps, self.depth, VERSION, *[self.copy] * (self.copy > 0)]
        how += [f"round {self.first}"] * (self.first > 0)
        return digest([self.spec.fingerprint, self.framework, self.version, how, identity()])

    @property
    def name(self) -> str:
        """The MLflow run's name: the slug and what else a speed grid may vary."""
        training, time = self.spec.training, tasks.interface(self.spec.task).time
        parts = [self.spec.slug, self.framework, f"{self.threads} thread{'s' * (self.threads > 1)}"]
        parts += ["forward pass"] * (self.depth == forward_pass.DEPTH)
        parts += [f"batch {training.batch_size} × {time}", *[training.execution] * (training.execution != "default")]
        parts += [training.device] * (training.device != "cpu")
        parts += ["again"] * (self.copy > 0)
        parts += [f"process {self.first + 1}"] * (self.first > 0)
        return " · ".join(parts)

    @property
    def variant(self) -> tuple[str, str, int, int, int]:
        """What is timed: the same for all rounds, planned and further ones."""
        return self.spec.fingerprint, self.framework, self.threads, self.group, self.copy

    @property
    def rounds(self) -> range:
        """The numbers of its rounds, one process each."""
        return range(self.first, self.first + self.processes)

    def further(self, number: int) -> "Timing":
        """One more round of the same variant: its training steps alone."""
        return replace(self, processes=1, depth="step", first=number)

    @property
    def listing(self) -> tuple[str, str, str]:
        """Its line in a listing: phase and name."""
        return "speed", self.name, ""

    @property
    def facets(self) -> dict[str, str]:
        """What ``--only KEY=VALUE`` may select it by; it has no seed."""
        return self.spec.facets | {"framework": self.framework, "phase": "speed"}

    @property
    def track(self) -> str:
        """The stored tag ``track``: ``tuned``, the fastest way we know, or ``stock``, every usual way of writing it.

        An engine's is ``engine``.
        """
        if self.depth == forward_pass.DEPTH:
            return "engine"
        return "tuned" if self.spec.network.form == "tuned" else "stock"


@dataclass(frozen=True)
class Session:
    """One fresh process of one framework, in which variants are timed one after the other."""

    timings: tuple[Timing, ...]
    round: int
    name = "speed"

    @property
    def spec(self) -> ExperimentSpec:
        """The first variant's."""
        return self.timings[0].spec

    @property
    def framework(self) -> str:
        """The framework that the process holds."""
        return self.timings[0].framework

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two sessions that are the same."""
        return digest([self.round, *(each.fingerprint for each in self.timings)])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``VariantMeasured`` for each variant, then ``Finished``; what a variant raises is in its record."""
        return guarded(self._measure(framework))

    def _measure(self, framework: Framework) -> Iterator[Event]:
        if self.timings[0].depth == forward_pass.DEPTH:
            forward_pass.warm_up(framework)
        else:
            for device in dict.fromkeys(each.spec.training.device for each in self.timings):
                measure.warm_up(framework, device)
        shared = {"round": self.round, "environment": framework.environment(), "load_before": load.load_before()}
        floors = measure.Floors(framework)
        for each in self.timings:
            yield VariantMeasured(each.fingerprint, shared | self._record(each, framework, floors))
        yield Finished()

    def _record(self, each: Timing, framework: Framework, floors: measure.Floors) -> Record:
        try:
            if each.depth == forward_pass.DEPTH:
                return forward_pass.measure(each.spec, framework, each.steps)
            # The operators of one process are enough: they are no time that could vary.
            depth = "floor" if each.depth == "operators" and self.round else each.depth
            return measure.measure(each.spec, framework, floors, each.steps, depth)
        except Exception as error:
            return {"failure": first_line(error), "traceback": format_exc()}


def sessions(timings: Sequence[Timing]) -> Iterator[Session]:
    """The processes of one group in their order: frameworks A B, then B A; variants forward, then backward.

    Variants that are timed again have processes of their own, after those of both frameworks.
    """
    kinds = sorted(dict.fromkeys((each.framework, each.copy) for each in timings), key=lambda kind: kind[1])
    for number in sorted({number for each in timings for number in each.rounds}):
        turn = -1 if number % 2 else 1
        for kind in kinds[::turn]:
            own = [each for each in timings if (each.framework, each.copy) == kind and number in each.rounds]
            if own:
                yield Session(tuple(own[::turn]), number)
