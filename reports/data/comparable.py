"""Which trials belong beside each other: only equal settings are compared."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from experiments import cells
from experiments.twins import FRAMEWORKS as FACTS
from experiments.twins import TWINS
from reports.data.cached import cached_by_results, of_task
from reports.data.results import BASES, Results

FRAMEWORKS = tuple(FACTS)
CELLS = tuple(cells.CELLS)
FORMS = ("layer", "cell_loop", "unrolled", "wrapped", "scratch", "tuned")


def ordered(values: Iterable[str], order: Sequence[str]) -> list[str]:
    """Distinct values, those of ``order`` first and in its order, the rest as they come."""
    distinct = list(dict.fromkeys(values))
    return [*(item for item in order if item in distinct), *(item for item in distinct if item not in order)]


def experiments(trials: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each experiment's fingerprint and trials, sorted by task, cell, form and conventions."""
    orders = {"task": (), "cell": CELLS, "form": FORMS, "conventions": BASES}
    rank = {column: ordered(trials[column], order) for column, order in orders.items()}
    firsts = trials.drop_duplicates("spec_fingerprint")
    of_columns = zip(*(map(rank[column].index, firsts[column]) for column in orders), strict=True)
    places = dict(zip(firsts.spec_fingerprint, of_columns, strict=True))
    return sorted(trials.groupby("spec_fingerprint", sort=False), key=lambda item: places[item[0]])


def designed(trials: pd.DataFrame) -> pd.Series:
    """Which trials override single fields: arms of a design, which the defaults page reads."""
    return trials.conventions.str.contains("+", regex=False)


def layer_table(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials of the framework × conventions table: IMDB, form ``layer``, one setting a cell.

    Where a cell has several settings, the one with the most of the three conventions is taken, then of trials. Cells
    under a single one have nothing to compare, and are left out while others do.
    """
    layers = trials[(trials.task == "imdb") & (trials.form == "layer") & ~designed(trials)]
    richest = _richest(layers, "conventions", BASES)
    several = richest.groupby("cell").conventions.nunique().loc[lambda count: count > 1].index
    return richest[richest.cell.isin(several)] if len(several) else richest


@cached_by_results
def reviews(results: Results) -> Results:
    """A study's trials on IMDB alone."""
    return of_task(results, "imdb")


@cached_by_results
def layers(results: Results) -> pd.DataFrame:
    """A study's trials of the framework × conventions table."""
    return layer_table(results.trials)


def _richest(trials: pd.DataFrame, column: str, wanted: Sequence[str]) -> pd.DataFrame:
    """Each cell's setting with the most of the wanted values, then of trials."""
    if trials.empty:
        return trials
    keys = ["cell", "setting"]
    known = trials[trials[column].isin(wanted)].groupby(keys, sort=False)[column].nunique()
    rank = pd.DataFrame({"known": known, "trials": trials.groupby(keys, sort=False).size()}).fillna(0).reset_index()
    rank = rank.sort_values(["known", "trials"], ascending=False, kind="stable").drop_duplicates("cell")
    return trials[trials.setting == trials.cell.map(rank.set_index("cell").setting)]


def pairs(trials: pd.DataFrame, value: str = "accuracy") -> pd.DataFrame:
    """The twins' values side by side, a row for each experiment and seed that both have done."""
    done = trials[(trials.state == "done") & trials.framework.isin(TWINS)]
    wide = done.pivot(index=["spec_fingerprint", "seed"], columns="framework", values=value)
    return wide.reindex(columns=list(TWINS)).astype(float).dropna()


def sample(trials: pd.DataFrame, framework: str, value: str = "accuracy") -> np.ndarray:
    """One framework's values, a seed each."""
    if value not in trials:
        return np.array([])
    # As arrays, which takes a tenth of pandas's time: a page asks hundreds of times.
    chosen = (trials["state"].to_numpy() == "done") & (trials["framework"].to_numpy() == framework)
    values = trials[value].to_numpy(float)[chosen]
    return values[~np.isnan(values)]
