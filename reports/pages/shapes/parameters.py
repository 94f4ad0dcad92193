"""How many parameters each twin holds, and why they differ: worked out from the weights the live models listed."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import pandas as pd

from experiments.twins import TWINS
from reports.data.comparable import CELLS, FORMS, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Points, Prose, Section, Table
from reports.html.format import count, listed, name, number, shortfall

Shapes = Mapping[str, Any]
KINDS = ("embedding", "recurrent kernels", "recurrent biases", "head")


def kind(weight: Shapes) -> str:
    """Which part of the network a native weight belongs to."""
    if not weight["canonical"]:
        return "recurrent biases" if "bias" in weight["name"] else "recurrent kernels"
    room, *_, last = weight["canonical"][0].split("/")
    if room != "rnn":
        return room
    return "recurrent biases" if "bias" in last else "recurrent kernels"


def size(shapes: Shapes, of: str) -> int:
    """How many numbers a model holds natively in one part of the network."""
    return sum(prod(each["shape"]) for each in shapes["weights"] if kind(each) == of)


def why(left: Shapes, right: Shapes) -> str:
    """Why two models of one network differ in their number of parameters, from their weights alone."""
    gap = left["parameters"] - right["parameters"]
    if gap == 0:
        return "the same number"
    more, less, who = (left, right, TWINS[0]) if gap > 0 else (right, left, TWINS[1])
    parts = [
        f"{number(difference, 0, sign=True)} in {of}" for of in KINDS if (difference := size(more, of) - size(less, of))
    ]
    return _second_bias(more, less, abs(gap), who) or f"{name(who)}: {listed(parts)}"


def _second_bias(more: Shapes, less: Shapes, gap: int, who: str) -> str:
    """Where the surplus is exactly the second biases, say so, layer by layer."""
    seconds = [each for each in more["weights"] if _is_second(each)]
    extra = size(more, "recurrent biases") - size(less, "recurrent biases")
    if not gap == extra == sum(prod(each["shape"]) for each in seconds):
        return ""
    sums = []
    for each in seconds:
        gates = len(each["gates"]) or 1
        sums.append(f"{gates}·{prod(each['shape']) // gates}")
    idle = "" if any(each["trained"] for each in seconds) else ", held at zero"
    each = "each layer" if len(sums) > 1 else "its layer"
    return f"{name(who)} has a second bias of gates·hidden in {each} ({' + '.join(sums)}){idle}"


def _is_second(weight: Shapes) -> bool:
    names = {path.split("/")[-1] for path in weight["canonical"]}
    # Keras's conventions leave PyTorch's second bias without a canonical weight, at zero.
    return names == {"recurrent_bias"} or (not names and "bias" in weight["name"])


def twins(found: pd.DataFrame) -> Iterator[tuple[pd.Series, Shapes, Shapes]]:
    """Each cell and form that both twins have run in one experiment: its row, and both models' shapes."""
    for cell in ordered(found.cell, CELLS):
        for form in ordered(found.form, FORMS):
            rows = found[(found.cell == cell) & (found.form == form) & found.framework.isin(TWINS)]
            if len(rows) == 2 and rows.spec_fingerprint.nunique() == 1:
                shapes = dict(zip(rows.framework, rows.shapes, strict=True))
                yield rows.iloc[0], *(shapes[twin] for twin in TWINS)


def answer(found: pd.DataFrame) -> tuple[Block, ...]:
    """For the front page: each cell's counts in its first form."""
    firsts: dict[str, str] = {}
    for row, left, right in twins(found):
        first, second = (f"{each['parameters']:,}" for each in (left, right))
        counts = f"{first} parameters in both" if first == second else f"{first} parameters and {second}"
        reason = "" if first == second else f": {why(left, right)}"
        firsts.setdefault(row.cell, f"{row.cell} as {row.form}, under {row.conventions} conventions, {counts}{reason}.")
    if not firsts:
        return (Prose("No answer yet: no cell has been trained by both twins in one experiment."),)
    gaps = sum(left["parameters"] != right["parameters"] for _, left, right in twins(found))
    whole = "have the same number of weights" if not gaps else "differ in their number of weights for some cells"
    text = f"Built from one description, the twins {whole}. TensorFlow 2 first, PyTorch second:"
    return (Prose(text), Points(tuple(firsts.values())))


def section(found: pd.DataFrame, results: Results) -> Section:
    """Parameters of both twins; forms with the same counts share a row."""
    blocks: tuple[Block, ...] = shortfall(results.trials, "")
    rows: dict[tuple, list[str]] = {}
    for row, left, right in twins(found):
        key = (row.cell, row.units, row.conventions, left["parameters"], right["parameters"], why(left, right))
        rows.setdefault(key, []).append(row.form)
    if rows:
        blocks += (_table(rows, results),)
    return Section("parameters", "How many parameters, and why they differ", blocks)


def _table(rows: dict[tuple, list[str]], results: Results) -> Table:
    columns = ["Cell", "Forms", "Units", "Conventions", *(Column(name(twin), True, twin) for twin in TWINS)]
    columns += [Column("Difference", True), "The surplus"]
    cells = []
    for (cell, units, label, left, right, text), forms in rows.items():
        href = results.links.runs(cell=cell, conventions=label)
        first = [Cell(cell, href=href, kind="code"), Cell(", ".join(forms)), Cell(units), Cell(label)]
        counts = [Cell(f"{left:,}", left), Cell(f"{right:,}", right)]
        cells.append([*first, *counts, Cell(number(left - right, 0, sign=True), left - right), Cell(text, kind="wide")])
    caption = f"Parameters of the whole network, counted on the live models of {count(len(rows), 'network')}."
    return Table.of(caption, columns, cells)
