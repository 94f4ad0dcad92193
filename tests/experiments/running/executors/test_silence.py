"""The rule by which a worker counts as stuck, second by second; and that a process's usage tells what it does."""

import subprocess
import sys
import time

import psutil
import pytest
import toys

from experiments.running.executors.silence import BUSY, FACTOR, Pulse, Rhythm, Usage, usage

PATIENCE_S, HOUR_S = 600, 3_600
EVERY_S = 30
GUARD_S = 240  # a hang ends the test; nothing here is timed


class Worker:
    """A worker on a clock of its own: what it does at a moment is said beforehand."""

    def __init__(self, share: float = 0.0, working: bool = False) -> None:
        self.share, self.working = share, working  # of a core
        self.pulse, self._used = Pulse(self._usage, EVERY_S), 0.0

    def _usage(self) -> Usage:
        return Usage(self._used, self.working)

    def wait(self, seconds: int) -> Pulse:
        for _ in range(seconds // EVERY_S):
            self._used += self.share * EVERY_S
            self.pulse.wait(EVERY_S)
        return self.pulse


IDLE, DOZING = {}, {"share": 0.001}  # a deadlocked process whose other threads wake now and then
COMPUTING, STARVED = {"share": 1.0}, {"working": True}
BARELY = {"share": 0.02}


@pytest.mark.parametrize(
    ("worker", "seconds", "stuck"),
    [
        (IDLE, PATIENCE_S, False),
        (IDLE, PATIENCE_S + EVERY_S, True),
        (DOZING, PATIENCE_S + EVERY_S, True),
        (COMPUTING, HOUR_S, False),
        (BARELY, HOUR_S, False),
        (STARVED, HOUR_S, False),
        (COMPUTING, BUSY * PATIENCE_S, False),
        (COMPUTING, BUSY * PATIENCE_S + EVERY_S, True),
        (STARVED, BUSY * PATIENCE_S + EVERY_S, True),
    ],
)
def test_silence_is_bounded_and_stillness_more_so(worker, seconds, stuck):
    assert Rhythm(PATIENCE_S).stuck(toys.trial(), Worker(**worker).wait(seconds)) is stuck


def test_what_was_computed_before_a_deadlock_does_not_count():
    worker = Worker(share=1.0)
    worker.wait(HOUR_S)
    worker.share = 0.0
    assert not Rhythm(PATIENCE_S).stuck(toys.trial(), worker.wait(PATIENCE_S))
    assert Rhythm(PATIENCE_S).stuck(toys.trial(), worker.wait(EVERY_S))


def test_a_word_ends_a_silence():
    worker = Worker()
    worker.wait(PATIENCE_S)
    worker.pulse.beat()
    assert not Rhythm(PATIENCE_S).stuck(toys.trial(), worker.wait(PATIENCE_S))


@pytest.mark.parametrize(("worker", "seen"), [(IDLE, 500), (COMPUTING, 2 * HOUR_S)])
def test_a_silence_that_ended_well_makes_the_next_limit_of_its_kind_longer(worker, seen):
    rhythm, seconds = Rhythm(PATIENCE_S), seen // EVERY_S * EVERY_S
    rhythm.learn(toys.trial(seed=0), Worker(**worker).wait(seconds))
    rhythm.learn(toys.trial(seed=0), Worker(**worker).wait(EVERY_S))  # a shorter one takes nothing back
    longer = Worker(**worker)
    assert not rhythm.stuck(toys.trial(seed=1), longer.wait(FACTOR * seconds))
    assert rhythm.stuck(toys.trial("pytorch"), longer.pulse)
    assert rhythm.stuck(toys.trial(seed=1), longer.wait(EVERY_S))


def test_a_long_computation_makes_no_stillness_usual():
    rhythm = Rhythm(PATIENCE_S)
    rhythm.learn(toys.trial(), Worker(share=1.0).wait(HOUR_S))
    assert rhythm.stuck(toys.trial(), Worker().wait(PATIENCE_S + EVERY_S))


def test_usage_counts_what_a_process_s_children_compute():
    """A process that waits for a compiler, as it were."""
    compiler = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen([sys.executable, "-c", f"import subprocess; subprocess.run({compiler})"]) as waiting:
        process, until = psutil.Process(waiting.pid), time.monotonic() + GUARD_S
        while usage(waiting.pid).seconds < sum(process.cpu_times()[:2]) + 0.5 and time.monotonic() < until:
            time.sleep(0.05)
        used = usage(waiting.pid)
        for each in (*process.children(), process):
            each.kill()
    assert used.working
    assert time.monotonic() < until


def test_a_process_that_is_gone_does_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert usage(child.pid) == Usage(0.0, False)
