"""Curves of a metric over the epochs: the mean over seeds, with a band from the lowest to the highest seed."""

from collections.abc import Iterable

import pandas as pd
import seaborn
from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports.data.comparable import FRAMEWORKS, ordered
from reports.html.blocks import Key
from reports.html.format import name
from reports.html.svg import WIDTHS

MOST_TICKS = 10


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
    shown = ordered(rows.framework, FRAMEWORKS)
    for (framework, _), line in rows.groupby(["framework", "split"], sort=False):
        axes.fill_between(line.epoch, line["min"], line["max"], color=COLOURS[framework], alpha=0.15, linewidth=0)
    colours = {"hue": "framework", "hue_order": shown, "palette": COLOURS}
    widths = {"size": "framework", "sizes": WIDTHS, "size_order": shown}
    styles = {"style": "split", "style_order": ["test", "train"], "dashes": {"test": "", "train": (2.2, 1.6)}}
    shared = {"estimator": None, "legend": False, "ax": axes}
    seaborn.lineplot(rows, x="epoch", y="mean", **colours, **widths, **styles, **shared)
    epochs = sorted(rows.epoch.unique())
    axes.set(xlabel="epoch", ylabel="")
    axes.set_xticks(epochs if len(epochs) <= MOST_TICKS else epochs[:: -(-len(epochs) // 8)])
    axes.grid(axis="y")
