"""Learning curves: accuracy on training and test reviews, epoch by epoch."""

import pandas as pd
from matplotlib.axes import Axes

from reports.data.comparable import CELLS, layers, ordered
from reports.data.results import BASES, Results
from reports.html import epoch_curves
from reports.html.blocks import Block, Figure, Panel, Section
from reports.html.format import count, number, shortfall
from reports.html.svg import draw

MOST_PANELS = 12
KEYS = ["cell", "conventions", "framework", "split", "epoch"]


def bands(history: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """For each cell, conventions, framework, split (train, test) and epoch: mean, lowest and highest seed, in %."""
    chosen = history[history.fingerprint.isin(trials.fingerprint)]
    long = chosen.melt([*KEYS[:3], "epoch"], ["train/accuracy", "test/accuracy"], "split", "accuracy")
    long = long.assign(split=long.split.str.removesuffix("/accuracy"), accuracy=100 * long.accuracy.astype(float))
    grouped = long.dropna(subset="accuracy").groupby(KEYS, sort=False).accuracy
    return grouped.agg(["mean", "min", "max"]).reset_index()


def section(results: Results) -> Section:
    """A panel for each cell and conventions."""
    trials = layers(results)
    curves = bands(results.history, trials)
    blocks: tuple[Block, ...] = shortfall(trials, "of form layer on IMDB")
    if not curves.empty:
        blocks += (_figure(curves, results),)
    return Section("curves", "Learning curves", blocks)


def _figure(curves: pd.DataFrame, results: Results) -> Figure:
    chosen = [
        (cell, label, rows)
        for cell in ordered(curves.cell, CELLS)
        for label in ordered(curves.conventions, BASES)
        if len(rows := curves[(curves.cell == cell) & (curves.conventions == label)])
    ]
    chosen.sort(key=lambda each: each[1] not in BASES)  # a row of panels a cell; single overrides after all of them
    limits = curves["min"].min() - 1.5, min(100.5, curves["max"].max() + 1.5)
    panels = tuple(_panel(*each, limits, results) for each in chosen[:MOST_PANELS])
    more = len(chosen) - len(panels)
    left_out = f" {count(more, 'more panel is', 'more panels are')} left out." if more else ""
    return Figure(
        "Accuracy, %, by epoch: mean over seeds, with a band from the lowest to the highest seed. Where both colours "
        "lie on one line the twins learn alike; a train line that leaves its test line behind is "
        f"overfitting.{left_out}",
        panels,
        epoch_curves.keys(curves.framework),
        results.links.runs(task="imdb", form="layer"),
    )


def _panel(cell: str, label: str, rows: pd.DataFrame, limits, results: Results) -> Panel:
    last = rows[(rows.epoch == rows.epoch.max()) & (rows.split == "test")]
    ends = ", ".join(f"{row.framework} {number(row.mean, 1)}%" for row in last.rename(columns=str).itertuples())
    spoken = f"Learning curves of {cell} under {label} conventions; mean test accuracy ends at {ends}."
    svg = draw(_paint, (rows.reset_index(drop=True), limits), spoken, height=2.3)
    href = results.links.runs(task="imdb", form="layer", cell=cell, conventions=label)
    return Panel(f"{cell}, {label}", svg, spoken, href, {"task": "imdb", "cell": cell, "conventions": label})


def _paint(axes: Axes, rows: pd.DataFrame, limits: tuple[float, float]) -> None:
    epoch_curves.paint(axes, rows)
    axes.set(ylim=limits)
