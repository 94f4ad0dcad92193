"""Numbers, lists and counts as text: each number with its unit, its n and its interval."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from experiments.speed.engines import ENGINES
from experiments.twins import TITLES
from reports.html.blocks import Cell, Prose
from reports.statistics import Estimate

MINUS = "−"
NONE = "–"


def number(value: float, digits: int = 2, sign: bool = False) -> str:
    """A number with a true minus sign; a dash for NaN."""
    if math.isnan(value):
        return NONE
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def significant(value: float, digits: int = 3) -> str:
    """A number rounded to ``digits`` significant digits; with a power of ten if it is very small or large."""
    if math.isnan(value):
        return NONE
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        powers = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
        return f"{mantissa.replace('-', MINUS)}·10{str(int(exponent)).translate(powers)}"
    return number(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def percent(share: float) -> str:
    """A share in whole per cent; one more digit from 99% on, rounded down so that only a full share shows 100%."""
    if 0.99 <= share < 1:
        return f"{math.floor(share * 1000) / 10:.1f}%"
    return f"{number(100 * share, 0)}%"


def plus_minus(estimate: Estimate, digits: int = 2, sign: bool = False) -> str:
    """``84.12 ± 0.40``; the value alone if it has no interval."""
    text = number(estimate.value, digits, sign)
    return f"{text} ± {number(estimate.half, digits)}" if estimate.known else text


def bracketed(estimate: Estimate) -> str:
    """``+2.10 points (95% interval +1.70 to +2.50, n = 3)``; or says that it has no interval."""
    text = f"{number(estimate.value, sign=True)} points"
    if not estimate.known:
        return f"{text} ({n_of(estimate.n)}, so no interval)"
    low, high = (number(bound, sign=True) for bound in (estimate.low, estimate.high))
    return f"{text} (95% interval {low} to {high}, {n_of(estimate.n)})"


def estimate_cell(estimate: Estimate, digits: int = 2, sign: bool = False) -> Cell:
    """A table's cell for an estimate: the value and half its interval."""
    if estimate.n == 0:
        return Cell(NONE, kind="quiet")
    note = "" if estimate.known else "no interval"
    return Cell(plus_minus(estimate, digits, sign), estimate.value, note=note)


def error_cell(estimate: Estimate) -> Cell:
    """A table's cell for an estimate of any size, such as a mean squared error."""
    if estimate.n == 0:
        return Cell(NONE, kind="quiet")
    half = f" ± {significant(estimate.half, 2)}" if estimate.known else ""
    return Cell(significant(estimate.value) + half, estimate.value, note="" if estimate.known else "no interval")


def seeds_cell(counts: Sequence[int]) -> Cell:
    """The number of seeds behind a row; one number for each framework if they differ."""
    return Cell(str(counts[0]) if len(set(counts)) == 1 else " / ".join(map(str, counts)), min(counts))


def n_of(n: int) -> str:
    """``n = 3``, kept on one line."""
    return f"n\u00a0=\u00a0{n}"


def probability(value: float) -> str:
    """A p value."""
    if math.isnan(value):
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(n: int, noun: str, many: str = "") -> str:
    """``1 trial``, ``2 trials``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {many or noun + 's'}"


def listed(items: Iterable[str], word: str = "and") -> str:
    """``a, b and c``."""
    *head, last = [*items] or ["none"]
    return f"{', '.join(head)} {word} {last}" if head else last


def name(framework: str) -> str:
    """A framework's or an engine's title, such as ``TensorFlow 2``."""
    return ENGINES[framework].title if framework in ENGINES else TITLES.get(framework, framework)


def seconds(value: float) -> str:
    """A duration with a unit that fits."""
    if math.isnan(value):
        return NONE
    return f"{significant(value * 1000)} ms" if value < 1 else f"{significant(value)} s"


def shape(sizes: Sequence[int]) -> str:
    """A tensor's shape as Python writes it."""
    return str(tuple(sizes))


def shortfall(trials: pd.DataFrame, what: str) -> tuple[Prose, ...]:
    """How many of a section's planned trials are done; nothing if all are.

    Args:
        trials: the section's planned trials.
        what: what follows ``trial``, such as ``on IMDB``.
    """
    if trials.empty:
        return (Prose(f"This study plans no trial {what}".rstrip() + ".", "missing"),)
    return unfinished(trials.state, "planned trial", what)


def unfinished(states: Iterable[str], noun: str, what: str = "") -> tuple[Prose, ...]:
    """How many of the planned runs are done, failed and missing; nothing if all are done.

    Args:
        states: of each run: done, failed or missing.
        noun: what a run is, in the singular.
        what: what follows the noun.
    """
    counts = Counter(states)
    done, planned = counts["done"], counts.total()
    if done == planned:
        return ()
    runs = f"{count(planned, noun)} {what}".rstrip()
    words = {"failed": "failed", "missing": "not yet run"}
    rest = [f"{counts[state]} {text}" for state, text in words.items() if counts[state]]
    end = "the results below are of those alone." if done else "there is nothing to show yet."
    return (Prose(f"Of {runs}, {done} {'is' if done == 1 else 'are'} done, {listed(rest)}; {end}", "missing"),)


class Settings:
    """The settings of a table's rows: said once if all rows share one, else a letter each, explained in the caption."""

    def __init__(self, trials: pd.DataFrame) -> None:
        settings = list(dict.fromkeys(trials.setting))
        self._letters = {
            text: chr(ord("A") + place % 26) + str(place // 26 or "") for place, text in enumerate(settings)
        }
        self.several = len(settings) > 1

    @property
    def lines(self) -> tuple[str, ...]:
        """The settings in words, each with its letter if there are several."""
        lettered = tuple(f"{letter}: {text}" for text, letter in self._letters.items())
        return lettered if self.several else tuple(self._letters) or ("none",)

    @property
    def caption(self) -> str:
        """The settings in words, for a caption."""
        return f"Setting{'s' * self.several}: {'; '.join(self.lines)}."

    def column(self) -> list[str]:
        """The heading of the column of letters, if there is one."""
        return ["Setting"] * self.several

    def cell(self, trial: Any) -> list[Cell]:
        """The letter of a trial's experiment, if there is such a column."""
        return [Cell(self._letters[trial.setting])] * self.several
