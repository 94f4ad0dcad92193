"""The simulations of the statistics' errors, with fewer made studies than the benchmark: the intervals are wider."""

import numpy as np
import pytest

from reports import simulate
from reports.simulate import Simulation

STUDIES = 300


@pytest.mark.parametrize("simulation", simulate.simulations(), ids=lambda simulation: simulation.name)
def test_a_rate_reaches_its_range(simulation):
    simulated = simulate.rate(simulation, STUDIES)
    assert simulated.reaches(simulation), f"{simulation.name}: {simulated}, not {simulation.low} to {simulation.high}"


@pytest.mark.parametrize(("share", "low", "high"), [(0.74, 0.95, 0.95), (0.25, 0, 0.05), (0.4, 0.6, 1)])
def test_a_wrong_rate_is_found(share, low, high):
    wrong = Simulation("wrong", low, high, lambda rng, studies: rng.random(studies) < share)
    assert not simulate.rate(wrong, STUDIES).reaches(wrong)


def test_the_same_seed_gives_the_same_rate():
    simulation = simulate.simulations()[0]
    assert simulate.rate(simulation, 50) == simulate.rate(simulation, 50)


@pytest.mark.parametrize(("happens", "status"), [(True, 0), (False, 1)])
def test_a_miss_is_the_exit_status(monkeypatch, capsys, happens, status):
    certain = Simulation("certain", 1, 1, lambda rng, studies: np.full(studies, happens))
    monkeypatch.setattr(simulate, "simulations", lambda: [certain])
    assert simulate.main() == status
    assert ("MISSED" in capsys.readouterr().out) == bool(status)
