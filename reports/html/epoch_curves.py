"""Curves of a metric over the epochs: the mean over seeds, with a band from the lowest to the highest seed."""

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports.data.comparable import FRAMEWORKS, ordered
from reports.html.blocks import Key
from reports.html.format import name
from reports.html.svg import WIDTHS, mark

MOST_TICKS = 10
DASHES = {"test": "-", "train": (0, (2.2, 1.6))}


def keys(frameworks: Iterable[str]) -> tuple[Key, ...]:
    """The legend."""
    lines = [Key(name(framework), framework, "line") for framework in ordered(frameworks, FRAMEWORKS)]
    marks = (("test", "ink", "line"), ("train", "ink", "dash"), ("lowest to highest seed", "faint", "band"))
    return (*lines, *(Key(*mark) for mark in marks))


def paint(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one panel.

    Args:
        axes: what to draw on.
        rows: a row for each framework, split (train, test) and epoch, with mean, min and max over the seeds.
    """
    for framework in ordered(rows.framework, FRAMEWORKS):
        for split, style in DASHES.items():
            line = rows[(rows.framework == framework) & (rows.split == split)]
            shared = {"color": COLOURS[framework]}
            band = axes.fill_between(line.epoch, line["min"], line["max"], alpha=0.15, linewidth=0, zorder=1, **shared)
            drawn = axes.plot(line.epoch, line["mean"], linewidth=WIDTHS[framework], linestyle=style, **shared)
            mark([band, *drawn], framework=framework)
    epochs = sorted(rows.epoch.unique())
    axes.set(xlabel="epoch", ylabel="")
    axes.set_xticks(epochs if len(epochs) <= MOST_TICKS else epochs[:: -(-len(epochs) // 8)])
    axes.grid(axis="y")
