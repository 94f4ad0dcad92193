"""The shapes page: what each call takes and returns, and how each weight is named, laid out and ordered."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from reports.data.comparable import CELLS, FORMS, FRAMEWORKS, ordered
from reports.data.results import Results, shape_runs
from reports.html.blocks import Block, Cell, Details, Group, Link, Prose, Section, Table
from reports.html.format import NONE, count, name
from reports.pages.shapes import parameters

TITLE = "Shapes"
LEAD = "What does each call take and return, and how is each weight named, laid out and ordered?"
ANSWERS = {"Native": "good", "Written": "", "Absent": "bad"}


def shape(sizes: Sequence[int]) -> str:
    """A shape as Python writes it."""
    return "(" + ", ".join(map(str, sizes)) + ("," if len(sizes) == 1 else "") + ")"


def probed(results: Results) -> pd.DataFrame:
    """The runs whose shapes are shown, with the shapes beside them."""
    runs = shape_runs(results.trials)
    runs = runs[runs.run_id.isin(results.shapes)]
    return runs.assign(shapes=[results.shapes[run_id] for run_id in runs.run_id])


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    found = probed(results)
    return [support(results), parameters.section(found, results), *live(found, results)]


def answer(results: Results) -> tuple[Block, ...]:
    """Counts of parameters for the front page."""
    return parameters.answer(probed(results))


def support(results: Results) -> Section:
    """Native, Written or Absent, for each cell and form of each framework."""
    intro = Prose(
        "Native: the framework has it. Written: it has none, so this project wrote it. Absent: it cannot be had, for "
        "the reason given. A form never changes the mathematics, only who runs the loop over time."
    )
    given = pd.DataFrame([*results.supports], columns=["framework", "cell", "form", "answer", "detail"])
    blocks: list[Block] = [intro]
    blocks.append(_matrix(given) if len(given) else Prose("What the frameworks offer was not asked.", "missing"))
    if results.absent:
        blocks.append(_absent(results))
    return Section("support", "Who has which form", tuple(blocks))


def _matrix(given: pd.DataFrame) -> Table:
    forms = ordered(given.form, FORMS)
    rows = []
    for cell in ordered(given.cell, CELLS):
        for framework in ordered(given.framework, FRAMEWORKS):
            chosen = given[(given.cell == cell) & (given.framework == framework)]
            answers = {row.form: _answer(row) for row in chosen.itertuples()}
            first = [Cell(cell, kind="code"), Cell(name(framework), kind=framework)]
            rows.append([*first, *(answers.get(form, Cell(NONE, kind="quiet")) for form in forms)])
    return Table.of("What each framework offers, by cell and form.", ["Cell", "Framework", *forms], rows)


def _answer(row) -> Cell:
    return Cell(row.answer, row.answer, kind=ANSWERS.get(row.answer, ""), note=row.detail or "")


def _absent(results: Results) -> Table:
    rows = [
        [Cell(name(who), kind=who), Cell(slug, kind="code"), Cell(reason, kind="wide")]
        for who, slug, reason in results.absent
    ]
    return Table.of("Experiments of this study that a framework cannot run.", ["Framework", "Experiment", "Why"], rows)


def live(found: pd.DataFrame, results: Results) -> list[Section]:
    """A section for each cell, its forms folded up, the frameworks side by side."""
    made = []
    for cell in ordered(found.cell, CELLS):
        of_cell = found[found.cell == cell]
        forms = ordered(of_cell.form, FORMS)
        folded = [_form(cell, form, of_cell[of_cell.form == form], form == forms[0], results) for form in forms]
        made.append(Section(f"cell-{cell}", cell, tuple(folded)))
    return made


def _form(cell: str, form: str, rows: pd.DataFrame, unfolded: bool, results: Results) -> Details:
    by_framework = {row.framework: row for row in rows.itertuples()}
    groups = tuple(_group(by_framework[each], results) for each in ordered(by_framework, FRAMEWORKS))
    return Details(f"{cell}, {form}", groups, columns=True, open=unfolded)


def _group(row, results: Results) -> Group:
    shapes, href = row.shapes, results.links.run(row.run_id)
    text = f"{row.slug}, seed {row.seed}: {count(shapes['parameters'], 'parameter')}, "
    text += (
        "all trained."
        if shapes["trained_parameters"] == shapes["parameters"]
        else f"{shapes['trained_parameters']:,} trained."
    )
    prose = Prose(text, "quiet", (Link("run in MLflow", href),) if href else ())
    return Group(name(row.framework), (prose, _calls(shapes), _weights(shapes)), row.framework)


def _calls(shapes: Mapping[str, Any]) -> Table:
    rows = [[Cell(what), Cell(shape(sizes), kind="code")] for what, sizes in shapes["calls"]]
    return Table.of("What the live calls took and returned, for a batch of 2.", ["What", "Shape"], rows)


def _weights(shapes: Mapping[str, Any]) -> Table:
    columns = ["Native weight and its shape", "Canonical weight and its shape", "Layout, gates"]
    caption = "Each weight as the framework holds it, beside the canonical one it carries."
    return Table.of(caption, columns, [_weight(each) for each in shapes["weights"]])


def _weight(each: Mapping[str, Any]) -> list[Cell]:
    notes = ["not trained"] * (not each["trained"]) + [each["note"]] * bool(each["note"])
    gates = ["gates " + " ".join(each["gates"])] * bool(each["gates"])
    there = shape(each["canonical_shape"]) if each["canonical"] else ""
    return [
        Cell(each["name"], kind="code", note=shape(each["shape"])),
        Cell(" + ".join(each["canonical"]) or NONE, kind="code", note=there),
        Cell(each["layout"], note="; ".join([*gates, *notes])),
    ]
