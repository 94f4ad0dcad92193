"""Made studies of accuracies, effects and replications: coverage, errors and power of their statistics."""

from functools import partial

import numpy as np
from numpy.random import Generator

from experiments.study import factorial
from reports import statistics
from reports.simulate.rates import Simulation
from reports.statistics import MARGIN, Estimate
from reports.statistics import factorial as effects
from reports.statistics.intervals import Moment
from reports.statistics.replication import Claim, judge

SD = 0.9  # of one seed's accuracy, in points: about what IMDB's stock trials have
EFFECTS = (-4.0, 0.0, 1.0, -0.5, 0.0, 2.0, 0.0, 0.5)  # of eight fields, in points
PAIR = 1.5  # of the first field and the sixth
SPREADS = np.array([1.0, 0.4])  # two frameworks need not have the same


def _covers(estimate: Estimate, truth: float) -> np.ndarray:
    return (estimate.low <= truth) & (truth <= estimate.high)


def _samples(rng: Generator, studies: int, seeds: tuple[int, int], difference: float, spreads) -> list[np.ndarray]:
    """Two frameworks' accuracies, each ``(studies, seeds)``, whose means lie ``difference`` apart."""
    means = (80 + difference, 80)
    return [rng.normal(*each, (studies, n)) for *each, n in zip(means, spreads, seeds, strict=True)]


def mean_covers(rng: Generator, studies: int, seeds: int) -> np.ndarray:
    """The t interval of a mean."""
    return _covers(statistics.mean(rng.normal(80, SD, (studies, seeds))), 80)


def difference_covers(rng: Generator, studies: int, seeds: tuple[int, int]) -> np.ndarray:
    """Welch's interval of a difference of frameworks that spread differently."""
    return _covers(statistics.difference(*_samples(rng, studies, seeds, 3.0, SPREADS)), 3.0)


def _table(rng: Generator, studies: int, cells: int, seeds: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stock accuracies of both frameworks, and imposed differences, ``(studies, cells, seeds)``; residual −3 points.

    A seed moves all cells together, and each cell by itself; imposed twins differ by a little rounding.
    """
    shape = (studies, cells, seeds)

    def side(mean: float, spread: float) -> np.ndarray:
        return mean + rng.normal(0, spread, (studies, 1, seeds)) + rng.normal(0, spread / 2, shape)

    twins = np.moveaxis(rng.normal(0, 0.05, (2, *shape)), 0, -2)
    keras, pytorch = (statistics.merge_twins(side(mean, 0.6)[..., None, :] + twins) for mean in (84, 74))
    return side(84, SPREADS[0]), side(77, SPREADS[1]), keras - pytorch


def residual_covers(rng: Generator, studies: int, cells: int, seeds: int) -> np.ndarray:
    """The reconstruction's residual, averaged over cells within each seed."""
    parts = (statistics.merge_cells(part) for part in _table(rng, studies, cells, seeds))
    return _covers(statistics.reconstruct(*parts).residual, -3.0)


def unblocked_covers(rng: Generator, studies: int, cells: int, seeds: int) -> np.ndarray:
    """The same with the cells of a seed counted as independent, which no page does."""
    parts = (part.reshape(studies, -1) for part in _table(rng, studies, cells, seeds))
    return _covers(statistics.reconstruct(*parts).residual, -3.0)


def bootstrap_covers(rng: Generator, studies: int, seeds: int) -> np.ndarray:
    """The percentile bootstrap of a mean (Efron 1979), which no page uses."""
    values = rng.normal(80, SD, (studies, seeds))
    drawn = np.take_along_axis(values[:, None], rng.integers(seeds, size=(studies, 500, seeds)), axis=-1).mean(axis=-1)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=-1)
    return _covers(Estimate(values.mean(axis=-1), low, high, seeds), 80)


def paired_equal(rng: Generator, studies: int, seeds: int, difference: float) -> np.ndarray:
    """Equality shown by paired differences."""
    values = rng.normal(difference, SD, (studies, seeds))
    return statistics.equivalence(statistics.moment(values)) < statistics.LEVEL


def independent_equal(rng: Generator, studies: int, seeds: int, difference: float) -> np.ndarray:
    """Equality shown by independent samples."""
    sides = map(statistics.moment, _samples(rng, studies, (seeds, seeds), difference, (SD, SD)))
    return statistics.equivalence(statistics.welch(*sides)) < statistics.LEVEL


def any_false(rng: Generator, studies: int, truths: tuple[float, ...], controlled: bool) -> np.ndarray:
    """A false verdict on any of a page's comparisons: equal beyond the margin, or different at 0."""
    values = rng.normal(np.array(truths)[:, None], SD / 2, (studies, len(truths), 8))
    part = statistics.moment(values)
    tests = np.stack([statistics.equivalence(part), statistics.significance(part)], axis=-1)  # (studies, truths, 2)
    if controlled:
        tests = np.array([statistics.adjust(study) for study in tests.tolist()])
    wrong = np.stack([np.abs(truths) >= MARGIN, np.array(truths) == 0], axis=-1)
    return ((tests < statistics.LEVEL) & wrong).any(axis=(1, 2))


