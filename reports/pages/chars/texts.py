"""The texts that networks write: as they learn, at four temperatures, and both twins' from the same weights."""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import pandas as pd

from experiments.probes.same_text import SameText
from experiments.twins import TWINS
from reports.data.comparable import CELLS, FRAMEWORKS, experiments, ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Prose, Section, Table
from reports.html.format import NONE, Settings, count, name

SAME = "The same text from both twins?"


def of(results: Results) -> pd.DataFrame:
    """The planned trials on characters."""
    return results.trials[results.trials.task == "chars"]


def title(chosen: pd.DataFrame, settings: Settings) -> str:
    """An experiment's cell, form and conventions, and the letter of its setting where there are several."""
    first = chosen.iloc[0]
    return ", ".join([first.cell, first.form, first.conventions, *(cell.text for cell in settings.cell(chosen))])


# --- what the runs kept


# --- texts


def sections(results: Results) -> list[Section]:
    """The page's sections on texts, in order."""
    return [growing(results), same(results), texts(results)]


def growing(results: Results) -> Section:
    """A short text after each epoch, by the same draws."""
    blocks = _kept(results, results.samples, "Epoch", "A text after each epoch, the frameworks side by side")
    words = (
        "After every epoch each network writes on from the first characters of the test part, at temperature 0.8, by "
        "the same uniform numbers: what changes from row to row is the network alone."
    )
    return Section("growing", "Texts as it learns", (Prose(words), *blocks) if blocks else _none("short texts"))


def texts(results: Results) -> Section:
    """Longer texts of the trained networks, a temperature a row."""
    blocks = _kept(results, results.texts, "Temperature", "After the last epoch, by temperature")
    words = (
        "A character is drawn from softmax(logits / temperature). At 0 the likeliest is taken each time, and the text "
        "soon goes round in circles; at 1 it is drawn as the network learned it, mistakes and all."
    )
    return Section("texts", "Texts at four temperatures", (Prose(words), *blocks) if blocks else _none("texts"))


def _none(what: str) -> tuple[Block, ...]:
    return (Prose(f"No done trial on characters has kept its {what}.", "missing"),)


def _kept(results: Results, kept: Mapping[str, Mapping[Any, str]], column: str, caption: str) -> list[Block]:
    """For each experiment a table that opens, a row for each key of what its runs kept; one seed each."""
    trials, found = of(results), []
    settings = Settings(trials)
    for _, chosen in experiments(trials[trials.run_id.isin(kept)]):
        runs = chosen.drop_duplicates("framework").set_index("framework").run_id.to_dict()
        who = ordered(runs, FRAMEWORKS)
        keys = dict.fromkeys(key for framework in who for key in kept[runs[framework]])
        rows = [[str(key), *(_text(kept[runs[framework]].get(key)) for framework in who)] for key in keys]
        first = chosen.iloc[0]
        table = Table.of(
            f"{caption}; seed {first.seed}. Setting: {first.setting}.",
            [Column(column, True), *(Column(name(framework), kind=framework) for framework in who)],
            rows,
            results.links.spec(first.spec_fingerprint),
        )
        found.append(Details(title(chosen, settings), (table,), open=not found))
    return found


def _text(text: str | None) -> Cell:
    return Cell(NONE, kind="quiet") if text is None else Cell(text, kind="text")


# --- the same text from both


def compared(results: Results) -> pd.DataFrame:
    """A row for each cell and temperature that both twins wrote at: their texts, whether they are one, until where."""
    rows = []
    for cell in dict.fromkeys(cell for cell, _ in results.writings):
        pair = [results.writings.get((cell, twin)) for twin in TWINS]
        for left, right in zip(*(record["texts"] for record in pair), strict=False) if all(pair) else ():
            until = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(left["text"], right["text"])))  # noqa: B905
            equal = left["text"] == right["text"]
            rows.append((cell, left["temperature"], left["text"], right["text"], equal, until, pair[0]["trained_by"]))
    columns = ["cell", "temperature", *TWINS, "same", "until", "trained_by"]
    return pd.DataFrame(rows, columns=columns).astype({"same": bool})


def same(results: Results) -> Section:
    """Both twins on the same trained weights."""
    found = compared(results)
    if found.empty:
        text = "Not measured yet: it takes a trained trial of a cell under imposed conventions, and both twins."
        return Section("same", SAME, (Prose(text, "missing"),))
    words = (
        "Both twins are given the weights that one trial ended with, the same prompt and the same uniform numbers. In "
        "exact arithmetic they must write the same. Rounding differs in the last bits, which tells only where two "
        "characters are almost equally likely, or a uniform number falls between two: then one letter differs, and all "
        "that is read from it."
    )
    rows = [
        _pair(row) for row in found.sort_values("cell", key=lambda cells: cells.map(_rank), kind="stable").itertuples()
    ]
    table = Table.of(
        "Texts of both twins from the same weights, by cell and temperature.",
        [
            "Cell",
            "Trained by",
            Column("Temperature", True),
            "The same?",
            *(Column(name(twin), kind=twin) for twin in TWINS),
        ],
        rows,
        results.check_links.measured(SameText.kind),
    )
    return Section("same", SAME, (Prose(words), Prose(said(results)), Details("The texts", (table,))))


def _rank(cell: str) -> int:
    return CELLS.index(cell) if cell in CELLS else len(CELLS)


def _pair(row) -> list[Cell]:
    parts = f"up to character {row.until:,}"
    verdict = Cell("identical", kind="good") if row.same else Cell(parts, row.until, kind="bad")
    texts = [Cell(row.tf2, kind="text"), Cell("the same", kind="quiet") if row.same else Cell(row.pytorch, kind="text")]
    return [Cell(row.cell, kind="code"), Cell(name(row.trained_by)), Cell(f"{row.temperature:g}"), verdict, *texts]


def said(results: Results) -> str:
    """In one sentence, whether both twins write the same from the same weights."""
    found = compared(results)
    if found.empty:
        return "Whether both twins write the same from the same weights has not been measured yet."
    same = int(found.same.sum())
    texts = count(len(found), "text")
    if same == len(found):
        return f"From the same trained weights both twins write the same, letter by letter, in all of {texts}."
    first = found[~found.same].sort_values("until").iloc[0]
    return (
        f"From the same trained weights both twins write the same, letter by letter, in {same} of {texts}; the "
        f"earliest to part ({first.cell}, temperature {first.temperature:g}) does so after "
        f"{count(int(first.until), 'character')}."
    )
