"""The sine: free-running forecasts against the truth, and their errors."""

import pandas as pd
from matplotlib.axes import Axes

from experiments.twins import COLOURS
from reports import statistics
from reports.data.comparable import FRAMEWORKS, experiments, ordered, sample
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Figure, Key, Panel, Section, Table
from reports.html.format import Settings, count, error_cell, name, seeds_cell, shortfall, significant
from reports.html.svg import INK, draw, mark

MOST_PANELS = 9
OBSERVED = 60  # points drawn before the forecast begins
ERRORS = {"test/one_step_mse": "one step ahead", "test/rollout_mse": "free-running"}


def section(results: Results) -> Section:
    """Figure and table."""
    trials = results.trials[results.trials.task == "sine"]
    blocks: tuple[Block, ...] = shortfall(trials, "on the sine")
    if (trials.state == "done").any():
        blocks += (*_figure(trials, results), _table(trials, results))
    return Section("sine", "Forecasting a sine", blocks)


def _figure(trials: pd.DataFrame, results: Results) -> tuple[Figure, ...]:
    drawn = trials[trials.run_id.isin(results.forecasts)]
    groups = experiments(drawn)
    if not groups:
        return ()
    panels = tuple(_panel(key, rows, results) for key, rows in groups[:MOST_PANELS])
    keys = [Key(name(each), each, "line") for each in ordered(drawn.framework, FRAMEWORKS)]
    keys += [Key("observed", "ink", "line"), Key("truth", "ink", "dash")]
    more = len(groups) - len(panels)
    left_out = f" {count(more, 'more experiment stands', 'more experiments stand')} in the table only." if more else ""
    return (
        Figure(
            "Forecasts of one seed each, after the last epoch. From the thin upright line on, the network is fed its "
            "own output. A forecast that keeps to the dashed truth has learned the wave; one that fades, drifts or "
            f"jumps has learned only the next point.{left_out}",
            panels,
            tuple(keys),
            results.links.runs(task="sine"),
        ),
    )


def _panel(key: str, rows: pd.DataFrame, results: Results) -> Panel:
    first = rows.iloc[0]
    title = f"{first.cell}, {first.form}, {first.conventions}"
    errors = [f"{who} {significant(mse, 2)}" for who, mse in zip(rows.framework, rows["test/rollout_mse"], strict=True)]
    spoken = f"Sine forecast of {title}, seed {first.seed}; free-running mean squared error: {', '.join(errors)}."
    forecasts = {framework: results.forecasts[run] for framework, run in zip(rows.framework, rows.run_id, strict=True)}
    svg = draw(_paint, (forecasts,), spoken, ("−1",), height=1.9)
    facets = {name: first[name] for name in ("task", "cell", "form", "conventions")}
    return Panel(title, svg, spoken, results.links.spec(key), facets)


def _paint(axes: Axes, forecasts: dict[str, pd.DataFrame]) -> None:
    whole = next(iter(forecasts.values()))
    seen, ahead = whole[whole.part == "observed"].tail(OBSERVED), whole[whole.part == "forecast"]
    for framework in ordered(forecasts, FRAMEWORKS):
        frame = forecasts[framework][lambda frame: frame.part == "forecast"]
        mark(axes.plot(frame.x, frame.forecast, color=COLOURS[framework], linewidth=2), framework=framework)
    axes.plot(ahead.x, ahead.truth, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    axes.plot(seen.x, seen.truth, color=INK, linewidth=1.4)
    axes.axvline(ahead.x.min() if len(ahead) else seen.x.max(), color=INK, linewidth=0.6, alpha=0.5)
    axes.set(ylim=(-1.6, 1.6), yticks=[-1, 0, 1])
    axes.grid(axis="y")


def _table(trials: pd.DataFrame, results: Results) -> Table:
    frameworks, settings = ordered(trials.framework, FRAMEWORKS), Settings(trials)
    columns = ["Cell", "Form", "Conventions", *settings.column(), Column("After epoch", True), Column("Seeds", True)]
    columns += [Column(f"{name(each)}, {text}", True, each) for text in ERRORS.values() for each in frameworks]
    rows = []
    for key, chosen in experiments(trials):
        first = chosen.iloc[0]
        cells = [Cell(first.cell, kind="code"), Cell(first.form, kind="code")]
        cells += [Cell(first.conventions, href=results.links.spec(key)), *settings.cell(first)]
        cells += [Cell(str(int(first.epochs)), int(first.epochs))]
        means = [statistics.mean(sample(chosen, each, metric)) for metric in ERRORS for each in frameworks]
        seeds = [mean.n for mean in means[-len(frameworks) :]]  # of the free-running forecasts
        rows.append([*cells, seeds_cell(seeds), *map(error_cell, means)])
    return Table.of(
        "Mean squared error after the named epoch, the last: mean over seeds ± half of its 95% t interval. One step "
        "ahead is scored on every test window; free-running on the forecast fed its own output.",
        columns,
        rows,
        results.links.runs(task="sine"),
        settings=settings.caption,
    )
