"""Drawings of whole networks: each line of code a box, each result an arrow with its shape, both frameworks."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from experiments.probes.snippets import Snippet, snippets
from experiments.twins import TWINS
from reports.html.blocks import Figure, Panel, Prose, Section
from reports.html.format import listed, name
from reports.pages.shapes.letters import Calls, words
from reports.pages.shapes.pictures.drawing import WIDTH, arrow, box, svg, text

CAPTION = (
    "From the token ids (B, T) at the top to the answer. Each box is a line of code that ran in this study, each arrow "
    "what it gave; an arrow to the right leads to a result that the next line does not take."
)
LEFT, MIDDLE, BOX, GAP, LINE = 10, 60, 30, 40, 15  # the boxes' left edge, the arrows' x, heights of box, gap and text


class Step(NamedTuple):
    """A line of code: what it calls, the results that the next line takes, and the others."""

    call: str
    taken: tuple[str, ...]
    left: tuple[str, ...]
    parts: tuple[str, ...]  # what happens inside, such as both directions


def section(answers: Mapping[str, Calls]) -> Section | None:
    """A figure for each network that both frameworks have run; None if there is none."""
    drawn = [
        each for each in snippets() if each.topic == "networks" and all(_has(answers, twin, each) for twin in TWINS)
    ]
    figures = tuple(figure(snippet, answers) for snippet in drawn)
    return Section("way", "The tensors' way through a network", (Prose(CAPTION), *figures)) if figures else None


def _has(answers: Mapping[str, Calls], twin: str, snippet: Snippet) -> bool:
    return "results" in answers.get(twin, {}).get(snippet.name, {})


def figure(snippet: Snippet, answers: Mapping[str, Calls]) -> Figure:
    """One network, a panel a framework."""
    title = snippet.title[0].upper() + snippet.title[1:]
    panels = tuple(_panel(f"{title}, in {name(twin)}", answers[twin][snippet.name]) for twin in TWINS)
    return Figure("", panels, kind="pair")


def _panel(title: str, answer: Mapping[str, Any]) -> Panel:
    way = list(steps(answer["lines"]))
    shapes = {name: words(value) for name, value in answer["results"].items()}
    parts, bottom = [text(MIDDLE + 10, 16, "ids (B, T)", "code"), arrow(MIDDLE, 4, 20)], 26.0
    for step in way:
        drawn, bottom = _drawn(step, bottom, shapes)
        parts += drawn
    said = ", then ".join(f"{step.call} gives {listed(_named(step.taken + step.left, shapes))}" for step in way)
    label = f"{title}: {said}."
    return Panel(title, svg(bottom, parts, label), label)


def steps(lines: str) -> Iterator[Step]:
    """The steps of a chain of assignments."""
    statements = ast.parse(lines).body
    for statement, later in zip(statements, [*statements[1:], None], strict=True):
        given = [node.id for node in ast.walk(statement.targets[0]) if type(node) is ast.Name and node.id != "_"]
        used = {node.id for node in ast.walk(later) if type(node) is ast.Name} if later else set(given)
        taken, left = ([each for each in given if (each in used) is wanted] for wanted in (True, False))
        yield Step(_call(statement.value), tuple(taken), tuple(left), _inside(ast.unparse(statement.value)))


def _call(value: ast.expr) -> str:
    """What a line calls, without what it is called on: ``LSTM(8)`` of ``layers.LSTM(8)(embedded)``."""
    made = value.func if isinstance(value, ast.Call) and isinstance(value.func, ast.Call) else value
    return ast.unparse(made).replace("layers.", "")


def _inside(call: str) -> tuple[str, ...]:
    if "idirectional" in call:
        return ("forward, from the first step to the last", "backward, from the last step to the first")
    return ("layer 0", "layer 1, on layer 0's every step") if "num_layers=2" in call else ()


def _named(names: tuple[str, ...], shapes: Mapping[str, str]) -> list[str]:
    return [f"{name} {shapes[name]}" for name in names]


def _drawn(step: Step, top: float, shapes: Mapping[str, str]) -> tuple[list[str], float]:
    """The box and its arrows, and where they end."""
    height = BOX + LINE * len(step.parts)
    parts = [box(LEFT, top, WIDTH - 2 * LEFT, height, "step"), text(LEFT + 10, top + 20, step.call, "code")]
    parts += [text(LEFT + 24, top + 20 + LINE * row, f"↳ {each}", "small") for row, each in enumerate(step.parts, 1)]
    top += height
    parts += [arrow(MIDDLE, top, GAP - 4), text(MIDDLE + 10, top + 23, ", ".join(_named(step.taken, shapes)), "code")]
    for row, each in enumerate(_named(step.left, shapes)):
        y = top + 13 + row * LINE
        parts += [
            arrow(WIDTH / 2 + 30, y - 4, 22, across=True, kind="arrow left"),
            text(WIDTH / 2 + 58, y, each, "code quiet"),
        ]
    return parts, top + GAP
