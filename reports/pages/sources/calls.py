"""The calls that the sources' texts print, each beside what it gives here."""

from collections.abc import Iterable, Mapping
from typing import Any

from experiments.probes.published import CALLS, Call
from reports.html.blocks import Block, Cell, Prose, Section, Table
from reports.html.format import NONE, count, listed, name, significant
from reports.pages.shapes.page import shape

Answers = Mapping[str, Mapping[str, Any]]  # framework → call → what it gave: each framework's ``printed.json``
UNASKED: Answers = {}


def section(answers: Answers) -> Section:
    """Each printed call beside the live one."""
    asked = [(call, framework) for call in CALLS for framework in call.calls]
    made = [(call, framework) for call, framework in asked if call.name in answers.get(framework, {})]
    agreed = sum(agrees(call, answers[framework][call.name]) for call, framework in made)
    blocks: list[Block] = []
    if len(made) < len(asked):
        blocks.append(Prose(f"Of {count(len(asked), 'call')} {len(made)} were made.", "missing"))
    if made:
        text = f"{agreed} of {count(len(made), 'live call')} give what was printed."
        blocks.append(Prose(text, "" if agreed == len(made) else "missing"))
    blocks.append(table(CALLS, answers))
    return Section("calls", "The shapes that their texts print", tuple(blocks))


def agrees(call: Call, given: Mapping[str, Any]) -> bool:
    """Whether everything printed is what the live call gave; it may give more."""
    return all(what in given and given[what] == value for what, value in call.printed.items())


def table(chosen: Iterable[Call], answers: Answers) -> Table:
    """A row for each call and framework: what was printed, what it gives live, and whether they agree."""
    rows = [
        [
            Cell(text, kind="code"),
            Cell(name(framework), kind=framework),
            Cell(_said(call.printed)),
            *_ours(call, answers.get(framework, {}).get(call.name)),
        ]
        for call in chosen
        for framework, text in call.calls.items()
    ]
    columns = ["Call", "Framework", "Printed", "Live", "Agrees"]
    return Table.of("Calls of the sources' texts, each made anew in this study.", columns, rows)


def _ours(call: Call, given: Mapping[str, Any] | None) -> list[Cell]:
    if given is None:
        return [Cell(NONE, kind="quiet"), Cell("not called yet", kind="quiet")]
    return [Cell(_said(given)), Cell("agrees", kind="good") if agrees(call, given) else Cell("differs", kind="bad")]


def _said(answer: Mapping[str, Any]) -> str:
    """``kernel (4, 3), bias (3,)``."""
    return ", ".join(f"{what} {_value(value)}" for what, value in answer.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return significant(value, 2)
    if isinstance(value, list | tuple):
        return listed(value) if any(isinstance(item, str) for item in value) else shape(value)
    return str(value)
