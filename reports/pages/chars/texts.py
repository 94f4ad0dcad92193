"""The texts that the networks write: after each epoch, and at four temperatures when trained."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.data.comparable import FRAMEWORKS, experiments, ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Prose, Section, Table
from reports.html.format import NONE, Settings, listed, name
from reports.pages.chars.trials import on_characters, title

Texts = Mapping[str, Mapping[Any, str]]  # run id → epoch or temperature → text
GROWING = (
    "After every epoch each network continues the first characters of the test part, at temperature 0.8, with the same "
    "uniform random numbers: only the network changes from row to row."
)
TEMPERATURES = (
    "A character is drawn from softmax(logits / temperature). At 0 the likeliest is always taken, and the text soon "
    "repeats itself; at 1 it is drawn from the learned distribution."
)


def after_each_epoch(results: Results) -> Section:
    """A short text after each epoch."""
    return _section("growing", "Texts as the networks learn", GROWING, "Epoch", results.samples, results)


def by_temperature(results: Results) -> Section:
    """Longer texts of the trained networks."""
    return _section("texts", "Texts at four temperatures", TEMPERATURES, "Temperature", results.texts, results)


def _section(anchor: str, heading: str, explanation: str, column: str, texts: Texts, results: Results) -> Section:
    """For each experiment a table that unfolds, with a row for each epoch or temperature; one seed each."""
    trials = on_characters(results)
    settings = Settings(trials)
    tables: list[Details] = []
    for _, chosen in experiments(trials[trials.run_id.isin(texts)]):
        tables.append(_details(chosen, title(chosen, settings), column, texts, results, unfolded=not tables))
    if not tables:
        return Section(anchor, heading, (Prose("No finished trial on characters has recorded texts.", "missing"),))
    return Section(anchor, heading, (Prose(explanation), *tables))


def _details(trials: pd.DataFrame, named: str, column: str, texts: Texts, results: Results, unfolded: bool) -> Details:
    """The frameworks side by side; one column if all of them wrote the same."""
    runs = trials.drop_duplicates("framework").set_index("framework").run_id.to_dict()
    frameworks = ordered(runs, FRAMEWORKS)
    written = {framework: texts[runs[framework]] for framework in frameworks}
    keys = dict.fromkeys(key for of_framework in written.values() for key in of_framework)
    columns = [Column(name(framework), kind=framework) for framework in frameworks]
    shown, summary = frameworks, named
    if len(frameworks) > 1 and all(of_framework == written[frameworks[0]] for of_framework in written.values()):
        shown, columns = frameworks[:1], [Column(listed(map(name, frameworks)))]
        summary = f"{named}: the same text in every framework"
    rows = [[str(key), *(_text(written[framework].get(key)) for framework in shown)] for key in keys]
    first = trials.iloc[0]
    caption = f"{named}, seed {first.seed}."
    table = Table.of(caption, [Column(column, True), *columns], rows, results.links.spec(first.spec_fingerprint))
    return Details(summary, (table,), open=unfolded)


def _text(text: str | None) -> Cell:
    return Cell(NONE, kind="quiet") if text is None else Cell(text, kind="text")
