"""Which framework has which form of which cell, and which of the study's experiments one cannot run."""

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from reports.data.cached import cached_by_fields
from reports.data.comparable import CELLS, FORMS, FRAMEWORKS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import NONE, count, listed, name

KINDS = {"Native": "good", "Written": "", "Absent": "bad"}  # each answer's style
CELL = "{cell}"  # in place of a cell's name
EXPLANATION = (
    "Native: the framework has the form. Written: it does not, so this project wrote it. Absent: it cannot be had, for "
    "the reason given. A form never changes the mathematics, only how the cell is run over time."
)


@cached_by_fields("supports", "absent")
def section(results: Results) -> Section:
    """Native, Written or Absent for each cell and form of each framework."""
    answers = pd.DataFrame([*results.supports], columns=["framework", "cell", "form", "answer", "detail"])
    blocks: list[Block] = [Prose(EXPLANATION)]
    if answers.empty:
        blocks.append(Prose("The frameworks were not asked what they offer.", "missing"))
    else:
        same = _same_for_every_cell(answers)
        blocks += [Points(tuple(_sentence(answers[answers.form == form]) for form in same))] * bool(same)
        blocks += _table(answers[~answers.form.isin(same)])
    return Section("support", "Which framework has which form", (*blocks, *_cannot_run(results)))


def _same_for_every_cell(answers: pd.DataFrame) -> list[str]:
    """The forms for which every framework gives one and the same answer for several cells."""
    kinds = answers.assign(given=answers.answer + answers.detail).groupby(["form", "framework"])
    same = kinds.given.nunique().eq(1).groupby("form").all() & kinds.cell.nunique().gt(1).groupby("form").all()
    return [form for form in ordered(answers.form, FORMS) if same[form]]


def _sentence(answers: pd.DataFrame) -> str:
    first = answers.drop_duplicates("framework").set_index("framework")
    parts = [
        f"{first.answer[framework]} in {name(framework)} ({first.detail[framework]})"
        for framework in ordered(first.index, FRAMEWORKS)
    ]
    return f"{answers.form.iloc[0]}, for every cell: {listed(parts)}."


def _table(answers: pd.DataFrame) -> list[Table]:
    """The answers that differ between cells."""
    forms = ordered(answers.form, FORMS)
    rows = []
    for cell in ordered(answers.cell, CELLS):
        for framework in ordered(answers.framework, FRAMEWORKS):
            chosen = answers[(answers.cell == cell) & (answers.framework == framework)]
            of_form = {
                row.form: Cell(row.answer, kind=KINDS.get(row.answer, ""), note=row.detail or "")
                for row in chosen.itertuples()
            }
            first = [Cell(cell, kind="code"), Cell(name(framework), kind=framework)]
            rows.append([*first, *(of_form.get(form, Cell(NONE, kind="quiet")) for form in forms)])
    caption = "What each framework offers, by cell and form."
    return [Table.of(caption, ["Cell", "Framework", *forms], rows)] if rows else []


def _cannot_run(results: Results) -> tuple[Block, ...]:
    """How many experiments each framework cannot run, and why; which, folded."""
    if not results.absent:
        return ()
    groups = _by_reason(results.absent)
    rows = [
        [
            Cell(name(framework), kind=framework),
            Cell(_reason(pattern, slugs), kind="wide"),
            Cell(str(len(slugs)), len(slugs)),
            Cell(", ".join(dict.fromkeys(slugs)), kind="wide"),
        ]
        for (framework, pattern), slugs in groups.items()
    ]
    frameworks = ordered((framework for framework, _ in groups), FRAMEWORKS)
    parts = [_sentence_of_reasons(each, {p: s for (f, p), s in groups.items() if f == each}) for each in frameworks]
    total = count(len({slug for _, slug, _ in results.absent}), "experiment")
    columns = ["Framework", "Why", Column("Number", True), "Experiments"]
    table = Table.of("Experiments that a framework cannot run.", columns, rows)
    text = f"{total} of this study cannot run everywhere. {' '.join(parts)}"
    return (Prose(text), Details("Which experiments", (table,)))


def _by_reason(absent: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], list[str]]:
    """Experiments by framework and reason; reasons that differ in nothing but the cell's name are one."""
    groups: dict[tuple[str, str], list[str]] = {}
    for framework, slug, reason in absent:
        pattern = re.sub(rf"\b{_cell(slug)}\b", CELL, reason)
        groups.setdefault((framework, pattern), []).append(slug)
    return groups


def _cell(slug: str) -> str:
    return slug.split("-")[1]


def _reason(pattern: str, slugs: Iterable[str]) -> str:
    return pattern.replace(CELL, listed(dict.fromkeys(map(_cell, slugs)), "or"))


def _sentence_of_reasons(framework: str, groups: Mapping[str, list[str]]) -> str:
    reasons = "; ".join(_reason(pattern, slugs) for pattern, slugs in groups.items())
    return f"{name(framework)} cannot run {sum(map(len, groups.values()))}: {reasons}."
