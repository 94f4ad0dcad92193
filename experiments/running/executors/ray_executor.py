"""Runs jobs on a Ray cluster: one actor a worker (``ray_node.py``), the events of all heard here."""

import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from experiments.errors import UserError
from experiments.events import Event, Failed, Finished, Retried
from experiments.hardware import identity
from experiments.protocol import Job
from experiments.running.executors import ray_cluster, ray_node, silence
from experiments.running.executors.plain_data import read
from experiments.running.executors.ray_cluster import Cluster, Place
from experiments.running.executors.ray_node import Facts, Message, Order
from experiments.running.executors.waiting import Waiting
from experiments.running.executors.worker import Load

Report = tuple[int, Job, Event]

BEAT_S = 5.0  # at most, between two signs of life of an actor
ACTOR_PATIENCE_S = 60.0  # without one, and it is lost
ASK_AGAIN_S = 40.0  # for an actor to stand: it may wait for a node whose end Ray has not noticed
PLACE_S = 300.0  # for the first actor to get its CPUs
STARTS = 3  # of each worker's actor in vain, in a row
IN_VAIN = "creation task"  # Ray's words for an actor that cannot stand anywhere, such as for want of a package


@dataclass(eq=False)
class Slot:
    """One worker's place in the cluster: its actor, the answer that is awaited, the job in hand."""

    number: int
    actor: Any
    place: Place | None  # where it was told to stand
    answer: Any
    facts: Facts | None = None  # once it has started
    heard: bool = False  # in this run: it works
    framework: str = ""
    trial: Job | None = None
    silent: float = 0.0  # seconds of listening without a sign of life


