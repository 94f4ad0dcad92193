"""What the claims rest on, computed from the results: seeds, epochs, data, releases, tests and their power."""

from functools import cached_property

import pandas as pd

from reports import statistics
from reports.data.comparable import layers, reviews
from reports.data.results import Results
from reports.html.format import count, listed, name, number, percent
from reports.pages.accuracy import page as accuracy
from reports.pages.accuracy.comparison import Comparison

UNKNOWN = "unknown: no trial of the table is done"
UNTESTED = "unknown: no comparison has two seeds of each side"


class Facts:
    """The facts of one study; every property says plainly what is not known."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.table = layers(reviews(results))
        self.done = self.table[self.table.state == "done"]

    @cached_property
    def _verdicts(self) -> tuple[list[Comparison], list[Comparison]]:
        twins, own = accuracy.verdicts(self.results)
        return [row.comparison for row in twins], [row.comparison for row in own]

    @property
    def comparisons(self) -> list[Comparison]:
        """The accuracy page's, of twins and of frameworks with their own convention, adjusted as one family."""
        return [*self._verdicts[0], *self._verdicts[1]]

    @property
    def faithful(self) -> list[Comparison]:
        """Those of frameworks with their own convention."""
        return self._verdicts[1]

    @property
    def tested(self) -> list[Comparison]:
        """The comparisons that have a test."""
        return [each for each in self.comparisons if each.tested]

    @property
    def data(self) -> str:
        """The reviews' name and numbers."""
        names = listed(sorted(set(self.table.data_name)), "or")
        sizes = self.table[["train_n", "test_n"]].dropna().drop_duplicates().astype(int).itertuples(index=False)
        texts = [f"{train:,} training and {test:,} test reviews" for train, test in sizes]
        return f"{names} ({listed(texts, 'or')})" if texts else names

    @property
    def epochs(self) -> str:
        """``2 epochs (lstm and gru) and 4 epochs (simple_rnn)``."""
        cells = self.table.groupby("epochs", sort=True).cell.unique()
        return listed(f"{count(int(epochs), 'epoch')} ({listed(names)})" for epochs, names in cells.items())

    @property
    def seeds(self) -> str:
        """How many seeds of each framework and experiment are done."""
        seeds = self.done.groupby(["spec_fingerprint", "framework"]).seed.nunique()
        return _range([str(n) for n in sorted(seeds)]) or UNKNOWN

    @property
    def devices(self) -> str:
        """``CPU``, unless a trial ran elsewhere."""
        return _values(self.results.done.device)

    @property
    def processors(self) -> str:
        """The processors that trials ran on."""
        return _values(self.results.done.processor)

    @property
    def releases(self) -> str:
        """Each framework's."""
        versions = self.results.trials.groupby("framework", sort=False).version.unique()
        return listed(f"{name(framework)} ({listed(texts, 'or')})" for framework, texts in versions.items())

    @property
    def half_width(self) -> str | None:
        """Half the 95% interval that the smallest test set leaves, with its size; None before a trial is done."""
        scored = self.done.dropna(subset=["test_n", "accuracy"])
        if scored.empty:
            return None
        size = int(scored.test_n.min())
        half = statistics.binomial_half(float(scored.accuracy.mean()) / 100, size)
        return f"±{number(half)} points from {size:,} test reviews"

    @property
    def power(self) -> str:
        """Of one equality test of the page, from the lowest to the highest."""
        return _range([percent(power) for power in sorted(each.power for each in self.tested)]) or UNTESTED

    @property
    def seeds_needed(self) -> str:
        """For a power of 80%, from the fewest to the most."""
        needed = [statistics.seeds_needed(each.variances) for each in self.tested]
        return _range([f"{n:,}" if n else "over 1,000" for n in sorted(needed, key=lambda n: n or 10**9)]) or UNTESTED


def shown_equal(comparison: Comparison) -> bool:
    """Whether equality was shown, or every seed gives the same."""
    return comparison.equal < statistics.LEVEL or comparison.identical


def _values(column: pd.Series) -> str:
    return listed(sorted(set(column.dropna())), "or") if column.notna().any() else "unknown (no trial is done)"


def _range(texts: list[str]) -> str:
    """The first and the last; one where they are the same; nothing of nothing."""
    return " to ".join(dict.fromkeys([texts[0], texts[-1]])) if texts else ""
