"""Under imposed conventions: do the twins' training losses agree, epoch by epoch?"""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from experiments.twins import TWINS
from reports.data.cached import cached_by_results
from reports.data.comparable import ordered
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import Settings, count, shortfall, significant
from reports.html.svg import BAD, INK, draw, mark
from reports.statistics import LOSS_BOUND

DRAWN = ["spec_fingerprint", "cell", "form", "conventions", "epoch", "percent"]  # columns of the figure's differences
KEYS = ["spec_fingerprint", "slug", "task", "cell", "form", "conventions", "setting"]


def losses(history: pd.DataFrame) -> pd.DataFrame:
    """|tf2 − pytorch| / their mean, for each imposed experiment, seed and epoch that both twins have."""
    imposed = history[history.imposed.astype(bool) & history.framework.isin(TWINS)]
    wide = imposed.pivot(index=[*KEYS, "seed", "epoch"], columns="framework", values="train/loss")
    wide = wide.reindex(columns=list(TWINS)).astype(float).dropna()
    middle, gap = wide.mean(axis=1).abs(), (wide[TWINS[0]] - wide[TWINS[1]]).abs()
    return (gap / middle.where(middle > 0)).fillna(0.0).rename("gap").reset_index()


def by_epoch(gaps: pd.DataFrame) -> pd.DataFrame:
    """The differences of each experiment and epoch, averaged over seeds."""
    return gaps.groupby([*KEYS, "epoch"], sort=False).gap.mean().reset_index()


def largest(gaps: pd.DataFrame) -> pd.DataFrame:
    """A row for each experiment: the epoch whose difference, averaged over seeds, is largest, and the worst seed."""
    mean = by_epoch(gaps)
    worst = mean.loc[mean.groupby("spec_fingerprint", sort=False).gap.idxmax()]
    seeds = gaps.groupby("spec_fingerprint").agg(worst_seed=("gap", "max"), n=("seed", "nunique"))
    return worst.merge(seeds, on="spec_fingerprint").assign(held=lambda frame: frame.gap <= LOSS_BOUND)