@dataclass
class RayExecutor:
    """Runs trials, or other jobs, on ``workers`` actors of a Ray cluster at a time, ``threads`` CPUs asked for by each.

    Args:
        load: imports a framework by its name; picklable by reference.
        workers: how many actors; as many as the cluster has CPUs for unless told.
        threads: for each worker; one unless told.
        patience: seconds after which a worker that neither speaks nor computes is stuck; ``silence.py`` has the rule.
        keep: idle actors and their workers wait for the next ``run``, until ``close`` or the end of a ``with``.
        address: of the cluster's head, ``HOST:PORT``; None starts a local Ray, which ends with ``with``.
        gpus: for each worker; none unless told.
        cluster: a connection that another executor has made.
        whole: every actor takes a whole node, of the kind of the study's machine.

    Raises:
        UserError: here and while it runs: Ray is missing or fails, or a node lacks what the study's machine has.
    """

    load: Load
    workers: int | None = None
    threads: int | None = None
    patience: float = silence.PATIENCE_S
    keep: bool = False
    address: str | None = None
    gpus: float = 0.0
    cluster: Cluster | None = None
    whole: bool = False
    _slots: dict[int, Slot] = field(default_factory=dict, init=False)
    _starts: int = field(default=0, init=False)  # of actors, in vain, in a row

    def __post_init__(self) -> None:
        self._owner = self.cluster is None
        self.cluster = self.cluster or ray_cluster.connect(self.address)
        self.threads = self.threads or 1
        try:
            room = self._room()
        except UserError:
            self.__exit__()
            raise
        self.workers = self.workers or room

    def alone(self, threads: int) -> Self:
        """An executor of one worker, new for every ``run``, with a node to itself; this one's are ended."""
        self.close()
        return RayExecutor(self.load, 1, threads, self.patience, gpus=self.gpus, cluster=self.cluster, whole=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._owner:
            self.cluster.close()

    def run(self, trials: Sequence[Job]) -> Iterator[Report]:
        """Yield ``(worker, trial, event)`` as the trials go; each ends with one ``Finished`` or ``Failed``."""
        waiting, whole = Waiting(trials), False
        try:
            for slot in self._slots.values():  # kept ones: do they still stand?
                slot.heard, slot.silent = False, 0.0
                slot.actor.wake.remote()  # ``hear`` of the run before is open: its answer is the sign of life
            unplaced = 0.0
            while True:
                self._employ(waiting)
                if not waiting and not any(slot.trial for slot in self._slots.values()):
                    whole = True
                    return
                began = time.monotonic()
                yield from self._listen(waiting)
                unplaced = 0.0 if self._standing else unplaced + time.monotonic() - began
                if unplaced > PLACE_S:
                    raise UserError(f"Ray gave no worker the CPUs it asks for within {PLACE_S:.0f} s; is it busy?")
        finally:
            if not (whole and self.keep):
                self.close()

    def close(self) -> None:
        """End every worker, with force if need be."""
        self.cluster.end([slot.actor for slot in self._standing])
        for slot in list(self._slots.values()):
            self._dismiss(slot)

    @property
    def _beat(self) -> float:
        """Seconds between two signs of life."""
        return min(self.patience / silence.SAMPLES, BEAT_S)

    @property
    def _standing(self) -> list[Slot]:
        return [slot for slot in self._slots.values() if slot.heard]

    def _room(self) -> int:
        """How many workers the cluster has room for."""
        places = self.cluster.places
        room = sum(place.cpus // self.threads for place in places)
        if self.gpus:
            room = min(room, int(sum(place.gpus for place in places) // self.gpus))
        if not room:
            most = max((place.cpus for place in places), default=0)
            raise UserError(
                f"a worker asks for {self.threads} CPUs and {self.gpus:g} GPUs, which no node of the Ray cluster has "
                f"(at most {most} CPUs); allowed: fewer with --threads"
            )
        return room

    def _employ(self, waiting: Waiting) -> None:
        """Give every idle worker a job, its framework's if there is one, and ask for further workers."""
        for slot in sorted(self._standing, key=lambda slot: slot.number):
            if not slot.trial and waiting:
                others = [other.framework for other in self._slots.values() if other is not slot and other.framework]
                known = slot.framework if waiting.has(slot.framework) else waiting.neediest(others)
                self._give(slot, waiting.take(known), waiting)
        coming = len(self._slots) - len(self._standing)
        for number in [number for number in range(self.workers) if number not in self._slots][: len(waiting) - coming]:
            self._place(number)

    def _place(self, number: int) -> None:
        folder = str(Path.cwd())
        order = Order(self.load, self.threads, self.patience, silence.BUSY, folder, self.gpus)
        place = self._whole_node() if self.whole else None
        actor = self.cluster.actor(order, place.cpus if place else self.threads, place and place.node)
        self._slots[number] = Slot(number, actor, place, actor.facts.remote())

    def _whole_node(self) -> Place:
        """The first node with enough CPUs that is not known to be unfit."""
        fit = [place for place in self.cluster.places if place.cpus >= self.threads]
        for place in sorted(fit):
            if place.node not in self.cluster.unfit:
                return place
        raise UserError(
            f"no node of the Ray cluster with {self.threads} CPUs has the same hardware as this machine: times "
            "would not be comparable; allowed: starting the study on a node of the kind that is to be timed"
        )

    def _give(self, slot: Slot, trial: Job, waiting: Waiting) -> None:
        slot.trial, slot.framework = trial, trial.framework
        with self.cluster.faults():
            slot.actor.give.remote(pickle.dumps(trial), waiting.tries(trial) - 1)

    def _listen(self, waiting: Waiting) -> Iterator[Report]:
        """Wait a moment for the actors' answers; time in which the parent does something else is no silence."""
        began, slots = time.monotonic(), {slot.answer: slot for slot in self._slots.values()}
        ready = self.cluster.wait(list(slots), self._beat)
        listened = min(time.monotonic() - began, self._beat)
        for slot in self._slots.values():
            slot.silent += listened
        for slot in [slots[answer] for answer in ready]:
            if self._slots.get(slot.number) is slot:
                yield from self._hear(slot, waiting)
        for slot in list(self._slots.values()):
            if not slot.heard and slot.silent > ASK_AGAIN_S:
                self._dismiss(slot)
        for slot in self._standing:
            if slot.silent > ACTOR_PATIENCE_S:
                yield from self._lose(slot, waiting, f"node {slot.facts.host} was silent for {slot.silent:.0f} s")
        self.cluster.look()

    def _hear(self, slot: Slot, waiting: Waiting) -> Iterator[Report]:
        try:
            answer = self.cluster.ray.get(slot.answer)
        except Exception as error:  # whatever Ray raises, the actor is of no use
            if slot.heard:
                yield from self._lose(slot, waiting, f"Ray lost the worker on node {slot.facts.host}")
            else:
                self._start_again(slot, error)
            return
        slot.silent = 0.0
        if not slot.facts and not self._fit(slot, answer):
            return
        slot.heard = True
        slot.answer = slot.actor.hear.remote(self._beat)
        for message in answer if isinstance(answer, list) else ():
            yield from self._read(slot, message, waiting)

    def _read(self, slot: Slot, message: Message, waiting: Waiting) -> Iterator[Report]:
        trial = slot.trial
        try:
            event = read(message.event)
        except pickle.UnpicklingError as error:
            event = Failed(f"{slot.framework}: {error}")
        if isinstance(event, Retried):
            waiting.count(trial)
        if isinstance(event, Finished | Failed):
            slot.trial = None
        yield slot.number, trial, event
        for lost in waiting.drop(slot.framework) if message.broken else ():
            yield slot.number, lost, event

    def _fit(self, slot: Slot, facts: Facts) -> bool:
        """Take an actor that has started, if its node has what the study needs; one of another kind is given up.

        Raises:
            UserError: other software is installed there.
        """
        here = ray_node.facts()
        for name, wanted in here.software.items():
            if (installed := facts.software.get(name)) != wanted:
                raise UserError(
                    f"node {facts.host} of the Ray cluster: {name} is {installed}, not {wanted}; allowed: the same "
                    "installation on every node"
                )
        if self.whole and facts.machine != identity():
            self.cluster.unfit.add(slot.place.node)
            self._dismiss(slot)
            return False
        slot.facts, self._starts = facts, 0
        return True

    def _start_again(self, slot: Slot, error: Exception) -> None:
        """Let go of an actor that did not start or has ended; its place is asked for again."""
        self._dismiss(slot)
        self._starts += slot.facts is None
        if slot.place:
            self.cluster.unfit.add(slot.place.node)  # it may be gone, which Ray notices after some seconds
        if IN_VAIN in str(error) or self._starts >= STARTS * self.workers:
            said = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            raise UserError(f"Ray could not start a worker on the cluster: {said[-1]}")

    def _lose(self, slot: Slot, waiting: Waiting, reason: str) -> Iterator[Report]:
        """Let go of an actor that is gone or silent: its job goes to the front of the queue, once."""
        self._dismiss(slot)
        for idle in self._standing:  # on the same node: it may be gone too, which must cost no job a try
            if idle.facts.host == slot.facts.host and not idle.trial:
                self._dismiss(idle)
        if slot.trial and waiting.again(slot.trial):
            yield slot.number, slot.trial, Retried(reason)
        elif slot.trial:
            yield slot.number, slot.trial, Failed(f"{reason} at the second try")

    def _dismiss(self, slot: Slot) -> None:
        del self._slots[slot.number]
        self.cluster.kill(slot.actor)
