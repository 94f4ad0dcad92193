"""Every call that was tried: its lines of code, to copy, and what they gave, the frameworks side by side."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from experiments.probes.snippets import PREAMBLES, TOPICS, Snippet, snippets
from experiments.twins import TWINS
from reports.html.blocks import Block, Cell, Code, Column, Details, Prose, Section, Table
from reports.html.format import NONE, count, name
from reports.pages.shapes.letters import Calls, is_tensor, words

EXPLANATION = (
    "These lines were run in this study, and under each stands what they gave. A call that has no lines in a framework "
    "has no counterpart there. The button copies a call's lines with the few that go before all of them."
)


def section(answers: Mapping[str, Calls]) -> Section | None:
    """The lines that go before all others, then a table with a box to filter it; None if no call was tried."""
    tried = [snippet for snippet in snippets() if any(snippet.name in answers.get(twin, {}) for twin in TWINS)]
    if not tried:
        return None
    codes = tuple(Code(name(twin), PREAMBLES[twin]) for twin in TWINS if twin in answers)
    before = Details("The lines that go before all of them", codes, columns=True)
    blocks: tuple[Block, ...] = (Prose(EXPLANATION), before, table(tried, answers))
    return Section("tried-calls", f"{count(len(tried), 'call')}, and what each gives", blocks)


def table(tried: list[Snippet], answers: Mapping[str, Calls]) -> Table:
    """A row for each call."""
    columns = ["Call", *(Column(name(twin), kind=twin) for twin in TWINS)]
    rows = [
        [_title(snippet), *(_lines(answers.get(twin, {}).get(snippet.name), twin) for twin in TWINS)]
        for snippet in tried
    ]
    caption = "Letters as above; P projected units, 2·H twice the hidden units, other numbers as they are."
    return Table.of(caption, columns, rows, kind="calls", filter="Find a call: return_state, mask, proj_size, …")


def _title(snippet: Snippet) -> Cell:
    return Cell(snippet.title, kind="entry", note=TOPICS[snippet.topic], anchor=f"call-{snippet.name}")


def _lines(answer: Mapping[str, Any] | None, framework: str) -> Cell:
    if answer is None:
        return Cell(NONE, kind="quiet")
    return Cell(answer["lines"].strip(), kind="lines", note=outcome(answer), copied=whole(answer["lines"], framework))


def whole(lines: str, framework: str) -> str:
    """Lines that run by themselves."""
    return f"{PREAMBLES[framework]}\n{lines.strip()}\n"


def outcome(answer: Mapping[str, Any]) -> str:
    """What lines gave, the tensors side by side and all else a name a line; or what refused them."""
    if "refused" in answer:
        return f"refused: {answer['refused']}"
    groups = groupby(answer["results"].items(), lambda given: is_tensor(given[1]))
    return "\n".join((", " if tensors else "\n").join(_named(*given) for given in group) for tensors, group in groups)


def _named(name: str, value: Any) -> str:
    """A result after its name; of several by names of their own each on a line."""
    if isinstance(value, Mapping) and not is_tensor(value):
        return "\n".join(f"{each} {words(held)}" for each, held in value.items())
    return f"{name} {words(value)}"
