"""What several pages make of the same results is made once, and again only when what it is made of has changed."""

from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from reports.data.results import Results

Made = TypeVar("Made")
#: Of each function of ``cached_by_fields`` the values of its fields at the last call, and its answer.
_KEPT: dict[Callable[..., Any], tuple[tuple[Any, ...], Any]] = {}
#: Of each task its last part of the results.
_PARTS: dict[str, Results] = {}


def cached_by_results(function: Callable[[Results], Made]) -> Callable[[Results], Made]:
    """Call a function of the results once for them, and keep its answer for as long as they live."""
    answers: WeakKeyDictionary[Results, Made] = WeakKeyDictionary()

    @wraps(function)
    def known(results: Results) -> Made:
        if results not in answers:
            answers[results] = function(results)
        return answers[results]

    return known


def of_task(results: Results, task: str) -> Results:
    """The trials and histories of one task, and nothing else of the results.

    While nothing of them changes it is the same object from one writing of the pages to the next: so is what is
    ``cached_by_results`` of it.
    """
    trials, history = results.trials[results.trials.task == task], results.history[results.history.task == task]
    part = Results(results.study, trials, history.reset_index(drop=True), results.links)
    known = _PARTS.get(task)
    if not (known and _equal(known, part)):
        _PARTS[task] = part
    return _PARTS[task]


def _equal(one: Results, other: Results) -> bool:
    named = (one.study, one.links) == (other.study, other.links)
    return named and one.trials.equals(other.trials) and one.history.equals(other.history)


def cached_by_fields(*names: str) -> Callable[[Callable[[Results], Made]], Callable[[Results], Made]]:
    """Call a function again only when one of these fields of the results has changed since its last call.

    The function is given these fields and no others, so that its answer cannot depend on what is not compared. They
    hold records that are parsed once and never changed, and no frames, which ``==`` does not compare.
    """

    def decorated(function: Callable[[Results], Made]) -> Callable[[Results], Made]:
        @wraps(function)
        def known(results: Results) -> Made:
            values = tuple(getattr(results, name) for name in names)
            if function not in _KEPT or _KEPT[function][0] != values:
                _KEPT[function] = values, function(SimpleNamespace(**dict(zip(names, values, strict=True))))
            return _KEPT[function][1]

        return known

    return decorated
