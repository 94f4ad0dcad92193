"""Simulate the statistics' errors: ``python -m reports.simulate`` makes 2,000 studies for each, and exits 1 on a miss.

Every made study has a known truth. A rate, such as how often an interval covers that truth, passes where its own
interval (Wilson 1927, at 99.9%) reaches the range that it must lie in.
"""

from reports.simulate import studies, winners
from reports.simulate.rates import STUDIES, Rate, Simulation, rate

__all__ = ["STUDIES", "Rate", "Simulation", "main", "rate", "simulations"]


def simulations() -> list[Simulation]:
    """Every rate with its range."""
    return [*studies.simulations(), *winners.simulations()]


def main() -> int:
    """Print the table; 1 where a rate misses its range."""
    missed = 0
    print(f"{STUDIES:,} simulated studies each\n\n{'':48}   rate   99.9% interval   must lie in")
    for simulation in simulations():
        simulated = rate(simulation)
        hit = simulated.reaches(simulation)
        missed += not hit
        allowed = f"{simulation.low:.3f} to {simulation.high:.3f}"
        verdict = "" if hit else "   MISSED"
        print(f"{simulation.name:48}  {simulated}  {allowed}{verdict}")
    print(f"\n{missed} missed")
    return int(missed > 0)
