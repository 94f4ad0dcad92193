"""How much of the stock difference the conventions explain: the evidence for each cell, and what it lets us say."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.twins import TWINS
from reports import statistics
from reports.data.comparable import CELLS, layer_table, ordered, pairs, sample
from reports.data.results import IMPOSED, Results
from reports.html.blocks import Block, Cell, Column, Prose, Table
from reports.html.format import (
    NONE,
    bracketed,
    count,
    estimate_cell,
    listed,
    n_of,
    name,
    number,
    percent,
    probability,
    shortfall,
)
from reports.statistics import MARGIN, Contrast, Estimate


@dataclass(frozen=True)
class Evidence:
    """One cell's test accuracies in per cent: under stock, paired differences by conventions, and by framework."""

    cell: str
    stock: Contrast  # tf2's seeds, pytorch's seeds
    imposed: dict[str, np.ndarray]  # conventions -> tf2 minus pytorch, paired by seed
    defaults: dict[str, Contrast]  # framework -> its seeds under pytorch's, under keras's conventions

    @property
    def comparable(self) -> bool:
        """Whether both twins have run under stock and, with one seed at least in common, each imposed convention."""
        return all(len(part) for part in (*self.stock, *self.imposed.values()))

    @property
    def contrasts(self) -> list[Contrast]:
        """The imposed differences as contrasts."""
        return [(values, None) for values in self.imposed.values()]

    @property
    def difference(self) -> Estimate:
        """tf2 minus pytorch under stock, where the seeds are independent."""
        return statistics.difference(*self.stock)


def evidence(trials: pd.DataFrame) -> list[Evidence]:
    """The evidence of each cell in the framework × conventions table."""
    chosen = layer_table(trials)
    return [_of_cell(cell, chosen[chosen.cell == cell]) for cell in ordered(chosen.cell, CELLS)]


def _of_cell(cell: str, rows: pd.DataFrame) -> Evidence:
    under = {label: rows[rows.conventions == label] for label in ("stock", *IMPOSED)}
    wide = {label: pairs(under[label]) for label in IMPOSED}
    return Evidence(
        cell,
        tuple(sample(under["stock"], twin) for twin in TWINS),
        {label: (table[TWINS[0]] - table[TWINS[1]]).to_numpy(float) for label, table in wide.items()},
        {twin: (sample(under["pytorch"], twin), sample(under["keras"], twin)) for twin in TWINS},
    )


def pooled_stock(found: list[Evidence]) -> tuple[Estimate, float]:
    """tf2 minus pytorch under stock, averaged over cells, and the p value of its equivalence."""
    moments = [statistics.welch(*map(statistics.moment, item.stock)) for item in found]
    whole = statistics.combine(moments, [1 / len(found)] * len(found))
    n = min(len(sample) for item in found for sample in item.stock)
    return statistics.interval(whole, n), statistics.equivalence(whole)


def sentences(found: list[Evidence]) -> tuple[str, ...]:
    """The headline and what qualifies it; nothing is claimed that the seeds do not carry."""
    able = [item for item in found if item.comparable]
    able = [item for item in able if item.difference.n > 1] or able  # one seed of one cell is no reason to be silent
    if not able:
        return (
            "No answer yet: how much of the stock difference the conventions explain can be said once both twins have "
            "run one cell on IMDB in form layer under stock, keras and pytorch conventions.",
        )
    stock, p = pooled_stock(able)
    shown = [item for item in able if item.difference.excludes_zero]
    if stock.n < 2:
        return _too_few(able, stock)
    if stock.excludes_zero or len(shown) == len(able):
        return _explained(able, stock)
    if shown:
        others = f"Over all of {_cells(able)} no stock difference was shown: {bracketed(stock)}."
        return (*_explained(shown, None), others)
    return _not_shown(able, stock, p)


def _cells(found: list[Evidence]) -> str:
    return listed(item.cell for item in found)


def _too_few(able: list[Evidence], stock: Estimate) -> tuple[str, ...]:
    imposed = statistics.size([part for item in able for part in item.contrasts])
    return (
        "Too few seeds to say how much of the stock difference the conventions explain: with "
        f"{n_of(stock.n)} the seed alone may make it.",
        f"For {_cells(able)}, TensorFlow 2 minus PyTorch is {number(stock.value, 2, True)} points of test accuracy "
        f"under stock conventions; under imposed ones the twins lie {number(imposed.value)} points apart "
        f"({n_of(imposed.n)}, so no intervals). Two seeds at least are needed, and three for an interval of the share.",
    )


def _not_shown(able: list[Evidence], stock: Estimate, p: float) -> tuple[str, ...]:
    equal = f"They are equal within ±{number(MARGIN, 1)} points there (TOST, p {probability(p)})."
    open_question = "That is no proof of equality: more seeds may still show a difference."
    return (
        "This study did not show a stock difference to explain: TensorFlow 2 minus PyTorch in test accuracy, for "
        f"{_cells(able)}, is {bracketed(stock)}, which includes zero.",
        equal if p < 0.05 else open_question,
    )


