"""The campaign: study after study, each hit by faults at random moments until it has come to its end."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.faults import tally
from experiments.faults.kinds import KINDS, Missed, Passing, Site
from experiments.faults.study import Study
from experiments.faults.tally import Counts, Recorded

LINES = 4  # of the study's output, at most, between two faults
LATER_S = 1.5  # at most, after the last of them
TICK_S = 0.03
AGAIN_S = 0.3  # after a start that ended
LIMIT_S = 900.0  # for a study to come to its end


@dataclass
class Round:
    """A study that was hit, and what became of it."""

    site: str
    study: str
    faults: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    seconds: float = 0.0
    ended: bool = False  # with 0
    counts: Counts = field(default_factory=Counts)


class Deck:
    """Kinds in random order, each as often as the others; a kind that had nothing to hit is drawn again."""

    def __init__(self, names: Sequence[str], rng: random.Random) -> None:
        self._names, self._rng = names, rng
        self._left: list[str] = []

    def draw(self) -> str:
        """The next kind."""
        if not self._left:
            self._left = self._rng.sample(self._names, len(self._names))
        return self._left.pop()

    def put_back(self, name: str) -> None:
        """One that did not come to pass."""
        self._left.append(name)


class Moments:
    """When the next fault is due: after some more lines of the study's output, and then a moment."""

    def __init__(self, study: Study, rng: random.Random) -> None:
        self._study, self._rng = study, rng
        self.draw()

    def draw(self) -> None:
        """Choose the next moment."""
        self._line = self._study.lines + self._rng.randint(0, LINES)
        self._later, self._due = self._rng.uniform(0, LATER_S), 0.0

    def reached(self) -> bool:
        """Whether it has come."""
        if not self._due and self._study.lines >= self._line:
            self._due = time.monotonic() + self._later
        return bool(self._due) and time.monotonic() >= self._due


def undisturbed(study: Study, database: str, artifacts: Path) -> list[Recorded]:
    """Run a study that nothing happens to.

    Raises:
        RuntimeError: it did not end with 0.
    """
    study.start()
    try:
        code = study.wait()
    finally:
        study.kill()
    if code:
        raise RuntimeError(f"the study by itself ended with {code}: {(study.folder / 'said').read_text()[-2000:]}")
    return tally.read(database, study.name, artifacts)


def run(site: Site, study: Study, deck: Deck, most: int, wanted: Sequence[Recorded], rng: random.Random) -> Round:
    """Run a study with faults, at most so many, until it has ended with 0, and compare what it has recorded."""
    done, began = Round(site.name, study.name), time.monotonic()
    passing: list[tuple[float, Callable[[], None]]] = []
    moments, again = Moments(study, rng), 0.0
    study.start()
    try:
        while time.monotonic() < began + LIMIT_S:
            passing = _ended(passing)
            if (code := study.code) is not None:
                if code == 0:
                    done.ended = True
                    break
                if not again:
                    study.note(f"ended with {code}")
                    again = time.monotonic() + AGAIN_S
                elif time.monotonic() >= again:
                    study.start()
                    again = 0.0
            elif done.faults.total() < most and moments.reached():
                if fault := _do(deck, site, study, rng, done):
                    passing.append((time.monotonic() + fault.seconds, fault.end))
                moments.draw()
            time.sleep(TICK_S)
    finally:
        study.kill()
        for _, end in passing:
            end()
    done.starts, done.seconds = study.starts, time.monotonic() - began
    done.counts = tally.tally(wanted, tally.read(site.database(study), study.name, site.folder / "artifacts"))
    return done


def _ended(passing: list[tuple[float, Callable[[], None]]]) -> list[tuple[float, Callable[[], None]]]:
    """End the faults that have lasted long enough; those that go on."""
    now, on = time.monotonic(), []
    for until, end in passing:
        if now >= until:
            end()
        else:
            on.append((until, end))
    return on


def _do(deck: Deck, site: Site, study: Study, rng: random.Random, done: Round) -> Passing | None:
    """Let the next fault happen, if there is something to hit."""
    name = deck.draw()
    try:
        fault = KINDS[name](site, study, rng)
    except Missed:
        deck.put_back(name)
        return None
    done.faults[name] += 1
    study.note(f"FAULT {name}" + (f" for {fault.seconds:.1f} s" if fault else ""))
    return fault
