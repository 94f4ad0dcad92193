"""The calls that the sources' texts print, each beside its result in this study."""

from collections.abc import Iterable, Mapping
from typing import Any

from experiments.probes.published import CALLS, Call
from reports.html.blocks import Block, Cell, Details, Prose, Section, Table
from reports.html.format import NONE, count, listed, name, shape, significant

Answers = Mapping[str, Mapping[str, Any]]  # framework → call → result: each framework's ``printed.json``


def section(answers: Answers) -> Section:
    """How many calls give what was printed; the calls, folded if all of them do."""
    planned = [(call, framework) for call in CALLS for framework in call.calls]
    made = [(call, framework) for call, framework in planned if call.name in answers.get(framework, {})]
    agreeing = sum(agrees(call, answers[framework][call.name]) for call, framework in made)
    blocks: list[Block] = []
    if len(made) < len(planned):
        blocks.append(Prose(f"Of {count(len(planned), 'call')} {len(made)} were made.", "missing"))
    if made:
        text = f"{agreeing} of {count(len(made), 'call')} made in this study give what was printed."
        blocks.append(Prose(text, "" if agreeing == len(made) else "missing"))
    blocks.append(Details("The calls", (table(CALLS, answers),), open=agreeing < len(made)))
    return Section("calls", "The calls and shapes that the sources print", tuple(blocks))


def agrees(call: Call, result: Mapping[str, Any]) -> bool:
    """Whether the result holds everything that was printed; it may hold more."""
    return all(what in result and result[what] == value for what, value in call.printed.items())


def table(calls: Iterable[Call], answers: Answers) -> Table:
    """A row for each call and framework: what was printed, the result in this study, and whether they agree."""
    rows = [
        [
            Cell(text, kind="code"),
            Cell(name(framework), kind=framework),
            Cell(in_words(call.printed)),
            *_result(call, answers.get(framework, {}).get(call.name)),
        ]
        for call in calls
        for framework, text in call.calls.items()
    ]
    return Table.of(
        "Printed calls, made again in this study.", ["Call", "Framework", "Printed", "Here", "Agrees"], rows
    )


def _result(call: Call, result: Mapping[str, Any] | None) -> list[Cell]:
    if result is None:
        return [Cell(NONE, kind="quiet"), Cell("not called yet", kind="quiet")]
    verdict = Cell("agrees", kind="good") if agrees(call, result) else Cell("differs", kind="bad")
    return [Cell(in_words(result)), verdict]


def in_words(result: Mapping[str, Any]) -> str:
    """``kernel (4, 3), bias (3,)``."""
    return ", ".join(f"{what} {_value(value)}" for what, value in result.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return significant(value, 2)
    if isinstance(value, list | tuple):
        return listed(value) if any(isinstance(item, str) for item in value) else shape(value)
    return str(value)
