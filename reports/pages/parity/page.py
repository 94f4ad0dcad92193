"""The parity page: the ladder that shows the twins are one model, or the rung, weight and step where they part."""

import math
from typing import NamedTuple

from experiments.parity.check import RUNGS, ParityCheck
from experiments.parity.tolerances import ADAPTIVE, CLOSE, TRAINED, Tolerance
from reports.data.comparable import CELLS, FORMS, ordered
from reports.data.results import RecordedCheck, Results
from reports.html.blocks import Block, Cell, Column, Prose, Section, Table
from reports.html.format import NONE, count, name, number, significant
from reports.pages.accuracy import equivalence
from reports.pages.parity import gradient_norms, loss_differences
from reports.statistics import MARGIN

TITLE = "Parity"
LEAD = (
    "Is it the same model? Six rungs, from weights that come back to the bit to accuracies that are equal over seeds."
)
DTYPES = ("float64", "float32")
PAIRS = {
    "tf2-pytorch": "TensorFlow 2 against PyTorch",
    "tf2-reference": "TensorFlow 2 against the reference",
    "pytorch-reference": "PyTorch against the reference",
}


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    made = [Section("rungs", "The rungs", _rungs()), Section("ladder", "Who climbs how far", _ladder(results))]
    if broken := [each for each in results.checks if each.state == "failed"]:
        made.append(Section("broken", "Where it breaks", (_broken(broken, results),)))
    if any(each.record for each in results.checks):
        made.append(loss_differences.section(results))
    made.append(gradient_norms.section(results))
    if results.unchecked:
        made.append(Section("absent", "What cannot climb", (_absent(results),)))
    return made


def answer(results: Results) -> str:
    """One sentence for the front page."""
    if not results.checks:
        return "This study plans no ladder, which would hold the twins against each other number by number."
    checked = [each for each in results.checks if each.record]
    if not checked:
        return "No answer yet: the ladder has not been climbed."
    top = sum(each.state == "done" for each in checked)
    whole = f"all {count(top, 'climb')}" if top == len(checked) else f"{top} of {count(len(checked), 'climb')}"
    found = [found for each in checked for found in _measured(each)]
    text = (
        f"On the ladder, {whole} of a cell in a form, under imposed conventions in float64 or float32, reached rung 4: "
        "the same weights, outputs, states, gradients and optimiser steps, and 200 equal losses."
    )
    if found:
        worst = max(found, key=lambda each: each.ratio)
        text += f" The largest error is {_share(worst.ratio)} its tolerance (rung {worst.rung}, {worst.slug})."
    broken = [each for each in checked if each.state == "failed"]
    text += f" The first that broke: {broken[0].check.slug}, {broken[0].failure}." if broken else ""
    left = len(results.checks) - len(checked)
    return text + (f" {count(left, 'climb')} more {'is' if left == 1 else 'are'} not yet climbed." if left else "")


def _share(ratio: float) -> str:
    if math.isinf(ratio):
        return "beyond any number, against"
    return f"{number(100 * ratio, 1)}% of" if ratio < 1 else f"{significant(ratio)} times"


class Found(NamedTuple):
    """A rung of one pair, as recorded."""

    slug: str
    pair: str
    rung: int
    error: float
    tolerance: float
    ratio: float
    held: bool
    text: str


def _measured(each: RecordedCheck) -> list[Found]:
    return [
        Found(
            each.check.slug,
            pair,
            rung["rung"],
            *map(_number, (rung["error"], rung["tolerance"], rung["ratio"])),
            rung["held"],
            rung["text"],
        )
        for pair, rungs in each.record.get("pairs", {}).items()
        for rung in rungs
    ]


def _number(value: float | None) -> float:
    return math.inf if value is None else value  # JSON has no infinity