@cached_by_results
def compared(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A study's ``losses``, and the ``largest`` of them."""
    gaps = losses(results.history)
    return gaps, largest(gaps)


def answer(results: Results) -> str:
    """One sentence for the front page."""
    _, worst_epochs = compared(results)
    if worst_epochs.empty:
        return (
            "No answer yet: it needs both twins trained under imposed conventions, "
            "which give them the same weights, batches and dropout masks."
        )
    worst, held = worst_epochs.loc[worst_epochs.gap.idxmax()], int(worst_epochs.held.sum())
    whole = (
        f"in all {count(held, 'experiment')} that both have run"
        if held == len(worst_epochs)
        else f"in {held} of the {len(worst_epochs)} experiments that both have run"
    )
    whole = "in the one experiment that both have run" if len(worst_epochs) == 1 == held else whole
    return (
        "Trained from the same weights on the same batches and dropout masks, the twins keep their mean training "
        f"losses within {100 * LOSS_BOUND:g}% of each other in every epoch {whole}. The largest difference is "
        f"{significant(100 * worst.gap, 2)}% ({worst.slug}, epoch {int(worst.epoch)}, mean over "
        f"{count(int(worst.n), 'seed')})."
    )


def section(results: Results) -> Section:
    """The largest relative difference of each imposed experiment against the bound."""
    trials = results.trials[results.trials.imposed.astype(bool) & results.trials.framework.isin(TWINS)]
    gaps, worst_epochs = compared(results)
    blocks: tuple[Block, ...] = (
        Prose(
            "Under imposed conventions both twins start from the same weights and see the same batches under the same "
            "dropout masks, so their training losses must agree but for rounding, which training amplifies. For each "
            "seed and epoch the mean training losses are compared, |TensorFlow 2 − PyTorch| over their mean, and "
            f"averaged over seeds. The study's bound is {100 * LOSS_BOUND:g}% in every epoch."
        ),
        *shortfall(trials, "under imposed conventions"),
    )
    if len(gaps):
        blocks += (_figure(by_epoch(gaps), results), _table(worst_epochs, results))
    return Section("agreement", "Do the losses agree under imposed conventions?", blocks)


def _figure(gaps: pd.DataFrame, results: Results) -> Figure:
    shown = gaps[gaps.gap > 0].assign(percent=lambda frame: 100 * frame.gap)  # a logarithm has no place for zero
    panels = tuple(_panel(task, shown[shown.task == task], results) for task in ordered(shown.task, ("imdb", "sine")))
    return Figure(
        "Relative difference of the twins' training losses, % on a logarithmic scale, by epoch: a line for each "
        "experiment, the mean over its seeds. All lines should keep below the bound.",
        panels,
        (Key("one experiment", "ink", "line"), Key(f"bound, {100 * LOSS_BOUND:g}%", "bound", "dash")),
        results.links.runs(),
    )


def _panel(task: str, rows: pd.DataFrame, results: Results) -> Panel:
    worst = rows.loc[rows.percent.idxmax()]
    spoken = f"Task {task}: the largest difference is {significant(worst.percent, 2)}% in epoch {int(worst.epoch)}."
    svg = draw(_paint, (rows[DRAWN].reset_index(drop=True),), spoken, ("1·10⁻⁵",))
    return Panel(task, svg, spoken, results.links.runs(task=task), {"task": task})


def _paint(axes: Axes, rows: pd.DataFrame) -> None:
    for key, line in rows.groupby(["spec_fingerprint", "cell", "form", "conventions"], sort=False):
        drawn = axes.plot(line.epoch, line.percent, color=INK, linewidth=1, alpha=0.55)
        mark(drawn, **dict(zip(("cell", "form", "conventions"), key[1:], strict=True)))
    axes.axhline(100 * LOSS_BOUND, color=BAD, linewidth=1.2, linestyle=(0, (4, 2)))
    low = min(rows.percent.min(), 100 * LOSS_BOUND)
    axes.set(yscale="log", ylim=(low / 2, max(rows.percent.max(), 100 * LOSS_BOUND) * 2), xlabel="epoch", ylabel="")
    epochs = sorted(rows.epoch.unique())
    axes.set_xticks(epochs if len(epochs) <= 10 else epochs[:: -(-len(epochs) // 8)])
    axes.yaxis.set_major_formatter(lambda value, _: significant(value, 1))
    axes.minorticks_off()
    axes.grid(axis="y")


def _table(worst_epochs: pd.DataFrame, results: Results) -> Table | Details:
    settings = Settings(worst_epochs)
    columns = ["Task", "Cell", "Form", "Conventions", *settings.column(), Column("Seeds", True)]
    columns += [Column("Largest, %", True), Column("in epoch", True), Column("Worst seed, %", True), "Bound"]
    ranked = worst_epochs.sort_values("gap", ascending=False, kind="stable")
    rows = [_row(row, settings, results) for row in ranked.itertuples()]
    caption = (
        "Largest relative difference of the twins' training losses over all epochs, largest first; "
        f"{int(worst_epochs.held.sum())} of {count(len(worst_epochs), 'experiment')} held the bound."
    )
    table = Table.of(caption, columns, rows, results.links.runs(), settings=settings.caption)
    return table.agreed("Bound", "experiments")


def _row(row: Any, settings: Settings, results: Results) -> list[Cell]:
    return [
        Cell(row.task),
        Cell(row.cell, kind="code"),
        Cell(row.form, kind="code"),
        Cell(row.conventions, href=results.links.spec(row.spec_fingerprint)),
        *settings.cell(row),
        Cell(str(int(row.n)), int(row.n)),
        Cell(significant(100 * row.gap, 2), float(row.gap)),
        Cell(str(int(row.epoch)), int(row.epoch)),
        Cell(significant(100 * row.worst_seed, 2), float(row.worst_seed)),
        Cell("held", kind="good") if row.held else Cell("not held", kind="bad"),
    ]
