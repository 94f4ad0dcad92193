"""Shared by the tests of pages."""

from collections.abc import Sequence
from html import unescape

from made_reports import timings as toys
from made_reports.html_elements import page_of, words_of

from experiments.speed.schedule import Timing
from reports.data.results import RecordedTiming, Results
from reports.pages.speed.page import comparisons
from reports.pages.speed.timed.benchmarks import benchmarks
from reports.pages.speed.timed.timings import Comparisons, TimedVariant

#: Five steps whose quartiles are the second and the fourth: 9 and 11 about 10.
STEPS = (8.0, 9.0, 10.0, 11.0, 12.0)


def row(framework: str = "tf2", *processes: float, form: str = "layer", tokens: int = 80, **told) -> TimedVariant:
    """A variant each of whose processes takes ``STEPS`` times so much."""
    rounds = [[scale * step for step in STEPS] for scale in processes or (1.0,)]
    variant = toys.spec("lstm", form, {"name": "imdb", "tokens": tokens})
    return TimedVariant(toys.timed(variant, framework, *rounds, **told), "lstm")


def flat(framework: str, seconds: float, form: str = "layer", first: float = 1.0, **told) -> RecordedTiming:
    """A timing without any spread."""
    told = {"cell": "lstm"} | told
    variant = toys.spec(told.pop("cell"), form, **told.pop("parts", {}))
    return toys.timed(variant, framework, [seconds] * 20, [seconds] * 20, first=first, **told)


def judged(rows: Sequence[TimedVariant]) -> Comparisons:
    """What a page of these variants states."""
    return comparisons(benchmarks(rows), rows, toys.results())


def page(results: Results, name: str = "speed.html") -> str:
    return page_of(results, name)[name]


def said(results: Results, name: str = "speed.html") -> str:
    return unescape(words_of(page(results, name)))


def _planned(execution: str) -> Timing:
    return toys.timing(toys.spec("lstm", "wrapped", training={"execution": execution}), "pytorch")


def swept(*tokens: int) -> list[RecordedTiming]:
    return [row("tf2", value / 1e4, tokens=value).timed for value in tokens]
