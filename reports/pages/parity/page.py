"""The parity page: whether the twins are one model, check by check and rung by rung."""

import math

from reports.data.cached import cached_by_fields
from reports.data.results import Recorded, Results
from reports.html.blocks import Section
from reports.html.format import count
from reports.pages.parity import checks, gradient_norms, loss_differences, rounding, rungs
from reports.pages.parity.rung_results import rung_results, share_of_tolerance

TITLE = "Parity"
LEAD = "Is it the same model? Six comparisons, from weights that come back bit for bit to accuracies equal over seeds."


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    on_gpu = any(recorded.job.spec.training.device != "cpu" for recorded in results.checks)
    made = [
        Section("rungs", "What is compared", rungs.definitions(on_gpu)),
        Section("checks", "Which checks pass", checks.passed(results)),
    ]
    if failed := [recorded for recorded in results.checks if recorded.state == "failed"]:
        made.append(Section("failed", "Where checks fail", (checks.failures(failed, results),)))
    if any(recorded.record for recorded in results.checks):
        made.append(loss_differences.section(results))
    made += [rounding.section(results), gradient_norms.section(results)]
    if results.unchecked:
        made.append(Section("absent", "What cannot be checked", checks.absent(results)))
    return made


@cached_by_fields("checks")
def answer(results: Results) -> str:
    """The front page's answer: how many checks passed, the largest error, and what is missing."""
    if not results.checks:
        return "This study plans no parity checks, which would compare the twins number by number."
    made = [recorded for recorded in results.checks if recorded.record]
    if not made:
        return "No answer yet: no parity check has been made."
    passed, total = sum(recorded.state == "done" for recorded in made), count(len(made), "parity check")
    text = (
        f"{f'All {total}' if passed == len(made) > 1 else f'{passed} of {total}'} passed every rung: the same weights, "
        "outputs, states, gradients and optimiser steps, and the same loss at every training step. Each check "
        "is of one cell in one form, under imposed conventions, in float64 or float32."
    )
    left = len(results.checks) - len(made)
    more = f" {count(left, 'more check')} {'is' if left == 1 else 'are'} not yet made." if left else ""
    return text + _largest_error(made) + _first_failure(made) + more


def _largest_error(made: list[Recorded]) -> str:
    measured = [(result, recorded.job.slug) for recorded in made for result in rung_results(recorded)]
    if not measured:
        return ""
    result, slug = max(measured, key=lambda item: item[0].ratio)
    size = share_of_tolerance(result.ratio) if math.isfinite(result.ratio) else "not a finite number"
    return f" The largest error is {size} (rung {result.rung}, {slug})."


def _first_failure(made: list[Recorded]) -> str:
    failed = next((recorded for recorded in made if recorded.state == "failed"), None)
    return f" The first that failed: {failed.job.slug}, {failed.failure}." if failed else ""
