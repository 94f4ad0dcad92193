"""``--only KEY=VALUE``: the part of a study's jobs that a user asks for."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from experiments.errors import UserError
from experiments.study.phases import PHASES

KEYS = ("cell", "form", "task", "framework", "conventions", "seed", "phase")
KEYS += tuple(key for phase in PHASES for key in phase.facets)

Wanted = Mapping[str, Collection[str]]  # key -> the values that are asked for


def select(jobs: Sequence[Any], only: Sequence[str]) -> list[Any]:
    """The jobs that match: the same key given twice means either value, different keys mean both.

    Raises:
        UserError: a filter that is not ``KEY=VALUE``, an unknown key, a value that no job has, or no job with all.
    """
    wanted = read_filters(only)
    for text in only:
        key, _, value = text.partition("=")
        present = sorted({job.facets[key] for job in jobs if key in job.facets})
        if value not in present:
            allowed = ", ".join(present) or f"no filter by {key}"
            raise UserError(f"--only {text}: no job of this study has it; allowed: {allowed}")
    chosen = [job for job in jobs if matches(job, wanted)]
    if only and not chosen:
        raise UserError(f"--only {', '.join(only)}: no job of this study has all of these")
    return chosen


def read_filters(only: Sequence[str]) -> Wanted:
    """The filters by key.

    Raises:
        UserError: one is not ``KEY=VALUE``, or its key is unknown.
    """
    wanted: dict[str, set[str]] = {}
    for text in only:
        key, equals, value = text.partition("=")
        if not equals or key not in KEYS:
            raise UserError(f"--only {text}: allowed: KEY=VALUE with KEY one of {', '.join(KEYS)}")
        wanted.setdefault(key, set()).add(value)
    return wanted


def matches(item: Any, wanted: Wanted) -> bool:
    """Whether an item, by its ``facets``, has what is asked for."""
    return all(item.facets.get(key) in values for key, values in wanted.items())
