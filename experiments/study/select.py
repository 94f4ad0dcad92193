"""``--only KEY=VALUE``: the part of a study's jobs that a user asks for."""

from collections.abc import Sequence
from typing import Any

from experiments.errors import UserError

KEYS = ("cell", "form", "task", "framework", "conventions", "seed", "phase")


def select(jobs: Sequence[Any], only: Sequence[str]) -> list[Any]:
    """The jobs that match: the same key given twice means either value, different keys mean both.

    Raises:
        UserError: a filter that is not ``KEY=VALUE``, an unknown key, a value that no job has, or no job with all.
    """
    wanted: dict[str, set[str]] = {}
    for text in only:
        key, equals, value = text.partition("=")
        if not equals or key not in KEYS:
            raise UserError(f"--only {text}: allowed: KEY=VALUE with KEY one of {', '.join(KEYS)}")
        present = sorted({job.facets[key] for job in jobs if key in job.facets})
        if value not in present:
            raise UserError(f"--only {text}: no trial of this study has it; allowed: {', '.join(present)}")
        wanted.setdefault(key, set()).add(value)
    chosen = [job for job in jobs if all(job.facets.get(key) in values for key, values in wanted.items())]
    if only and not chosen:
        raise UserError(f"--only {', '.join(only)}: no trial of this study has all of these")
    return chosen
