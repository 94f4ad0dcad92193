"""What a study has still to do, and how long that will take: expected at first, learned as jobs end."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: Seconds that count as if they had gone as expected: the first few jobs, which also start workers, say little.
PRIOR_S = 60.0


@dataclass
class Stage:
    """One phase: its jobs, those done, and the seconds that the missing ones are expected to take."""

    phase: str
    noun: str
    total: int
    done: int
    seconds: float

    @property
    def missing(self) -> int:
        """The number of jobs still to run."""
        return self.total - self.done


class Outlook:
    """The phases of a study, in order, and the time left.

    Args:
        stages: every phase that has jobs.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, stages: Iterable[Stage], clock: Callable[[], float] = time.monotonic) -> None:
        self.stages = {stage.phase: stage for stage in stages}
        self.expected_s = sum(stage.seconds for stage in self.stages.values())
        self.ended = 0  # jobs, since the start
        self._clock, self._began = clock, clock()

    def add(self, stage: Stage) -> None:
        """More jobs to come: of a phase that has jobs already, or of one that had none to run."""
        known = self.stages.setdefault(stage.phase, Stage(stage.phase, stage.noun, 0, 0, 0.0))
        known.total += stage.total
        known.done += stage.done
        known.seconds += stage.seconds
        self.expected_s += stage.seconds

    def count(self, phase: str) -> None:
        """One job of a phase has ended."""
        stage = self.stages[phase]
        stage.seconds -= stage.seconds / max(1, stage.missing)
        stage.done += 1
        self.ended += 1

    @property
    def behind_s(self) -> float:
        """The expected seconds of the jobs that have ended."""
        return self.expected_s - sum(stage.seconds for stage in self.stages.values())

    @property
    def left_s(self) -> float:
        """The seconds left: as expected, times the pace so far."""
        pace = (self._clock() - self._began + PRIOR_S) / (self.behind_s + PRIOR_S)
        return pace * (self.expected_s - self.behind_s)

    @property
    def time_left(self) -> str:
        """The time left in words."""
        return f"{spoken(self.left_s)} left"

    def in_words(self) -> str:
        """What is done of each phase, and the time left, such as ``trials: 34 of 192 done; traps: 0 of 31 done``."""
        parts = [f"{each.noun}s: {each.done:,} of {each.total:,} done" for each in self.stages.values()]
        return "; ".join([*parts, self.time_left])


def spoken(seconds: float) -> str:
    """A duration as one says it: ``about 9 minutes``."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 120:
        return f"about {minutes} minute{'s' * (minutes > 1)}"
    return f"about {minutes / 60:.1f} hours"
