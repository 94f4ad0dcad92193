"""Drawings of the weights: each a block to scale, its gates in colour and in order, Keras's, canonical, PyTorch's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd

from experiments.cells import CELLS
from experiments.native_layout import axes_of
from experiments.twins import TWINS
from reports.data.comparable import CELLS as ORDER
from reports.data.comparable import FORMS, ordered
from reports.data.results import Results
from reports.html.blocks import Details, Figure, Panel, Prose, Section
from reports.html.format import listed, name, shape
from reports.pages.shapes.pictures.drawing import WIDTH, box, svg, text

CAPTION = (
    "The first layer's weights, to scale; a bias is drawn thicker than it is. Each gate has its colour and letter in "
    "all three drawings: colours side by side are gates along the columns, colours one above the other "
    "gates along the rows; canonical, the gates are an axis of their own."
)
ACROSS, DEEP = 250, 110  # the longest block's longer side, the deepest one's shorter side
THIN, SPACE, LABEL, LETTER = 9, 16, 15, 6.7  # a bias's thickness, the space between blocks, a title's height and letter


class Weight(NamedTuple):
    """A weight to draw: its sizes, with the axis along which its gates lie in order."""

    name: str
    rows: int
    columns: int
    gates: tuple[str, ...]
    downwards: bool  # the gates lie one above the other
    said: str  # its shape in numbers and its layout in letters


def section(runs: pd.DataFrame, results: Results) -> Section | None:
    """A figure for each cell; those whose layers are ours, in all frameworks alike, are folded."""
    figures = {cell: drawn for cell in ordered(runs.cell, ORDER) if (drawn := figure(cell, runs))}
    if not figures:
        return None
    stock, own = (
        [made for cell, made in figures.items() if _is_stock(cell, results) is wanted] for wanted in (True, False)
    )
    folded = (Details("Cells that a framework lacks: the layout is this project's", tuple(own)),) if own else ()
    return Section("kernels", "How the weights lie", (Prose(CAPTION), *stock, *folded))


def _is_stock(cell: str, results: Results) -> bool:
    """Whether every twin has a layer of this cell."""
    said = {
        each["framework"]: each["answer"]
        for each in results.supports
        if (each["cell"], each["form"]) == (cell, "layer")
    }
    return all(said.get(twin) == "Native" for twin in TWINS)


def figure(cell: str, runs: pd.DataFrame) -> Figure | None:
    """The weights of a cell in the first form that both twins have run; None if there is none."""
    runs = runs[(runs.cell == cell) & runs.framework.isin(TWINS)]
    for form in ordered(runs.form, FORMS):
        of_form = runs[runs.form == form]
        both = dict(zip(of_form.framework, of_form.shapes, strict=True))
        if set(both) == set(TWINS):
            tf2, pytorch = (list(natives(both[twin])) for twin in TWINS)
            canonical = list(canonicals([both[twin] for twin in TWINS], cell))
            scale = _scale([tf2, canonical, pytorch])
            title = cell if form == FORMS[0] else f"{cell}, form {form},"
            panels = (
                _panel(f"{title} in {name(TWINS[0])}", tf2, scale),
                _panel(f"{title} canonical", canonical, scale, apart=True),
                _panel(f"{title} in {name(TWINS[1])}", pytorch, scale),
            )
            return Figure("", tuple(replace(panel, facets={"cell": cell}) for panel in panels))
    return None


def natives(shapes: Mapping[str, Any]) -> Iterator[Weight]:
    """The weights of the first layer, forward, as a framework holds them."""
    for weight in shapes["weights"]:
        if any(path.startswith("rnn/0/forward/") for path in weight["canonical"]):
            axes = weight["layout"].strip("()").split(", ")
            gates = next((place for place, axis in enumerate(axes) if "G" in axis.split("·")), None)
            sizes = weight["shape"] if len(weight["shape"]) == 2 else [1, *weight["shape"]]
            downwards = gates == 0 and len(weight["shape"]) == 2
            said = f"{shape(weight['shape'])} = ({', '.join(axes)})"
            yield Weight(weight["name"], *sizes, tuple(weight["gates"]) if gates is not None else (), downwards, said)


def canonicals(twins: Sequence[Mapping[str, Any]], cell: str) -> Iterator[Weight]:
    """The same weights in canonical layout, gates side by side: all that any framework holds."""
    weights = {path: each for shapes in twins for each in shapes["weights"] for path in each["canonical"]}
    for path, weight in weights.items():
        if path.startswith("rnn/0/forward/"):
            *rows, columns = weight["canonical_shape"]
            gates = CELLS[cell].gates if len(weight["gates"]) > 1 else ()
            inputs = rows[0] if len(rows) == 2 or not gates else 1
            wide = columns * len(gates) if gates else columns
            said = f"{shape(weight['canonical_shape'])} = ({', '.join(axes_of(path))})"
            yield Weight(path.split("/")[-1], inputs, wide, gates, False, said)


def _panel(title: str, weights: Sequence[Weight], scale: float, apart: bool = False) -> Panel:
    """One framework's blocks: one below the other, or side by side where gates lie downwards."""
    label = f"{title}: {'; '.join(map(_in_words, weights))}."
    parts, height = (_beside if _is_beside(weights) else _below)(weights, scale, apart)
    return Panel(title, svg(height, parts, label), label)


