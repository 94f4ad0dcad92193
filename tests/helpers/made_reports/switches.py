"""Made-up trials of a study that switches defaults, with known effects."""

import numpy as np
from made_reports import toys

from experiments.study.defaults import LEVELS, Defaults
from experiments.training.trial import Trial
from reports.data.results import Results

EFFECTS = {"embedding": -4.0, "dropout": 2.0, "adam": 0.0}
TOGETHER = 1.0  # of embedding and dropout
SETTING = {"task": "imdb", "network": {"cell": "lstm", "form": "layer"}, "training": {"epochs": 2}}
SEEDS = 8


def table(**fields) -> Defaults:
    return Defaults.model_validate(SETTING | {"fields": list(EFFECTS), "seeds": SEEDS, "both": 0.2} | fields)


def planned(*tables: Defaults) -> list[Trial]:
    made = [
        Trial(spec, name, f"{name} 1.0", seed, toys.REVIEWS)
        for each in tables
        for spec in each.specs(None, "")
        for name, seed in each.trials(spec)
    ]
    return list({trial.fingerprint: trial for trial in made}.values())


def run(trial: Trial, left: float = 1.0) -> toys.Run:
    """Its accuracy is the sum of the effects, a seed's own level and noise that both twins share.

    Args:
        trial: planned.
        left: of the effects after the last epoch; after the first they are whole.
    """
    signs = {owner: level for level, owner in LEVELS.items()}
    x = {name: signs[trial.spec.conventions.owner(name, "keras")] for name in EFFECTS}
    noise = np.random.default_rng([trial.seed, *(level + 1 for level in x.values())]).normal(0, 0.1)
    made = toys.run_of(trial)
    effect = sum(effect * x[name] / 2 for name, effect in EFFECTS.items())
    effect += TOGETHER * x["embedding"] * x["dropout"] / 2
    for part, epoch in zip(np.linspace(1, left, len(made.epochs)), made.epochs, strict=True):
        epoch["test/accuracy"] = (75 + trial.seed + part * effect + noise) / 100
    return made


def results(trials: list[Trial], left: float = 1.0) -> Results:
    return toys.results(trials, [run(trial, left) for trial in trials])
