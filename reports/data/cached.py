"""What several pages make of the same results is made once."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from reports.data.results import Results

Made = TypeVar("Made")


def cached_by_results(function: Callable[[Results], Made]) -> Callable[[Results], Made]:
    """Call a function of the results once for them, and keep its answer for as long as they live."""
    found: WeakKeyDictionary[Results, Made] = WeakKeyDictionary()

    @wraps(function)
    def known(results: Results) -> Made:
        if results not in found:
            found[results] = function(results)
        return found[results]

    return known
