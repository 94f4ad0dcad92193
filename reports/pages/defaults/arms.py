"""What a study holds of the question: for each setting the fields that were switched, and each arm's outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from experiments.conventions import TABLE, Owner
from experiments.study.factorial import MOST_FIELDS, alone, factorial
from experiments.tasks import MODULES
from experiments.twins import TWINS
from reports.data.cached import cached_by_results
from reports.data.comparable import CELLS, ordered
from reports.data.results import Results
from reports.html.format import count
from reports.statistics.factorial import EFFECT_MARGIN

Levels = tuple[int, ...]  # −1 Keras's, +1 PyTorch's, of each field in order
ACCURACY = "test/accuracy"
LOG_MARGIN = 0.1  # of a logarithm of base 10: an error a quarter larger or smaller
CELL_TITLES = {"simple_rnn": "a SimpleRNN", "lstm": "an LSTM", "gru": "a GRU"}
TASK_TITLES = {"imdb": "IMDB", "digits": "the digits", "sine": "the sine"}
OWNERS: dict[str, Owner | None] = {"k": "keras", "p": "pytorch", "-": None}  # as ``owners`` writes them


@dataclass(frozen=True)
class Switches:
    """One setting: a task, cell and training, its fields switched between the two conventions."""

    task: str
    cell: str
    setting: str
    fields: tuple[str, ...]
    rows: pd.DataFrame  # a row for each trial and epoch: levels, framework, seed, epoch, outcome, spec_fingerprint
    fixed: Mapping[str, Owner] = field(default_factory=dict)  # fields that act and are never switched

    @property
    def name(self) -> str:
        """Its anchor on the page."""
        return f"{self.task}-{self.cell}-{self.last}" + f"-{len(self.fields)}-fields" * bool(self.fixed)

    @property
    def title(self) -> str:
        """What was trained, and for how long, such as ``an LSTM on IMDB, 2 epochs``."""
        padded = " with padding" * ("padding_side" in self.fields)
        return f"{CELL_TITLES.get(self.cell, self.cell)} on {self.where}{padded}, {count(self.last, 'epoch')}"

    @property
    def where(self) -> str:
        """The task's title."""
        return TASK_TITLES.get(self.task, self.task)

    @property
    def last(self) -> int:
        """The last epoch."""
        return int(self.rows.epoch.max())

    @property
    def unit(self) -> str:
        """Of an effect; of errors a logarithm, so that one unit is a tenth of the error."""
        return "points" if self.scored else f"log₁₀(1/{self.error})"

    @property
    def error(self) -> str:
        """The metric in words, where it is an error."""
        return self.metric.partition("/")[2].replace("_mse", " MSE").replace("_", " ")

    @property
    def metric(self) -> str:
        """The task's main metric, by its MLflow name."""
        return MODULES[self.task].SPEC.METRIC

    @property
    def scored(self) -> bool:
        """Whether the outcome is an accuracy, else the negative logarithm of an error: of both more is better."""
        return self.metric == ACCURACY

    @property
    def margin(self) -> float:
        """Effects within it are shown not to matter."""
        return EFFECT_MARGIN if self.scored else LOG_MARGIN

    @property
    def epochs(self) -> list[int]:
        """The epochs to read: the last, and before it 1, 2, 5 and 10."""
        return [epoch for epoch in (1, 2, 5, 10) if epoch < self.last] + [self.last] if self.scored else [self.last]

    @cached_property
    def framework(self) -> str:
        """The twin that trained the most arms."""
        return self.rows.drop_duplicates(["levels", "seed", "framework"]).framework.value_counts().index[0]

    def outcomes(self, levels: np.ndarray, epoch: int) -> np.ndarray:
        """The outcome in every arm, ``(seeds, arms)``, of the seeds that have run in all of them."""
        chosen = self.rows[(self.rows.framework == self.framework) & (self.rows.epoch == epoch)]
        means = dict(chosen.groupby(["seed", "levels"]).outcome.mean().items())
        arms = list(map(tuple, levels))
        table = [[means.get((seed, arm), np.nan) for arm in arms] for seed in sorted(set(chosen.seed))]
        whole = np.array(table, float).reshape(-1, len(arms))
        return whole[~np.isnan(whole).any(axis=1)]

    @property
    def design(self) -> np.ndarray | None:
        """The factorial design, if it was planned; ``(arms, fields)``."""
        levels = factorial(len(self.fields))
        return levels if set(map(tuple, levels)) <= set(self.rows.levels) else None

    def start(self, corner: int) -> np.ndarray | None:
        """A corner and each field alone in from it, if planned; ``(1 + fields, fields)``."""
        levels = alone(len(self.fields), corner)
        return levels if set(map(tuple, levels)) <= set(self.rows.levels) else None

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The last outcome of both twins, a row for each arm and seed that both have run."""
        last = self.rows[self.rows.epoch == self.last]
        means = last.groupby(["spec_fingerprint", "seed", "framework"]).outcome.mean()
        return means.unstack("framework").reindex(columns=list(TWINS)).dropna()


@cached_by_results
def settings(results: Results) -> list[Switches]:
    """Every setting of the study in which fields were switched one by one: reviews first, then by cell, most fields."""
    trials = results.trials[results.trials.owners.str.len() > 0]
    switches = [
        _of(key, part, results) for key, part in trials.groupby(["task", "cell", "form", "setting"], sort=False)
    ]
    known = [each for each in switches if each]
    tasks = ordered((each.task for each in known), ("imdb",))
    cells = ordered((each.cell for each in known), CELLS)
    return sorted(
        known, key=lambda each: (tasks.index(each.task), cells.index(each.cell), -len(each.fields), each.last)
    )


def _of(key: tuple[str, ...], trials: pd.DataFrame, results: Results) -> Switches | None:
    """None where the conventions' fields were not switched one by one."""
    owners = np.array([list(text) for text in trials.owners.unique()])
    moved = [place for place in range(owners.shape[1]) if len(set(owners[:, place])) > 1]
    if not 1 < len(moved) <= MOST_FIELDS or (len(moved) > 1 and len(owners) <= len(moved)):
        return None
    rows = _outcomes(key[0], trials, results.history).dropna(subset="outcome")
    rows = rows.assign(levels=[tuple(1 if text[place] == "p" else -1 for place in moved) for text in rows.owners])
    if rows.empty:
        return None
    task, cell, _, setting = key
    names = list(TABLE)
    fixed = {names[place]: OWNERS[owners[0, place]] for place in range(len(names)) if place not in moved}
    held = {name: owner for name, owner in fixed.items() if owner}
    return Switches(task, cell, setting, tuple(names[place] for place in moved), rows, held)


def _outcomes(task: str, trials: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """A row for each trial and epoch with accuracy in per cent; of errors the negative logarithm of the last one.

    Of both more is better. Errors are not among the histories that are read.
    """
    metric = MODULES[task].SPEC.METRIC
    if metric == ACCURACY:
        rows = history[history.fingerprint.isin(trials.fingerprint)]
        return rows.assign(outcome=100 * rows[metric].astype(float))
    values = trials.get(metric, pd.Series(np.nan, trials.index)).where(trials.state == "done").astype(float)
    return trials.assign(epoch=trials.epochs, outcome=-np.log10(values.where(values > 0)))