def _explained(chosen: list[Evidence], stock: Estimate | None) -> tuple[str, ...]:
    contrasts = [part for item in chosen for part in item.contrasts]
    share = statistics.share_explained([item.stock for item in chosen], contrasts)
    whole, left = statistics.size([item.stock for item in chosen]), statistics.size(contrasts)
    amount = percent(share.value) if share.value > 0 else "none"
    where = "" if stock else f" in {_cells(chosen)}"
    signed = f" Signed, TensorFlow 2 minus PyTorch under stock is {bracketed(stock)}." if stock else ""
    doubt = " The share's interval includes zero: that the conventions explain any of it was not shown."
    return (
        f"The conventions explain {amount} of the stock difference in test accuracy between TensorFlow 2 and PyTorch"
        f"{where} ({_interval_of(share)}).",
        f"Left to their defaults, the twins lie {number(whole.value)} points apart{_range(whole)} on average over "
        f"{_cells(chosen)}; made to follow the same conventions, {number(left.value)} points{_range(left)}.{signed}"
        + (doubt if share.known and share.low <= 0 else ""),
    )


def _interval_of(share: Estimate) -> str:
    if not share.known:
        return f"{count(share.n, 'seed')}, too few for an interval"
    return f"95% interval {percent(share.low)} to {percent(share.high)}, {count(share.n, 'seed')} each"


def _range(estimate: Estimate) -> str:
    return f" ({number(estimate.low)} to {number(estimate.high)})" if estimate.known else ""


def argument(found: list[Evidence]) -> tuple[str, ...]:
    """What moves accuracy more: the defaults within one framework, or the framework under one set of defaults."""
    able = [
        item for item in found if item.comparable and all(len(part) for pair in item.defaults.values() for part in pair)
    ]
    if not able:
        return ()
    defaults = statistics.size([pair for item in able for pair in item.defaults.values()])
    framework = statistics.size([part for item in able for part in item.contrasts])
    n = n_of(min(defaults.n, framework.n)) + ("" if framework.known else ", so no interval")
    return (
        "Within one framework, going from Keras's conventions to PyTorch's moves test accuracy by "
        f"{number(defaults.value)} points{_range(defaults)}; under the same conventions, going from one "
        f"framework to the other moves it by {number(framework.value)} points{_range(framework)} ({n}).",
    )


def table(results: Results) -> Table:
    """The evidence for each cell, as a table."""
    columns = [
        "Cell",
        Column("Seeds", True),
        Column("Framework, under stock", True),
        Column("Framework, under keras", True),
        Column("Framework, under pytorch", True),
        Column("Share explained", True),
        *(Column(f"Defaults, in {name(twin)}", True, twin) for twin in TWINS),
    ]
    return Table.of(
        "Differences in test accuracy, points ± half of the 95% interval. Framework: TensorFlow 2 minus PyTorch "
        "(Welch under stock, paired by seed under imposed conventions). Defaults: PyTorch's conventions minus Keras's "
        "in one and the same framework. Share explained: 1 − mean |imposed| / |stock|, with a 95% bootstrap interval.",
        columns,
        [_row(item, results) for item in evidence(results.trials)],
        results.links.runs(task="imdb", form="layer"),
    )


def _row(item: Evidence, results: Results) -> list[Cell]:
    contrasts = [item.stock, *item.contrasts, *item.defaults.values()]
    counts = [len(part) for contrast in contrasts for part in contrast if part is not None and len(part)] or [0]
    return [
        Cell(item.cell, href=results.links.runs(task="imdb", form="layer", cell=item.cell), kind="code"),
        Cell(str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}", min(counts)),
        _difference(item.stock),
        *(estimate_cell(statistics.mean(values), sign=True) for values in item.imposed.values()),
        _share(item),
        *(_difference(pair) for pair in item.defaults.values()),
    ]


def _difference(pair: Contrast) -> Cell:
    return estimate_cell(statistics.difference(*pair), sign=True)


def _share(item: Evidence) -> Cell:
    if not item.comparable or min(map(len, item.stock)) < 2:
        return Cell(NONE, note="too few seeds")
    if not item.difference.excludes_zero:
        return Cell(NONE, note="no stock difference shown")
    share = statistics.share_explained([item.stock], item.contrasts)
    note = f"{percent(share.low)} to {percent(share.high)}" if share.known else "no interval"
    return Cell(percent(share.value), None if math.isnan(share.value) else share.value, note=note)


def first(results: Results) -> str:
    """The headline itself."""
    return sentences(evidence(results.trials))[0]


def blocks(results: Results) -> tuple[Block, ...]:
    """What stands behind the headline."""
    found = evidence(results.trials)
    _, *rest = sentences(found)
    prose = [Prose(text) for text in (*argument(found), *rest)]
    gap = shortfall(layer_table(results.trials), "of form layer on IMDB")
    return (*prose, *gap, *([table(results)] if any(len(part) for item in found for part in item.stock) else []))
