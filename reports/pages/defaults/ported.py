"""Do the recipes' lines work? Each framework's tutorial script, with the lines and without, beside the prediction."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.twins import FRAMEWORKS
from reports import statistics
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Prose, Section, Table
from reports.html.format import count, estimate_cell, n_of, name, number
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import KERAS, PYTORCH, Judged
from reports.statistics import Estimate
from reports.statistics.factorial import predicted

TITLE = "Do the lines work?"
NOT_MEASURED = "The lines' effect on the tutorial scripts is not measured in this study."
HOME = {"keras": KERAS, "pytorch": PYTORCH}  # the corner that a script stands in, by its framework's convention
UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"), 0)


class Ported(NamedTuple):
    """One framework's script with the lines of some fields: changes of test accuracy, in points."""

    framework: str
    fields: tuple[str, ...]
    setting: str  # cell, task and epochs
    bare: float  # mean accuracy of the script as it stands, in per cent
    measured: Estimate
    predicted: Estimate
    by_arm: bool  # whether the very arm was trained, else the model of main effects and pairs tells
    difference: Estimate  # measured minus predicted


def section(settings: list[Judged], results: Results) -> Section:
    """A row for each framework and set of lines."""
    tried = results.recipes
    rows = [] if tried.empty else compared(tried, [each.switches for each in settings])
    blocks: tuple[Block, ...] = (Prose(NOT_MEASURED, "missing"),)
    if rows:
        blocks = (Prose(_answer(rows)), _table(rows))
    return Section("lines", TITLE, blocks)


def compared(tried: pd.DataFrame, settings: list[Switches]) -> list[Ported]:
    """Every script and set of lines that two seeds have run with the lines and without."""
    measured = []
    scripts = tried.assign(lines=tried.fields.map("+".join))
    by = ["framework", "task", "cell", "epochs", "setting"]
    for (framework, task, cell, epochs, setting), part in scripts.groupby(by, sort=False):
        accuracies = 100 * part.pivot(index="seed", columns="lines", values="accuracy").astype(float)
        for lines in [each for each in accuracies.columns if each and "" in accuracies]:
            pair, fields = accuracies[["", lines]].dropna().to_numpy(), tuple(lines.split("+"))
            if len(pair) > 1:
                expected = prediction(settings, framework, (task, cell, epochs, setting), fields)
                measured.append(((framework, fields, f"{cell} on {task}, {count(epochs, 'epoch')}"), pair, expected))
    return [Ported(*each, *_changes(pair, *expected, len(measured))) for each, pair, expected in measured]


def _changes(pair: np.ndarray, seeds: np.ndarray, by_arm: bool, members: int) -> tuple:
    """What a ``Ported`` says beside its setting; the differences of all ``members`` rows have intervals at once."""
    changes = pair[:, 1] - pair[:, 0]
    measured, told = statistics.mean(changes), statistics.mean(seeds) if len(seeds) else UNKNOWN
    if not len(seeds):
        return pair[:, 0].mean(), measured, told, by_arm, UNKNOWN
    # The scripts' random numbers and the arms' are others: independent samples.
    gap = statistics.welch(statistics.moment(changes), statistics.moment(seeds))
    return pair[:, 0].mean(), measured, told, by_arm, statistics.interval(gap, min(len(changes), len(seeds)), members)


def prediction(
    settings: list[Switches], framework: str, setting: tuple[str, str, int, str], fields: tuple[str, ...]
) -> tuple[np.ndarray, bool]:
    """Each seed's change in points when a corner's fields follow the other framework, ``(seeds,)``; empty if unknown.

    It is the arm's own where that arm was trained, and then the second value is true; else the model's.
    """
    owner, (task, cell, epoch, words) = FRAMEWORKS[framework].owner, setting
    for switches in settings:
        same = (switches.task, switches.cell, switches.setting) == (task, cell, words) and switches.scored
        same = same and epoch in set(switches.rows.epoch)
        if same and set(fields) <= set(switches.fields) and set(switches.fixed.values()) <= {owner}:
            return _predicted(switches, epoch, HOME[owner], fields)
    return np.empty(0), False


def _predicted(switches: Switches, epoch: int, home: int, fields: tuple[str, ...]) -> tuple[np.ndarray, bool]:
    start = [home] * len(switches.fields)
    end = [-home if name in fields else home for name in switches.fields]
    arms = switches.outcomes(np.array([start, end]), epoch)
    if len(arms) > 1 or switches.design is None:
        return arms[:, 1] - arms[:, 0], True
    return predicted(switches.design, switches.outcomes(switches.design, epoch), start, end), False


def verdict(row: Ported) -> tuple[str, str]:
    """In words, and the cell's kind: does the measured change differ from the predicted one, known how exactly?"""
    if not row.difference.known:
        return "no prediction", "quiet"
    width = f"known to ±{number(row.difference.half, 1)} points"
    return (f"contradicted, {width}", "bad") if row.difference.excludes_zero else (f"not contradicted, {width}", "good")


def _answer(rows: list[Ported]) -> str:
    known = [row for row in rows if row.difference.known]
    off = sum(row.difference.excludes_zero for row in known)
    text = (
        "The tutorial script of each framework, trained as it stands and with the lines added, by the framework's own "
        "random numbers; the same seeds with the lines and without. "
    )
    if not known:
        return text + "The design predicts none of these changes."
    return text + (
        f"Of {count(len(known), 'change')} of accuracy that the design predicts, {off} "
        f"{'contradicts' if off == 1 else 'contradict'} the prediction."
    )


def _table(rows: list[Ported]) -> Table:
    columns: list[Column | str] = ["Script", "Lines added for", "Setting", Column("As it stands, %", True)]
    columns += [Column(text, True) for text in ("Measured change", "Predicted change", "Measured − predicted")]
    made = []
    for row in rows:
        text, kind = verdict(row)
        made.append(
            [
                Cell(name(row.framework), kind=row.framework),
                Cell(", ".join(row.fields), kind="code"),
                Cell(row.setting),
                Cell(number(row.bare, 1), row.bare),
                _change(row.measured),
                _change(row.predicted, "that arm" if row.by_arm else "fields and pairs"),
                _change(row.difference),
                Cell(text, kind=kind),
            ]
        )
    return Table.of(
        "Change of test accuracy in points, ± half of its 95% t interval over seeds (paired by seed; the last "
        "column's are Welch's and simultaneous). Predicted: the arm with just these fields switched minus the script's "
        "corner, or what the design's effects and pairs make of it. Not contradicted: the last interval includes zero.",
        [*columns, "Verdict"],
        made,
    )


def _change(estimate: Estimate, note: str = "") -> Cell:
    cell = estimate_cell(estimate, 1, sign=True)
    return replace(cell, note=f"{n_of(estimate.n)} seeds{', ' * bool(note)}{note}") if estimate.known else cell
