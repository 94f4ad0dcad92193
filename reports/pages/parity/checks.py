"""Which parity checks pass, which fail and where, and which cannot be made."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from experiments.parity.check import RUNGS, ParityCheck
from reports.data.comparable import CELLS, FORMS, FRAMEWORKS, ordered
from reports.data.results import IMPOSED, Recorded, Results
from reports.html.blocks import Block, Cell, Column, Details, Prose, Table
from reports.html.format import NONE, count, listed, name, number, significant
from reports.pages.accuracy import equivalence
from reports.pages.accuracy import page as accuracy
from reports.pages.accuracy.equivalence import Compared
from reports.pages.parity.rung_results import first_failed, rung_results, share_of_tolerance, worst
from reports.pages.parity.rungs import DTYPES
from reports.statistics import MARGIN

TABLES = (
    "The tables show on each rung the largest error of any pair and its tolerance. Rung 5 shows the difference of the "
    "twins' mean test accuracies and its margin, where both twins were trained on IMDB, and the accuracy page's "
    "verdict. In a table whose checks all passed, every rung of every row passes. A form has a row if a framework has "
    "it: what else there is, and why it cannot be checked, stands at the page's end."
)
PASSES = "passes"
KEYS = ["variant", "form", "conventions", "dtype"]
Verdicts = Mapping[tuple[str, ...], Compared]  # by ``KEYS``


def passed(results: Results) -> tuple[Block, ...]:
    """How many checks pass, and a table for each precision and conventions: folded unless a check fails."""
    if not results.checks:
        return (Prose("This study plans no parity checks.", "missing"),)
    labels = ordered((recorded.job.spec.conventions.label for recorded in results.checks), IMPOSED)
    verdicts = _trained(results)
    tables = [_table(dtype, label, verdicts, results) for dtype in DTYPES for label in labels]
    return (_progress(results), Prose(TABLES), *(table for table in tables if table))


def _trained(results: Results) -> Verdicts:
    """The accuracy page's verdicts on the twins, of one family, by ``KEYS``."""
    verdicts: dict[tuple[str, ...], Compared] = {}
    for row in accuracy.verdicts(results)[0]:
        verdicts.setdefault(tuple(row.trials[KEYS].iloc[0]), row)
    return verdicts


def _progress(results: Results) -> Prose:
    states = Counter(recorded.state for recorded in results.checks)
    done, total = states["done"], states.total()
    text = f"{done} of {count(total, 'planned check')} passed every rung"
    if done < total:
        text += f", {states['failed']} did not, {states['missing']} {'is' if states['missing'] == 1 else 'are'} not"
        text += " yet made"
    return Prose(f"{text}.", "" if done == total else "missing")


def _table(dtype: str, conventions: str, verdicts: Verdicts, results: Results) -> Details | None:
    """The checks in one precision under one framework's conventions; None if no such check is planned."""
    recorded = {item.job: item for item in results.checks if _settings(item.job) == (dtype, conventions)}
    rows = _rows(recorded, verdicts, results)
    if not rows:
        return None
    done = sum(item.state == "done" for item in recorded.values())
    summary = f"{dtype}, {conventions} conventions: {done} of {count(len(recorded), 'check')} passed"
    if ratios := [result.ratio for item in recorded.values() for result in rung_results(item)]:
        summary += f"; the largest error is {share_of_tolerance(max(ratios))}" * math.isfinite(max(ratios))
    trained = any(row[-1].text != NONE for row in rows)
    shown = (*RUNGS, 5) if trained else RUNGS
    table = Table.of(
        f"Checks in {dtype} under {conventions} conventions.",
        ["Cell", "Form", *(Column(f"Rung {rung}", True) for rung in shown)],
        [_brief(row[: len(shown) + 2], done == len(recorded)) for row in rows],
        results.check_links.checks(dtype=dtype, conventions=conventions),
    )
    return Details(summary, (table,), open=any(item.state == "failed" for item in recorded.values()))


def _brief(row: list[Cell], all_passed: bool) -> list[Cell]:
    """A row of a table whose summary says already that each rung passes."""
    return [replace(cell, note="") if all_passed and cell.note == PASSES else cell for cell in row]


def _settings(check: ParityCheck) -> tuple[str, str]:
    return check.spec.training.dtype, check.spec.conventions.label


