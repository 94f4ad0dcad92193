"""Whether both twins write the same text from the same trained weights."""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import pandas as pd

from experiments.probes.same_text import SameText
from experiments.twins import TWINS
from reports.data.comparable import CELLS, ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Prose, Section, Table
from reports.html.format import count, name

TITLE = "The same text from both twins?"
EXPLANATION = (
    "Both twins get the weights with which one trial ended, the same prompt and the same uniform random numbers. In "
    "exact arithmetic they write the same text. Rounding differs in the last bits. That matters only if two characters "
    "are almost equally likely, or if a random number falls between the twins' bounds of a character; then one "
    "character differs, and so may all that follow."
)


def compared(results: Results) -> pd.DataFrame:
    """A row for each cell and temperature in both twins: their texts, whether they are equal, and up to where."""
    rows = []
    for cell in ordered((cell for cell, _ in results.writings), CELLS):
        records = [results.writings.get((cell, twin)) for twin in TWINS]
        if all(records):
            pairs = zip(*(record["texts"] for record in records), strict=False)
            rows += [(cell, records[0]["trained_by"], *_compare(left, right)) for left, right in pairs]
    columns = ["cell", "trained_by", "temperature", *TWINS, "equal", "until"]
    return pd.DataFrame(rows, columns=columns).astype({"equal": bool})


def _compare(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[float, str, str, bool, int]:
    first, second = left["text"], right["text"]
    until = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second)))  # noqa: B905
    return left["temperature"], first, second, first == second, until


def section(results: Results) -> Section:
    """How many texts are the same; the texts, folded."""
    texts = compared(results)
    if texts.empty:
        text = "Not measured yet: this needs a trained trial of a cell under imposed conventions, and both twins."
        return Section("same", TITLE, (Prose(text, "missing"),))
    return Section("same", TITLE, (Prose(EXPLANATION), Prose(answer(results)), _texts(texts, results)))


def _texts(texts: pd.DataFrame, results: Results) -> Details:
    """Both twins' texts side by side; one column if all are the same."""
    same = texts.equal.all()
    columns = ["Cell", "Trained by", Column("Temperature", True)]
    columns += ["Text of both twins"] if same else ["Same?", *(Column(name(twin), kind=twin) for twin in TWINS)]
    rows = []
    for row in texts.itertuples():
        left, right = (getattr(row, twin) for twin in TWINS)
        cells = [Cell(row.cell, kind="code"), Cell(name(row.trained_by)), Cell(f"{row.temperature:g}")]
        rows.append([*cells, *([] if same else [_verdict(row)]), Cell(left, kind="text")])
        if not same:
            rows[-1].append(Cell("the same", kind="quiet") if row.equal else Cell(right, kind="text"))
    caption = "Texts from the same weights, by cell and temperature."
    table = Table.of(caption, columns, rows, results.check_links.measured(SameText.kind))
    return Details("The texts", (table,))


def _verdict(row) -> Cell:
    return Cell("yes", kind="good") if row.equal else Cell(f"up to character {row.until:,}", row.until, kind="bad")


def answer(results: Results) -> str:
    """How many texts are the same, and where the first difference is."""
    texts = compared(results)
    if texts.empty:
        return "Whether both twins write the same text from the same weights has not been measured yet."
    same, total = int(texts.equal.sum()), count(len(texts), "text")
    if same == len(texts):
        return f"From the same trained weights both twins write the same, character by character, in all of {total}."
    first = texts[~texts.equal].sort_values("until").iloc[0]
    return (
        f"From the same trained weights both twins write the same, character by character, in {same} of {total}; the "
        f"first difference ({first.cell}, temperature {first.temperature:g}) comes after "
        f"{count(int(first.until), 'character')}."
    )
