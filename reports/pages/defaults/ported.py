"""Do the recipes' lines work? Each framework's tutorial script, with the lines and without, beside the prediction."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

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
HOME = {"tf2": KERAS, "pytorch": PYTORCH}  # the corner that a framework's script stands in
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


def section(found: list[Judged], results: Results) -> Section:
    """A row for each framework and set of lines."""
    tried = getattr(results, "recipes", None)
    rows = [] if tried is None or tried.empty else compared(tried, [each.switches for each in found])
    blocks: tuple[Block, ...] = (Prose(NOT_MEASURED, "missing"),)
    if rows:
        blocks = (Prose(_answer(rows)), _table(rows))
    return Section("lines", TITLE, blocks)


def compared(tried: pd.DataFrame, settings: list[Switches]) -> list[Ported]:
    """Every script and set of lines that two seeds have run with the lines and without."""
    found = []
    scripts = tried.assign(lines=tried.fields.map("+".join))
    for (framework, task, cell, epochs), part in scripts.groupby(["framework", "task", "cell", "epochs"], sort=False):
        accuracies = 100 * part.pivot(index="seed", columns="lines", values="accuracy").astype(float)
        for lines in [each for each in accuracies.columns if each and "" in accuracies]:
            pair = accuracies[["", lines]].dropna().to_numpy()
            if len(pair) > 1:
                fields = tuple(lines.split("+"))
                expected = prediction(settings, framework, (task, cell, epochs), fields)
                found.append(_ported(framework, fields, f"{cell} on {task}, {epochs} epochs", pair, expected))
    return found


def _ported(framework: str, fields: tuple[str, ...], setting: str, pair: np.ndarray, expected) -> Ported:
    changes, (seeds, by_arm) = pair[:, 1] - pair[:, 0], expected
    moments = statistics.moment(changes), statistics.moment(seeds)
    # The scripts' random numbers and the arms' are others: independent samples.
    n = min(len(changes), len(seeds))
    gap = statistics.interval(statistics.welch(*moments), n) if n > 1 else UNKNOWN
    bare = statistics.mean(pair[:, 0]).value
    told = statistics.mean(seeds) if len(seeds) else UNKNOWN
    return Ported(framework, fields, setting, bare, statistics.mean(changes), told, by_arm, gap)


def prediction(
    settings: list[Switches], framework: str, setting: tuple[str, str, int], fields: tuple[str, ...]
) -> tuple[np.ndarray, bool]:
    """Each seed's change in points when a corner's fields follow the other framework, ``(seeds,)``; empty if unknown.

    It is the arm's own where that arm was trained, and then the second value is true; else the model's.
    """
    task, cell, epoch = setting
    for switches in settings:
        same = (switches.task, switches.cell) == (task, cell) and switches.scored
        if same and epoch in set(switches.rows.epoch) and set(fields) <= set(switches.fields) and not switches.fixed:
            start = [HOME[framework]] * len(switches.fields)
            end = [-HOME[framework] if name in fields else HOME[framework] for name in switches.fields]
            arms = switches.outcomes(np.array([start, end]), epoch)
            if len(arms) > 1:
                return arms[:, 1] - arms[:, 0], True
            if switches.design is not None:
                outcomes = switches.outcomes(switches.design, epoch)
                return predicted(switches.design, outcomes, start, end), False
    return np.empty(0), False


def verdict(row: Ported) -> tuple[str, str]:
    """In words, and the cell's kind: does the measured change differ from the predicted one, known how exactly?"""
    if not row.difference.known:
        return "no prediction", "quiet"
    width = f"known to ±{number(row.difference.half, 1)} points"
    return (f"not as predicted, {width}", "bad") if row.difference.excludes_zero else (f"as predicted, {width}", "good")


def _answer(rows: list[Ported]) -> str:
    known = [row for row in rows if row.difference.known]
    off = sum(row.difference.excludes_zero for row in known)
    text = (
        "The tutorial script of each framework, trained as it stands and with the lines added, by the framework's own "
        "random numbers; the same seeds with the lines and without. "
    )
    if not known:
        return text + "The design predicts none of these changes."
    many = f"{count(len(known), 'change')} of accuracy that the design predicts"
    return text + (
        f"Of {many}, {off} {'differs' if off == 1 else 'differ'} from the prediction by more than chance (95% interval "
        "of the difference, each by itself)."
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
                _change(row.predicted, "that arm" if row.by_arm else "fields and pairs of the design"),
                _change(row.difference),
                Cell(text, kind=kind),
            ]
        )
    return Table.of(
        "Change of test accuracy in points, with 95% t intervals over seeds (paired by seed; of the last column "
        "Welch's). Predicted: the arm with just these fields switched minus the script's corner, or what the design's "
        "effects and pairs make of it.",
        [*columns, "Verdict"],
        made,
    ).folded("Setting")


def _change(estimate: Estimate, note: str = "") -> Cell:
    cell = estimate_cell(estimate, 1, sign=True)
    return replace(cell, note=f"{n_of(estimate.n)} seeds{', ' * bool(note)}{note}") if estimate.known else cell
