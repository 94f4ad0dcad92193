"""Made speed pages: how often a winner is called, falsely and rightly."""

from functools import partial

import numpy as np
from numpy.random import Generator

from reports import statistics
from reports.simulate import looks
from reports.simulate.rates import Simulation
from reports.statistics.ratios import USUAL_SD, Rounds


def _rounds(rng: Generator, studies: int, pairs: int, rounds: int, spread: float) -> np.ndarray:
    """Log-ratios of equal steps, ``(studies, pairs, rounds)``; standard deviations differ by ``spread``, log-normal."""
    sds = USUAL_SD * np.exp(rng.normal(0, spread, (studies, pairs, 1)))
    return rng.normal(0, sds, (studies, pairs, rounds))


def any_false_winner(rng: Generator, studies: int, pairs: int, rounds: int, spread: float) -> np.ndarray:
    """Whether any of a page's pairs of equal steps has a winner: a variant against itself, many times."""
    return _decided(_rounds(rng, studies, pairs, rounds, spread)).any(axis=-1)


def busy_errs(rng: Generator, studies: int, pairs: int, sd: float, against_itself: int) -> np.ndarray:
    """Whether equal steps have a winner by one round on a machine that is less quiet than usual.

    ``against_itself`` further pairs compare a variant with itself, which shows how much the machine disturbs.
    """
    logs = rng.normal(0, sd, (studies, pairs + against_itself))
    log_ratios = Rounds(np.ones_like(logs), logs, np.zeros_like(logs))
    itself = np.arange(logs.shape[1]) >= pairs
    return statistics.decided(statistics.moderated(log_ratios, itself)).any(axis=-1)


def winner_found(rng: Generator, studies: int, pairs: int, rounds: int, ratio: float) -> np.ndarray:
    """Whether the one pair of a page whose steps differ by ``ratio`` has its winner."""
    wins = np.log(ratio) * (np.arange(pairs) == 0)[:, None]
    return _decided(_rounds(rng, studies, pairs, rounds, 0.0) + wins)[:, 0]


def lowest_to_highest_errs(rng: Generator, studies: int, rounds: int) -> np.ndarray:
    """Whether equal steps have a winner by the range of the rounds' own intervals, which no page uses."""
    logs, within = rng.normal(0, USUAL_SD, (studies, rounds)), 0.05  # half of the middle half of a process's steps
    return (logs > within).all(axis=1) | (logs < -within).all(axis=1)


def _decided(logs: np.ndarray) -> np.ndarray:
    mean = logs.mean(axis=-1)
    log_ratios = Rounds(np.full(mean.shape, logs.shape[-1]), mean, ((logs - mean[..., None]) ** 2).sum(axis=-1))
    return statistics.decided(statistics.moderated(log_ratios))


def simulations() -> list[Simulation]:
    """How often a speed page calls a winner, falsely and rightly."""
    false, found = any_false_winner, winner_found
    return [
        Simulation("a false winner in 38 pairs, 1 round", 0, 0.05, partial(false, pairs=38, rounds=1, spread=0.0)),
        Simulation("a false winner in 38 pairs, 2 rounds", 0, 0.05, partial(false, pairs=38, rounds=2, spread=0.0)),
        Simulation("the same, unequal spreads", 0, 0.05, partial(false, pairs=38, rounds=2, spread=0.4)),
        Simulation("a false winner in 38 pairs, 8 rounds", 0, 0.05, partial(false, pairs=38, rounds=8, spread=0.4)),
        Simulation(
            "1.25 times faster is found, 1 pair, 8 rounds", 0.9, 1, partial(found, pairs=1, rounds=8, ratio=1.25)
        ),
        Simulation("1.25 times, 38 pairs, 8 rounds", 0.6, 0.8, partial(found, pairs=38, rounds=8, ratio=1.25)),
        Simulation("2 times, 38 pairs, 2 rounds", 0.65, 0.85, partial(found, pairs=38, rounds=2, ratio=2.0)),
        Simulation(
            "1 round, 4 × the scatter, 2 A/A pairs", 0, 0.1, partial(busy_errs, pairs=38, sd=0.5, against_itself=2)
        ),
        Simulation(
            "not used: the same without A/A pairs", 0.6, 1, partial(busy_errs, pairs=38, sd=0.5, against_itself=0)
        ),
        Simulation("not used: range of 2 rounds has a winner", 0.15, 1, partial(lowest_to_highest_errs, rounds=2)),
        *looks.simulations(),
    ]