def _in_words(weight: Weight) -> str:
    gates = f", gates {listed(weight.gates)} {'downwards' if weight.downwards else 'across'}" if weight.gates else ""
    return f"{_title(weight)}{gates}"


def _scale(panels: Sequence[Sequence[Weight]]) -> float:
    """Units of the drawing for a row or column, so that every panel fits and all have the same scale."""
    weights = [weight for panel in panels for weight in panel]
    longest = max(max(weight.rows, weight.columns) for weight in weights)
    deepest = max(min(weight.rows, weight.columns) for weight in weights)
    return min([ACROSS / longest, DEEP / deepest, *(_room(panel) for panel in panels if _is_beside(panel))])


def _is_beside(weights: Sequence[Weight]) -> bool:
    """Whether a panel's blocks stand side by side, as their gates lie downwards."""
    return any(weight.downwards for weight in weights)


def _room(weights: Sequence[Weight]) -> float:
    """The scale at which blocks side by side leave room for the last one's title."""
    taken = (SPACE + THIN) * (len(weights) - 1) + LETTER * len(_title(weights[-1])) + SPACE
    before_last = [weight.columns for weight in weights[:-1] if weight.rows > 1]
    return (WIDTH - taken) / sum(before_last)


def _title(weight: Weight) -> str:
    return f"{weight.name} {weight.said}"


def _below(weights: Sequence[Weight], scale: float, apart: bool) -> tuple[list[str], float]:
    parts, y = [], 0.0
    for weight in weights:
        parts.append(text(0, y + 11, _title(weight), "code"))
        thickness = _thickness(weight.rows, scale)
        parts += _block(weight, 0, y + LABEL, weight.columns * scale, thickness, apart)
        y += LABEL + thickness + SPACE
    return parts, y - SPACE + 2


def _beside(weights: Sequence[Weight], scale: float, apart: bool) -> tuple[list[str], float]:
    """Blocks side by side; their titles above, each on a line of its own with a rule down to its block."""
    parts, x, top = [], 0.0, LABEL * len(weights) + 4
    highest = max((weight.columns if weight.rows == 1 else weight.rows) * scale for weight in weights)
    for place, weight in enumerate(weights):
        flat = weight.rows == 1  # one row: drawn as a column, as its gates lie in the kernels beside it
        width = THIN if flat else weight.columns * scale
        height = weight.columns * scale if flat else weight.rows * scale
        y = LABEL * place + 11
        parts += [text(x + 4, y, _title(weight), "code"), box(x, y - 9, 0.8, top - y + 9, "rule")]
        parts += _block(weight._replace(downwards=True), x, top, width, height, apart)
        x += width + SPACE
    return parts, top + highest + 2


def _thickness(rows: int, scale: float) -> float:
    return rows * THIN if rows <= 2 else rows * scale


def _block(weight: Weight, x: float, y: float, width: float, height: float, apart: bool) -> Iterator[str]:
    """One block, a part for each gate; ``apart`` leaves a space between them."""
    if not weight.gates:
        yield box(x, y, width, height, "gate")
    for place, gate in enumerate(weight.gates):
        share = 1 / len(weight.gates)
        wide, high = (width, height * share) if weight.downwards else (width * share, height)
        left = x + (0 if weight.downwards else place * (wide + 5 * apart))
        top = y + (place * high if weight.downwards else 0)
        yield box(left, top, wide, high, f"gate {gate}")
        if min(wide, high) > THIN:
            yield text(left + wide / 2, top + high / 2 + 4, gate, "code middle")
