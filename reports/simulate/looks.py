"""Made speed pages that are looked at several times: the pairs not yet apart are timed further in between.

A page has two twins and some cells, each in some forms of which the last is ``tuned``, as in ``reports/pages/speed``.
It asks, at every look anew: each form in both twins; in each twin ``tuned`` beside the fastest other form, and the
first form beside the fastest; and the fastest of one twin beside the other's. So which pairs are asked is chosen by the
very times that are judged, and pairs share variants.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from reports import statistics
from reports.simulate.rates import Simulation
from reports.statistics.ratios import USUAL_SD, Rounds

TWINS = 2


class Setting(NamedTuple):
    """A made page: its size, the planned rounds, and the most looks, each after as many rounds again."""

    cells: int
    forms: int
    rounds: int
    looks: int
    spread: float = 0.0  # of the variants' standard deviations, log-normal
    shared: float = 0.0  # the share of the variance that all variants in a process have in common


class Look(NamedTuple):
    """What a page says at one look, an array ``(studies, pairs)`` each."""

    top: np.ndarray  # places of variants
    bottom: np.ndarray
    decided: np.ndarray


def any_false(rng: Generator, studies: int, setting: Setting, ratio: float = 1.0) -> np.ndarray:
    """Whether any pair of equal steps has a winner at any look; the first cell's tuned form of one twin is faster."""
    truth = _truth(setting, ratio)
    false = (look.decided & (truth[look.top] == truth[look.bottom]) for look in _looks(rng, studies, setting, truth))
    return np.any([each.any(axis=-1) for each in false], axis=0)


def tuned_found(rng: Generator, studies: int, setting: Setting, ratio: float) -> np.ndarray:
    """Whether, at the last look, a tuned form that is so much faster than all others is faster than the fastest."""
    truth = _truth(setting, ratio)
    *_, last = _looks(rng, studies, setting, truth)
    asked = setting.cells * setting.forms  # the first pair after those of the same form in both twins
    return last.decided[:, asked]


def _truth(setting: Setting, ratio: float) -> np.ndarray:
    """Each variant's true logarithm: 0, and of the first cell's tuned form in the first twin lower by the ratio's."""
    truth = np.zeros((setting.cells, setting.forms, TWINS))
    truth[0, -1, 0] = -np.log(ratio)
    return truth.ravel()


def _looks(rng: Generator, studies: int, setting: Setting, truth: np.ndarray) -> Iterator[Look]:
    """Every look in turn; after it the pairs that are not decided get as many rounds again, and no other variant."""
    every = truth[:, None] + _scatter(rng, studies, setting)
    logs, study = np.full_like(every, np.nan), np.arange(studies)[:, None]
    wanted = np.ones(every.shape[:2], bool)
    for number in range(setting.looks):
        block = slice(number * setting.rounds, (number + 1) * setting.rounds)
        logs[..., block] = np.where(wanted[..., None], every[..., block], np.nan)
        look = _look(logs, setting)
        yield look
        wanted[:] = False
        for side in (look.top, look.bottom):
            np.logical_or.at(wanted, (study, side), ~look.decided)


def _scatter(rng: Generator, studies: int, setting: Setting) -> np.ndarray:
    """What variants' logarithms scatter by in each round, ``(studies, variants, rounds)``."""
    variants, rounds = setting.cells * setting.forms * TWINS, setting.rounds * setting.looks
    sd = USUAL_SD / np.sqrt(2)  # of one variant: a pair's is USUAL_SD where nothing is shared
    process = rng.normal(0, sd * np.sqrt(setting.shared), (studies, TWINS, rounds))
    sds = sd * np.sqrt(1 - setting.shared) * np.exp(rng.normal(0, setting.spread, (studies, variants, 1)))
    return process[:, np.arange(variants) % TWINS] + rng.normal(0, sds, (studies, variants, rounds))


def _look(logs: np.ndarray, setting: Setting) -> Look:
    """Judge the pairs that a page asks of the rounds so far, ``(studies, variants, rounds)``; NaN where not timed."""
    top, bottom = _asked(np.nanmedian(logs, axis=-1), setting)
    study = np.arange(len(logs))[:, None]
    apart = np.where((top == bottom)[..., None], np.nan, logs[study, top] - logs[study, bottom])  # itself is no pair
    n, sums = np.sum(~np.isnan(apart), axis=-1), np.nansum(apart, axis=-1)
    mean = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
    log_ratios = Rounds(n, mean, np.nansum((apart - mean[..., None]) ** 2, axis=-1))
    return Look(top, bottom, statistics.decided(statistics.moderated(log_ratios), setting.looks))


def _asked(middles: np.ndarray, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """The places of the variants of every pair, given the variants' medians ``(studies, variants)``."""
    shape = (len(middles), setting.cells, setting.forms, TWINS)
    places = np.broadcast_to(np.arange(middles.shape[1]), middles.shape).reshape(shape)
    middles = middles.reshape(shape)

    def fastest(among: slice) -> np.ndarray:
        chosen = middles[:, :, among].argmin(axis=2)[:, :, None]
        return np.take_along_axis(places[:, :, among], chosen, axis=2)[:, :, 0]

    best = fastest(slice(None))
    sides = [
        (places[..., 0], places[..., 1]),
        (fastest(slice(None, -1)), places[:, :, -1]),
        (places[:, :, 0], best),
        (best[..., 0], best[..., 1]),
    ]
    top, bottom = (np.concatenate([pair[side].reshape(len(middles), -1) for pair in sides], axis=1) for side in (0, 1))
    return top, bottom


#: The study ``speed`` on one task with one number of threads; one cell alone; and a page of few pairs.
SPEED, ALONE, SMALL = Setting(8, 6, 4, 3), Setting(1, 2, 4, 3), Setting(3, 3, 4, 3)


def simulations() -> list[Simulation]:
    """How often a page that is looked at three times calls a winner, falsely and rightly."""
    false, found = any_false, tuned_found
    settings = {"8 cells × 6 forms": SPEED, "3 × 3": SMALL, "1 × 2": ALONE}
    return [
        *(
            Simulation(f"a false winner at any of 3 looks, {name}", 0, 0.05, partial(false, setting=setting))
            for name, setting in settings.items()
        ),
        Simulation("the same, unequal spreads", 0, 0.05, partial(false, setting=SMALL._replace(spread=0.4))),
        Simulation("the same, one is 1.25 times faster", 0, 0.05, partial(false, setting=SMALL, ratio=1.25)),
        Simulation("the same, a process slows all alike", 0, 0.05, partial(false, setting=SMALL._replace(shared=0.7))),
        Simulation("2 planned rounds, unequal spreads", 0, 0.05, partial(false, setting=Setting(8, 6, 2, 3, 0.4))),
        Simulation("tuned 1.25 times is found, 3 looks, 1 × 2", 0.9, 1, partial(found, setting=ALONE, ratio=1.25)),
        Simulation("the same, 3 × 3", 0.8, 1, partial(found, setting=SMALL, ratio=1.25)),
        Simulation("the same, 8 × 6", 0.5, 0.8, partial(found, setting=SPEED, ratio=1.25)),
        Simulation("the same, 8 × 6, 1 look", 0, 0.1, partial(found, setting=SPEED._replace(looks=1), ratio=1.25)),
    ]