def _rungs() -> tuple[Block, ...]:
    both = tuple(CLOSE[dtype] for dtype in DTYPES)
    asks = [
        ("Do the weights that go in come back out, to the bit?", *2 * ("no number may differ",)),
        ("From them, are the outputs and every layer's last states the same?", *map(_allowed, both)),
        ("Are the gradients of the loss by every weight and by the input the same?", *map(_allowed, both)),
        (
            "After one step of SGD, Adam, RMSprop and Adagrad, each with and without clipping, "
            "is every weight the same?",
            _allowed(CLOSE["float64"]),
            f"{_allowed(CLOSE['float32'])} after SGD, {_allowed(ADAPTIVE['float32'])} after the others",
        ),
        (
            "Training with Adam and dropout, is the loss of each of 200 steps the same?",
            *(_allowed(TRAINED[dtype]) for dtype in DTYPES),
        ),
        (
            "Trained in full under many seeds, are the test accuracies equal (TOST)?",
            *2 * (f"mean difference within ±{number(MARGIN, 1)} points",),
        ),
    ]
    rows = [[Cell(f"{rung}", rung), Cell(ask, kind="wide"), *allowed] for rung, (ask, *allowed) in enumerate(asks)]
    return (
        Prose(
            "Both twins and a third implementation in NumPy (forward and back by hand, in float64) get the same "
            "weights, batches and dropout masks, each in a process of its own, and are held against each other rung by "
            "rung: each twin against the reference, and the twins against each other. A climb ends at the first rung "
            "that breaks."
        ),
        Table.of(
            "What each rung asks, and how far two may part: a relative error with a floor for numbers near zero.",
            ["Rung", "Asks", "float64", "float32"],
            rows,
        ),
        Prose(
            "In float32 Adam, RMSprop and Adagrad divide a gradient by its own size, and so turn the rounding of one "
            "that is as small as float32's rounding into a step; and 200 steps amplify rounding. Hence the wider "
            "bounds there. The same rules at float64's bounds catch what they would let pass.",
            "note",
        ),
    )


def _allowed(tolerance: Tolerance) -> str:
    floor = f" + {significant(tolerance.atol, 1)}" * bool(tolerance.atol)
    return f"{significant(tolerance.rtol, 1)} relative{floor}"


def _ladder(results: Results) -> tuple[Block, ...]:
    if not results.checks:
        return (Prose("This study plans no ladder.", "missing"),)
    blocks: list[Block] = [_progress(results)]
    for dtype in DTYPES:
        for conventions in ordered(
            (each.check.spec.conventions.label for each in results.checks), ("keras", "pytorch")
        ):
            if rows := _rows(results, dtype, conventions):
                blocks.append(_matrix(dtype, conventions, rows, results))
    return tuple(blocks)


def _progress(results: Results) -> Prose:
    states = [each.state for each in results.checks]
    done, failed, missing = (states.count(state) for state in ("done", "failed", "missing"))
    text = f"{done} of {count(len(states), 'planned climb')} reached rung 4"
    text += (
        f", {failed} did not, {missing} {'is' if missing == 1 else 'are'} not yet climbed."
        if failed or missing
        else "."
    )
    return Prose(text, "" if done == len(states) else "missing")


def _rows(results: Results, dtype: str, conventions: str) -> list[list[Cell]]:
    """A row for each cell and form; what neither twin has keeps its row, with the reasons."""
    reasons: dict[ParityCheck, list[str]] = {}
    for framework, check, reason in results.unchecked:
        reasons.setdefault(check, []).append(f"{name(framework)}: {reason}")
    checks = {each.check: each for each in results.checks}
    wanted = [c for c in [*checks, *(c for c in reasons if c not in checks)] if _of(c) == (dtype, conventions)]
    cells = ordered((check.spec.network.cell for check in wanted), CELLS)
    wanted.sort(key=lambda c: (cells.index(c.spec.network.cell), c.spec.variant, FORMS.index(c.spec.network.form)))
    return [_row(check, checks.get(check), reasons.get(check, []), results) for check in wanted]


def _of(check: ParityCheck) -> tuple[str, str]:
    return check.spec.training.dtype, check.spec.conventions.label


def _row(check: ParityCheck, each: RecordedCheck | None, reasons: list[str], results: Results) -> list[Cell]:
    cell, _, options = check.spec.variant.partition("+")
    cells = [
        Cell(cell, check.spec.variant, note=options.replace("+", ", ")),
        Cell(check.spec.network.form, note="; ".join(reasons)),
    ]
    if each is None:
        return [*cells, Cell("absent", kind="quiet"), *(Cell(NONE, kind="quiet") for _ in RUNGS)]
    if not each.record:
        state = "failed" if each.state == "failed" else "not climbed"
        return [*cells, Cell(state, kind="bad", note=each.failure), *(Cell(NONE, kind="quiet") for _ in RUNGS)]
    return [*cells, *(_cell(rung, each, results) for rung in RUNGS), _equal(check, results)]