def _design(rng: Generator, studies: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Levels of the eight-field design, and outcomes ``(studies, seeds, arms)`` with known effects and pairs."""
    levels = factorial.factorial(len(EFFECTS))
    arms = levels @ np.array(EFFECTS) / 2 + PAIR * levels[:, 0] * levels[:, 5] / 2
    slopes = rng.normal(0, 0.3, (studies, seeds, len(EFFECTS)))  # an effect is not the same in every seed
    return levels, 75 + rng.normal(0, SD, (studies, seeds, len(levels))) + arms + slopes @ levels.T / 2


def effect_covers(rng: Generator, studies: int, seeds: int, fields: tuple[int, ...]) -> np.ndarray:
    """The interval of one field's effect, or of a pair's, in a design of resolution V."""
    levels, outcomes = _design(rng, studies, seeds)
    truth = EFFECTS[fields[0]] if len(fields) == 1 else PAIR * (fields == (0, 5))
    return _covers(statistics.mean(effects.contrasts(levels, outcomes, fields)), truth)


def effects_cover_together(rng: Generator, studies: int, seeds: int, members: int) -> np.ndarray:
    """Whether the intervals of all eight fields cover at once; each is one of ``members``."""
    levels, outcomes = _design(rng, studies, seeds)
    samples = (effects.contrasts(levels, outcomes, (field,)) for field in range(len(EFFECTS)))
    covered = [_covers(statistics.mean(sample, members), truth) for sample, truth in zip(samples, EFFECTS, strict=True)]
    return np.all(covered, axis=0)


def prediction_covers(rng: Generator, studies: int, seeds: int, fields: tuple[int, ...]) -> np.ndarray:
    """The predicted change of PyTorch's corner when these fields, of which the first acts in a pair, are Keras's."""
    levels, outcomes = _design(rng, studies, seeds)
    end = [-1 if field in fields else 1 for field in range(len(EFFECTS))]
    truth = -sum(EFFECTS[field] for field in fields) - PAIR * (len({0, 5} & set(fields)) == 1)
    return _covers(statistics.mean(effects.predicted(levels, outcomes, [1] * len(EFFECTS), end)), truth)


def effect_errs(rng: Generator, studies: int, seeds: int) -> np.ndarray:
    """Whether any field without effect is said to move the outcome, or any with one as large as the margin not to."""
    levels, outcomes = _design(rng, studies, seeds)
    wrong = ["moves" if not truth else "does not" if abs(truth) >= effects.EFFECT_MARGIN else "" for truth in EFFECTS]
    all_verdicts = [[effect.verdict for effect in effects.main_effects(levels, study)] for study in outcomes]
    return np.array([any(map(str.__eq__, verdicts, wrong)) for verdicts in all_verdicts])


def replication_fails(rng: Generator, studies: int, seeds: int, claims: int) -> np.ndarray:
    """Whether any claim of a difference fails in a second study of the same truth."""
    pairs = [[_claims(rng, studies, seeds) for _ in range(claims)] for _ in range(2)]
    return np.array(
        [
            "FAIL" in judge(*([_claim(part, seeds, study) for part in parts] for parts in pairs))
            for study in range(studies)
        ]
    )


def _claims(rng: Generator, studies: int, seeds: int) -> Moment:
    return statistics.welch(*map(statistics.moment, _samples(rng, studies, (seeds, seeds), 3.0, SPREADS)))


def _claim(part: Moment, seeds: int, study: int) -> Claim:
    return Claim("made", "difference", Moment(*(float(value[study]) for value in part)), seeds)


def reviews_cover(rng: Generator, studies: int, reviews: int) -> np.ndarray:
    """The interval that a test set's size leaves."""
    shares = rng.binomial(reviews, 0.82, studies) / reviews
    half = np.array([statistics.binomial_half(share, reviews) for share in shares])
    return np.abs(100 * shares - 82) <= half


def _powers() -> list[Simulation]:
    """Power as computed against power as simulated, and the seeds that a power needs."""
    made = []
    for seeds in (3, 8, 20):
        for name, run, sides in (("paired", paired_equal, 1), ("independent", independent_equal, 2)):
            power = statistics.power(sides * SD**2 / seeds, sides * (seeds - 1))
            title = f"TOST power, {name}, n = {seeds}: {power:.3f} computed"
            made.append(Simulation(title, power - 0.015, power + 0.015, partial(run, seeds=seeds, difference=0.0)))
    needed = statistics.seeds_needed((SD**2, SD**2))
    title = f"TOST power with the seeds for 80%, n = {needed}"
    return [*made, Simulation(title, 0.8, 0.85, partial(independent_equal, seeds=needed, difference=0.0))]


def _intervals() -> list[Simulation]:
    """Coverage: exact methods have one value, approximate ones some room."""
    mean, welch, residual = mean_covers, difference_covers, residual_covers
    together, prediction = effects_cover_together, prediction_covers
    return [
        Simulation("t interval covers, n = 3", 0.95, 0.95, partial(mean, seeds=3)),
        Simulation("Welch interval covers, n = 3 and 3", 0.94, 0.98, partial(welch, seeds=(3, 3))),
        Simulation("Welch interval covers, n = 3 and 6", 0.93, 0.97, partial(welch, seeds=(3, 6))),
        Simulation("Welch interval covers, n = 20 and 20", 0.945, 0.955, partial(welch, seeds=(20, 20))),
        Simulation("residual covers, 1 cell, n = 3", 0.94, 0.98, partial(residual, cells=1, seeds=3)),
        Simulation("residual covers, 1 cell, n = 20", 0.945, 0.955, partial(residual, cells=1, seeds=20)),
        Simulation("pooled residual covers, 3 cells, n = 3", 0.94, 0.98, partial(residual, cells=3, seeds=3)),
        Simulation("pooled residual covers, 3 cells, n = 20", 0.945, 0.955, partial(residual, cells=3, seeds=20)),
        Simulation("a field's effect is covered, n = 8", 0.93, 0.97, partial(effect_covers, seeds=8, fields=(0,))),
        Simulation("a field without effect, n = 8", 0.93, 0.97, partial(effect_covers, seeds=8, fields=(1,))),
        Simulation("a pair's effect is covered, n = 8", 0.93, 0.97, partial(effect_covers, seeds=8, fields=(0, 5))),
        Simulation("a pair without effect, n = 8", 0.93, 0.97, partial(effect_covers, seeds=8, fields=(1, 2))),
        Simulation("eight fields' effects at once, n = 8", 0.94, 0.98, partial(together, seeds=8, members=8)),
        Simulation("three fields' predicted change, n = 8", 0.93, 0.97, partial(prediction, seeds=8, fields=(0, 2, 3))),
        Simulation("two that act together, n = 8", 0.93, 0.97, partial(prediction, seeds=8, fields=(0, 5))),
        Simulation("test set's interval covers, 5,000 reviews", 0.94, 0.96, partial(reviews_cover, reviews=5_000)),
    ]


def _errors() -> list[Simulation]:
    """How often equality, or any verdict of a page, is shown falsely."""
    at_margin, mixed = (MARGIN,) * 9, (MARGIN,) * 3 + (0.0,) * 3 + (0.5,) * 3
    paired, independent = partial(paired_equal, difference=MARGIN), partial(independent_equal, difference=MARGIN)
    return [
        Simulation("TOST errs at the margin, paired, n = 3", 0, 0.05, partial(paired, seeds=3)),
        Simulation("TOST errs at the margin, paired, n = 20", 0, 0.05, partial(paired, seeds=20)),
        Simulation("TOST errs at the margin, n = 3", 0, 0.05, partial(independent, seeds=3)),
        Simulation("TOST errs at the margin, n = 20", 0, 0.05, partial(independent, seeds=20)),
        Simulation("Holm: any of 9 errs at the margin", 0, 0.05, partial(any_false, truths=at_margin, controlled=True)),
        Simulation("effects: any of 8 verdicts errs, n = 8", 0, 0.05, partial(effect_errs, seeds=8)),
        Simulation("replication: any of 9 fails, n = 3", 0, 0.05, partial(replication_fails, seeds=3, claims=9)),
        Simulation("replication: any of 9 fails, n = 20", 0, 0.05, partial(replication_fails, seeds=20, claims=9)),
        Simulation("Holm: any of 9 errs, mixed truths", 0, 0.05, partial(any_false, truths=mixed, controlled=True)),
    ]


def _controls() -> list[Simulation]:
    """Methods that no page uses, to show that a simulation finds their faults."""
    mixed = (MARGIN,) * 3 + (0.0,) * 3 + (0.5,) * 3
    together = effects_cover_together
    return [
        Simulation("not used: no Holm, any of 9 errs", 0.15, 1, partial(any_false, truths=mixed, controlled=False)),
        Simulation("not used: eight intervals, each at 95%", 0, 0.9, partial(together, seeds=8, members=1)),
        Simulation("not used: cells as independent, n = 3", 0, 0.9, partial(unblocked_covers, cells=3, seeds=3)),
        Simulation("not used: percentile bootstrap, n = 3", 0, 0.9, partial(bootstrap_covers, seeds=3)),
    ]


def simulations() -> list[Simulation]:
    """Every rate with its range."""
    return [*_intervals(), *_errors(), *_powers(), *_controls()]
