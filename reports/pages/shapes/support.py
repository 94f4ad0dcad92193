"""Which framework has which form of which cell, and which of the study's experiments one cannot run."""

import pandas as pd

from reports.data.comparable import CELLS, FORMS, FRAMEWORKS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import NONE, count, listed, name

KINDS = {"Native": "good", "Written": "", "Absent": "bad"}  # each answer's style
EXPLANATION = (
    "Native: the framework has the form. Written: it does not, so this project wrote it. Absent: it cannot be had, for "
    "the reason given. A form never changes the mathematics, only how the cell is run over time."
)


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
    """How many experiments each framework cannot run; which and why, folded."""
    slugs: dict[tuple[str, str], list[str]] = {}
    for framework, slug, reason in results.absent:
        slugs.setdefault((framework, reason), []).append(slug)
    if not slugs:
        return ()
    rows = [
        [
            Cell(name(framework), kind=framework),
            Cell(reason, kind="wide"),
            Cell(str(len(several)), len(several)),
            Cell(", ".join(dict.fromkeys(several)), kind="wide"),
        ]
        for (framework, reason), several in slugs.items()
    ]
    numbers = pd.Series([framework for framework, _, _ in results.absent]).value_counts()
    parts = [f"{name(framework)} cannot run {numbers[framework]}" for framework in ordered(numbers.index, FRAMEWORKS)]
    total = count(len({slug for _, slug, _ in results.absent}), "experiment")
    table = Table.of(
        "Experiments that a framework cannot run.", ["Framework", "Why", Column("Number", True), "Experiments"], rows
    )
    text = f"{total} of this study cannot run everywhere: {listed(parts)}."
    return (Prose(text), Details("Which, and why", (table,)))