def _rows(recorded: dict[ParityCheck, Recorded], verdicts: Verdicts, results: Results) -> list[list[Cell]]:
    """A row for each cell and form that is checked, and which framework lacks it."""
    lacking: dict[ParityCheck, list[str]] = {}
    for framework, check, _ in results.unchecked:
        lacking.setdefault(check, []).append(name(framework))
    cells = ordered((check.spec.network.cell for check in recorded), CELLS)
    checks = sorted(
        recorded, key=lambda c: (cells.index(c.spec.network.cell), c.spec.variant, FORMS.index(c.spec.network.form))
    )
    return [_row(check, recorded[check], lacking.get(check, []), verdicts, results) for check in checks]


def _row(
    check: ParityCheck,
    recorded: Recorded,
    lacking: list[str],
    verdicts: Verdicts,
    results: Results,
) -> list[Cell]:
    cell, _, options = check.spec.variant.partition("+")
    named = [
        Cell(cell, check.spec.variant, note=options.replace("+", ", ")),
        Cell(
            check.spec.network.form,
            href=results.check_links.run(recorded.run_id),
            note=f"not in {listed(lacking)}" if lacking else "",
        ),
    ]
    empty = [Cell(NONE, kind="quiet") for _ in RUNGS]
    if not recorded.record:
        state = "failed" if recorded.state == "failed" else "not made"
        return [*named, Cell(state, kind="bad", note=recorded.failure), *empty]
    return [*named, *(_rung(rung, recorded) for rung in RUNGS), _accuracies(check, verdicts, results)]


def _rung(rung: int, recorded: Recorded) -> Cell:
    """The largest error of any pair on a rung."""
    result, failed = worst(recorded, rung), first_failed(recorded)
    if result is None or (rung == failed and result.passed):
        kind, note = ("bad", recorded.failure) if rung == failed else ("quiet", "")
        return Cell("not reached", math.inf, kind=kind, note=note)
    text = (
        f"{result.error_text} / {significant(result.tolerance, 1)}" if rung else f"{significant(result.error)} differ"
    )
    if rung > failed:
        return Cell(text, result.ratio, kind="quiet", note=f"rung {failed} failed")
    if result.passed:
        return Cell(text, result.ratio, kind="good", note=PASSES)
    return Cell(text, result.ratio, kind="bad", note=f"fails: {result.pair_text}, {result.where}")


def _accuracies(check: ParityCheck, verdicts: Verdicts, results: Results) -> Cell:
    """Rung 5: the trained trials like this check, with the verdict that the accuracy page gives them."""
    spec = check.spec
    like = verdicts.get((spec.variant, spec.network.form, spec.conventions.label, spec.training.dtype))
    if not like:
        return Cell(NONE, kind="quiet")
    comparison, key = like.comparison, like.spec
    if not comparison.difference.n:
        return Cell(NONE, kind="quiet", note="no trials of both twins")
    estimate, verdict = comparison.difference, equivalence.verdict(comparison)
    text = f"{number(abs(estimate.value))} / {number(MARGIN, 1)} points"
    note = f"{verdict.text}, {count(estimate.n, 'seed')}"
    return Cell(text, abs(estimate.value), results.links.spec(key), verdict.kind, note)


def failures(failed: list[Recorded], results: Results) -> Table:
    """The first rung that fails in each failed check."""
    rows = []
    for recorded in failed:
        rungs = [result.rung for result in rung_results(recorded) if not result.passed]
        rung = Cell(str(min(rungs)), min(rungs)) if rungs else Cell(NONE)
        reason = Cell(recorded.failure or "no reason was recorded", kind="wide")
        href = results.check_links.run(recorded.run_id)
        rows.append([Cell(recorded.job.slug, href=href, kind="code"), rung, reason])
    caption = "The first rung that fails, and the weight, state or step with the largest error there."
    return Table.of(caption, ["Check", Column("Rung", True), "What differs"], rows)


def absent(results: Results) -> tuple[Block, ...]:
    """The forms that a framework lacks: counted, and listed with the reasons."""
    forms: dict[tuple[str, str, str], list[str]] = {}
    for framework, check, reason in results.unchecked:
        forms.setdefault((check.spec.variant, framework, reason), []).append(check.spec.network.form)
    lacking = Counter(framework for (_, framework, _), several in forms.items() for _ in set(several))
    parts = [f"{name(framework)} lacks {lacking[framework]}" for framework in ordered(lacking, FRAMEWORKS)]
    text = f"Of the forms of all cells that this study would check, {listed(parts)}. If the other twin has the form, "
    rows = [
        [Cell(cell, kind="code"), Cell(", ".join(ordered(several, FORMS))), Cell(name(who), kind=who), reason]
        for (cell, who, reason), several in forms.items()
    ]
    table = Table.of("Forms that a framework does not have.", ["Cell", "Forms", "Framework", "Reason"], rows)
    return (Prose(f"{text}it is still checked against the reference."), Details("Which forms, and why", (table,)))
