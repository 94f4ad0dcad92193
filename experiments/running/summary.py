"""A study's results in rows: one for each experiment and framework, over its seeds."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from experiments.training.trial import Trial


class Row(NamedTuple):
    """The results of one experiment on one framework, over its seeds."""

    experiment: str
    framework: str
    n: int
    metric: str
    mean: float
    sd: float  # nan where n is 1
    epoch_s: float


def rows(trials: Sequence[Trial], names: Mapping[str, str], results: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """A row for each experiment and framework, in the order planned.

    Args:
        trials: the study's trials.
        names: of the experiments, by their fingerprints.
        results: the last metrics of the finished trials, by their fingerprints.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, float]]] = defaultdict(list)
    for trial in trials:
        if metrics := results.get(trial.fingerprint):
            groups[names[trial.spec.fingerprint], trial.framework, trial.spec.task.METRIC].append(metrics)
    return [_row(*key, metrics) for key, metrics in groups.items()]


def _row(experiment: str, framework: str, metric: str, results: list[Mapping[str, float]]) -> Row:
    if metric not in results[0]:  # a task that records another
        metric = min(name for name in results[0] if name.startswith("test/"))
    values = [metrics[metric] for metrics in results]
    sd = stdev(values) if len(values) > 1 else math.nan
    epoch_s = fmean(metrics.get("time/epoch_s", math.nan) for metrics in results)
    return Row(experiment, framework, len(values), metric, fmean(values), sd, epoch_s)