def _top(each: RecordedCheck) -> int:
    """The first rung that breaks, or that some pair has not reached; one above all where none does."""
    reached = [{found.rung for found in _measured(each) if found.pair == pair} for pair in each.record["pairs"]]
    lacking = [rung for rung in RUNGS if not all(rung in rungs for rungs in reached)]
    return min([found.rung for found in _measured(each) if not found.held] + lacking, default=len(RUNGS))


def _cell(rung: int, each: RecordedCheck, results: Results) -> Cell:
    """The pair that is furthest apart on a rung."""
    href, top = results.check_links.run(each.run_id), _top(each)
    here = [found for found in _measured(each) if found.rung == rung]
    worst = max(here, key=lambda found: found.ratio, default=None)
    if worst is None or (rung == top and worst.held):
        return Cell("not reached", math.inf, href, "bad" if rung == top else "quiet", each.failure * (rung == top))
    text = f"{_error(worst)} / {significant(worst.tolerance, 1)}" if rung else f"{significant(worst.error)} differ"
    if rung > top:
        return Cell(text, worst.ratio, href, "quiet", f"above rung {top}, which broke")
    if worst.held:
        return Cell(text, worst.ratio, href, "good", "holds")
    return Cell(text, worst.ratio, href, "bad", f"breaks: {PAIRS.get(worst.pair, worst.pair)}, {worst.text}")


def _error(found: Found) -> str:
    return "not a number" if math.isinf(found.error) else significant(found.error, 1)


def _equal(check: ParityCheck, results: Results) -> Cell:
    """Rung 5: the trained trials of the same cell, form and conventions; of several settings the one of most seeds."""
    trials, spec = results.trials, check.spec
    wanted = {"task": "imdb", "variant": check.spec.variant, "form": spec.network.form}
    wanted |= {"conventions": spec.conventions.label, "dtype": spec.training.dtype}
    for column, value in wanted.items():
        trials = trials[trials[column] == value]
    compared = [(*equivalence.compare(part), key) for key, part in trials.groupby("spec_fingerprint", sort=False)]
    compared = [each for each in compared if each[0].n]
    if not compared:
        return Cell(NONE, kind="quiet", note="no trials of both twins" if len(trials) else "no trials planned")
    estimate, p, _, key = max(compared, key=lambda each: each[0].n)
    said = equivalence.verdict(estimate, p)
    text = f"{number(abs(estimate.value))} / {number(MARGIN, 1)} points"
    note = f"{said.text}, {count(estimate.n, 'seed')}"
    return Cell(text, abs(estimate.value), results.links.spec(key), said.kind, note)


def _matrix(dtype: str, conventions: str, rows: list[list[Cell]], results: Results) -> Table:
    return Table.of(
        f"{dtype}, {conventions}'s conventions: the largest error of any pair over its tolerance, rung by rung. Rung 5 "
        "is the difference of mean test accuracies of the trained trials over the margin.",
        ["Cell", "Form", *(Column(f"Rung {rung}", True) for rung in (*RUNGS, 5))],
        rows,
        results.check_links.checks(dtype=dtype, conventions=conventions),
    )


def _broken(broken: list[RecordedCheck], results: Results) -> Table:
    rows = []
    for each in broken:
        fallen = min((found for found in _measured(each) if not found.held), key=lambda found: found.rung, default=None)
        rung = Cell(str(fallen.rung), fallen.rung) if fallen else Cell(NONE)
        reason = Cell(each.failure or "no reason was recorded", kind="wide")
        rows.append([Cell(each.check.slug, href=results.check_links.run(each.run_id), kind="code"), rung, reason])
    caption = "The first rung that breaks, and the weight, state or step that is furthest off there."
    return Table.of(caption, ["Climb", Column("Rung", True), "What breaks"], rows)


def _absent(results: Results) -> Table:
    found: dict[tuple[str, str, str], list[str]] = {}
    for framework, check, reason in results.unchecked:
        found.setdefault((check.spec.variant, framework, reason), []).append(check.spec.network.form)
    rows = [
        [Cell(cell, kind="code"), Cell(", ".join(ordered(forms, FORMS))), Cell(name(framework), kind=framework), reason]
        for (cell, framework, reason), forms in found.items()
    ]
    caption = "Forms that a framework does not have; the other twin, where it has one, still climbs with the reference."
    return Table.of(caption, ["Cell", "Forms", "Framework", "Reason"], rows)
