"""The table that opens the page: what differs, in Keras, in PyTorch, what to do; and the front page's few of it."""

import re
from collections.abc import Iterable, Iterator, Mapping

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Points, Prose, Section, Table
from reports.html.format import name
from reports.pages.shapes.differences import DIFFERENCES, Difference
from reports.pages.shapes.letters import Calls, filled, found, words

LETTERS = "B batch, T time, I features, H hidden units"
CAPTION = (
    f"Shapes in letters: {LETTERS}. What stands under a framework is what its own calls gave in this study; each "
    "entry leads to the lines of code."
)
NOT_TRIED = "No call has been tried yet: this table needs the measurement call_conventions of a study to have run."
CONTRADICTED = "No advice: this study's results are not those that it rests on."

Answers = Mapping[str, Calls]  # framework → snippet → lines and results


def section(answers: Answers) -> Section:
    """The table, or that it is missing."""
    blocks: tuple[Block, ...] = (table(answers),) if answers else (Prose(NOT_TRIED, "missing"),)
    return Section("at-a-glance", "What differs, at a glance", blocks)


def table(answers: Answers) -> Table:
    """A row for each difference."""
    columns = ["What differs", *(Column(name(twin), kind=twin) for twin in TWINS), "What to do"]
    return Table.of(CAPTION, columns, [_row(each, answers) for each in DIFFERENCES], kind="glance")


def _row(difference: Difference, answers: Answers) -> list[Cell]:
    return [
        Cell(difference.title, kind="entry"),
        *(_entry(difference, twin, answers.get(twin, {})) for twin in TWINS),
        _advice(difference, answers),
    ]


def _entry(difference: Difference, twin: str, calls: Calls) -> Cell:
    text = filled(difference.of(twin), calls)
    if text is None:
        return Cell("not tried in this study", kind="quiet")
    return Cell(unbroken(text), href=f"#call-{snippets_of(difference.of(twin))[0]}", kind="entry")


def _advice(difference: Difference, answers: Answers) -> Cell:
    if any(contradicted(difference, twin, answers[twin]) for twin in TWINS if twin in answers):
        return Cell(CONTRADICTED, kind="bad")
    return Cell(difference.advice, kind="entry")


def unbroken(text: str) -> str:
    """The text with its shapes each kept on one line."""
    return re.sub(r", (?=[A-Z\d·, ]+\))", ",\u00a0", text)


def snippets_of(text: str) -> list[str]:
    """The snippets whose results a text is filled with, in order."""
    return list(dict.fromkeys(re.findall(r"\{(\w+)\.", text)))


def contradicted(difference: Difference, framework: str, calls: Calls) -> list[str]:
    """What the advice assumes of a framework that its results deny, or do not hold."""
    return [
        f"{path} is {given}, not {assumed}"
        for path, assumed in difference.assumes.get(framework, {}).items()
        if (given := _given(calls, path)) != assumed
    ]


def _given(calls: Calls, path: str) -> str:
    try:
        return words(found(calls, path))
    except KeyError:
        return "not known"


def answer(results: Results) -> tuple[Block, ...]:
    """The front page's answer: the differences that bite most, as the calls gave them; nothing if none was tried."""
    points = tuple(_biting(DIFFERENCES, results.calls)) if set(TWINS) <= set(results.calls) else ()
    lead = Prose(f"What bites most in a port ({LETTERS}):")
    return (lead, Points(points)) if points else ()


def _biting(differences: Iterable[Difference], answers: Answers) -> Iterator[str]:
    for difference in differences:
        texts = [filled(text, answers[twin]) for text, twin in zip(difference.bites or (), TWINS, strict=False)]
        if texts and None not in texts:
            yield unbroken(f"{'; '.join(texts)}.").replace("`", "")
