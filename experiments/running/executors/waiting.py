"""The jobs that an executor has yet to start, in order, and how often each has been tried."""

from collections import deque
from collections.abc import Sequence

from experiments.protocol import Job

TRIES = 2


class Waiting:
    """The jobs still to run, in order, by framework.

    Args:
        jobs: in the order in which they start.
        tried: how often they have been tried elsewhere.
    """

    def __init__(self, jobs: Sequence[Job], tried: int = 0) -> None:
        self._queues: dict[str, deque[Job]] = {}
        self._tries = {job.fingerprint: tried for job in jobs}
        for job in jobs:
            self._queues.setdefault(job.framework, deque()).append(job)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def has(self, framework: str) -> bool:
        """Whether a framework has jobs waiting."""
        return bool(self._queues.get(framework))

    def take(self, framework: str) -> Job:
        """Take a framework's next job, for a try."""
        job = self._queues[framework].popleft()
        self.count(job)
        return job

    def count(self, job: Job) -> None:
        """Note that a job is tried."""
        self._tries[job.fingerprint] += 1

    def tries(self, job: Job) -> int:
        """How often a job has been tried, this time included."""
        return self._tries[job.fingerprint]

    def again(self, job: Job) -> bool:
        """Put a job back at the front, if it has a try left."""
        left = self._tries[job.fingerprint] < TRIES
        if left:
            self._queues[job.framework].appendleft(job)
        return left

    def drop(self, framework: str) -> list[Job]:
        """Take all jobs of a framework out."""
        dropped = list(self._queues.get(framework, ()))
        self._queues.pop(framework, None)
        return dropped

    def neediest(self, employed: list[str]) -> str | None:
        """The framework with the most jobs waiting for each worker it would then have.

        One without a worker comes first: left to the end, the last of its jobs would run alone.
        """
        needs = {name: len(queue) / (employed.count(name) + 1) for name, queue in self._queues.items() if queue}
        return max(needs, key=lambda name: (name not in employed, needs[name]), default=None)
