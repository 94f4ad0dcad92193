"""As much of a study as fits into some minutes."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.study.phases import PHASES
from experiments.tracking.budget import START_S, within
from experiments.tracking.durations import Estimate

NAMES = [phase.name for phase in PHASES]


class Made:
    """Each job takes the seconds that it is."""

    def estimate(self, study, phase, jobs, workers):
        return Estimate(sum(jobs) / workers, 0)


def jobs_of(**phases):
    return {name: phases.get(name, []) for name in NAMES}


@given(st.fixed_dictionaries({name: st.lists(st.floats(0.1, 50), max_size=12) for name in NAMES}), st.floats(16, 900))
def test_the_first_jobs_of_every_phase_are_taken_and_fit(missing, seconds):
    found = within(seconds, "toy", missing, Made(), 2)
    assert all(found[name] == missing[name][: len(found[name])] for name in NAMES)
    whole, taken = (sum(map(sum, jobs.values())) / 2 for jobs in (missing, found))
    if whole <= seconds - START_S:
        assert found == missing
    else:
        assert taken <= seconds - START_S + 1e-6
        for name in NAMES:  # the next job of a phase would exceed its share
            more = missing[name][: len(found[name]) + 1]
            share = sum(missing[name]) * (seconds - START_S) / (2 * whole)
            assert found[name] == missing[name] or sum(more) > share - 1e-6


def test_every_phase_has_its_share():
    missing = jobs_of(training=[10.0] * 60, traps=[10.0] * 20, speed=[10.0] * 20)
    found = within(START_S + 500, "toy", missing, Made(), 1)
    assert [len(found[name]) for name in ("training", "traps", "speed")] == [30, 10, 10]


@pytest.mark.parametrize("seconds", [60, 0])
def test_nothing_is_missing(seconds):
    assert within(seconds, "toy", jobs_of(), SimpleNamespace(), 1) == jobs_of()
