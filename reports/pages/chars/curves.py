"""How the networks learn: training and test loss on characters, epoch by epoch."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from reports.data.comparable import experiments
from reports.data.results import Results
from reports.html import epoch_curves
from reports.html.blocks import Block, Figure, Panel, Section
from reports.html.format import Settings, count, shortfall, significant
from reports.html.svg import INK, draw
from reports.pages.chars.trials import ENTROPIES, entropy, on_characters, title

MOST_PANELS = 12


def section(results: Results) -> Section:
    """A panel for each experiment."""
    trials = on_characters(results)
    losses = losses_by_epoch(results.history, trials)
    blocks: tuple[Block, ...] = shortfall(trials, "on characters")
    if len(losses):
        blocks = (_figure(losses, trials, results),)
    return Section("curves", "How the networks learn", blocks)


def losses_by_epoch(history: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """For each experiment, framework, split (train, test) and epoch: the loss's mean, lowest and highest seed."""
    keys = ["spec_fingerprint", "framework", "epoch"]
    chosen = history[history.fingerprint.isin(trials.fingerprint)]
    long = chosen.melt(keys, ["train/loss", "test/loss"], "split", "loss").dropna(subset="loss")
    long = long.assign(split=long.split.str.removesuffix("/loss"), loss=long.loss.astype(float))
    return long.groupby([*keys[:2], "split", "epoch"], sort=False).loss.agg(["mean", "min", "max"]).reset_index()


def _figure(losses: pd.DataFrame, trials: pd.DataFrame, results: Results) -> Figure:
    groups = [(key, chosen) for key, chosen in experiments(trials) if key in set(losses.spec_fingerprint)]
    settings = Settings(trials)
    panels = tuple(
        _panel(key, chosen, losses[losses.spec_fingerprint == key], settings, results)
        for key, chosen in groups[:MOST_PANELS]
    )
    more = len(groups) - len(panels)
    left_out = f" {count(more, 'more panel is', 'more panels are')} left out." if more else ""
    return Figure(
        "Cross-entropy in nats per character by epoch: mean over seeds, with a band from the lowest to the highest "
        "seed. Where the colours share one line, the twins learn alike. Below the line of the bigram entropy, the "
        f"network has learned more than pairs of characters.{left_out}",
        panels,
        epoch_curves.keys(losses.framework),
        results.links.runs(task="chars"),
    )


def _panel(key: str, trials: pd.DataFrame, losses: pd.DataFrame, settings: Settings, results: Results) -> Panel:
    last = losses[(losses.epoch == losses.epoch.max()) & (losses.split == "test")]
    ends = ", ".join(f"{row.framework} {significant(row.mean)}" for row in last.rename(columns=str).itertuples())
    named = title(trials, settings)
    spoken = f"Losses of {named}; mean test cross-entropy ends at {ends} nats per character."

    entropies = [(text, entropy(trials, metric)) for text, metric in ENTROPIES.items()]
    svg = draw(_paint, (losses.reset_index(drop=True), entropies), spoken, ("3.0",), height=2.5)
    first = trials.iloc[0]
    facets = {name: first[name] for name in ("task", "cell", "form", "conventions")}
    return Panel(named, svg, spoken, results.links.spec(key), facets)


def _paint(axes: Axes, losses: pd.DataFrame, entropies: Sequence[tuple[str, float]]) -> None:
    epoch_curves.paint(axes, losses)
    # Named at the right above, at the left below: there a loss that falls from left to right leaves room.
    for (text, value), (x, side) in zip(entropies, ((1, "right"), (0, "left")), strict=True):
        if not math.isnan(value):
            axes.axhline(value, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate(text, (x, value), (0, 2), ("axes fraction", "data"), "offset points", ha=side, va="bottom")
