"""The accuracy page: framework × conventions, learning curves, what is equal, and the sine's forecasts."""

from collections.abc import Iterable

import pandas as pd
import seaborn

from experiments.tasks import MODULES
from experiments.twins import COLOURS
from reports import statistics
from reports.data.comparable import CELLS, FRAMEWORKS, experiments, layer_table, ordered, sample
from reports.data.results import BASES, Results
from reports.html.blocks import Block, Cell, Column, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import Settings, estimate_cell, name, number, seeds_cell, shortfall
from reports.html.svg import draw
from reports.pages.accuracy import equivalence, forecasts, learning_curves, twin_losses

TITLE = "Accuracy"
MOST_SEEDS = 30  # more would be a smear, and megabytes of it
LEAD = "Does the framework make the difference, or do its defaults?"


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    return [
        conventions(results),
        learning_curves.section(results),
        equivalence.section(results),
        twin_losses.section(results),
        forecasts.section(results),
        others(results),
        *other_tasks(results),
    ]


def conventions(results: Results) -> Section:
    """Test accuracy by framework and conventions, a figure and a table."""
    trials = layer_table(results.trials)
    blocks: list[Block] = list(shortfall(trials, "of form layer on IMDB"))
    if (trials.state == "done").any():
        blocks += [_reading(trials), figure(results), table(trials, results, form=False)]
    return Section("conventions", "Framework × conventions", tuple(blocks))


def _reading(trials: pd.DataFrame) -> Prose:
    sizes = sorted({int(n) for n in trials.test_n.dropna()})
    scored = f" Each of {sizes[0]:,} test reviews is scored." if len(sizes) == 1 else " Every test review is scored."
    return Prose(
        "The sentiment of film reviews (IMDB), each cell as its framework's stock layer. The accuracy is that of the "
        f"last epoch, whose number was fixed beforehand; nothing is chosen on the test set.{scored}"
    )


def table(trials: pd.DataFrame, results: Results, form: bool, task: str = "imdb") -> Table:
    """A row for each experiment, a column for each framework."""
    frameworks, settings = ordered(trials.framework, FRAMEWORKS), Settings(trials)
    columns = ["Cell", *["Form"] * form, "Conventions", *settings.column(), Column("Seeds", True)]
    columns += [Column(name(framework), True, framework) for framework in frameworks]
    rows = []
    for fingerprint, chosen in experiments(trials):
        first, href = chosen.iloc[0], results.links.spec(fingerprint)
        found = [statistics.mean(sample(chosen, framework)) for framework in frameworks]
        cells = [Cell(first.cell, kind="code"), *[Cell(first.form, kind="code")] * form]
        cells += [Cell(first.conventions, href=href), *settings.cell(chosen), seeds_cell([each.n for each in found])]
        rows.append([*cells, *map(estimate_cell, found)])
    return Table.of(
        f"Test accuracy of the last epoch, %: mean over seeds ± half of its 95% t interval. {settings.caption}",
        columns,
        rows,
        results.links.runs(task=task),
    )


def figure(results: Results) -> Figure:
    """The framework × conventions table as points, a panel for each cell."""
    trials = layer_table(results.trials)
    done = trials[trials.state == "done"].assign(accuracy=lambda frame: frame.accuracy.astype(float))
    frameworks = ordered(done.framework, FRAMEWORKS)
    limits, widest = _limits(done), _texts(done.conventions.unique())
    panels = tuple(
        _panel(cell, done[done.cell == cell], frameworks, limits, widest, results) for cell in ordered(done.cell, CELLS)
    )
    keys = [Key(name(framework), framework) for framework in frameworks]
    keys += [Key("95% interval of the mean", "ink", "line")]
    keys += [Key("one seed", "faint", "tick")] * (done.seed.nunique() <= MOST_SEEDS)
    return Figure(
        "Test accuracy, %, by conventions. Look down each panel first: the shift from row to row is what the "
        "conventions do. Then look within a row: the gap between the colours is what is left to the framework. "
        "The scale is the seeds'; an interval of few seeds may reach beyond it.",
        panels,
        tuple(keys),
        results.links.runs(task="imdb", form="layer"),
    )


def _limits(done: pd.DataFrame) -> tuple[float, float]:
    """Shared by the panels; wide intervals of few seeds may reach out, the seeds themselves never do."""
    low, high = done.accuracy.min(), done.accuracy.max()
    room = max(0.25 * (high - low), 1.0)
    return max(0.0, low - room), min(100.0, high + room)


def _panel(cell: str, rows: pd.DataFrame, frameworks: list[str], limits, widest: list[str], results: Results) -> Panel:
    labels = ordered(rows.conventions, BASES)

    def paint(axes) -> None:
        shared = {"x": "accuracy", "y": "conventions", "hue": "framework", "order": labels, "hue_order": frameworks}
        shared |= {"palette": COLOURS, "legend": False, "ax": axes}
        if rows.seed.nunique() <= MOST_SEEDS:
            seaborn.stripplot(rows, **shared, dodge=True, jitter=False, marker="|", size=7, linewidth=1.1)
        dodge = 0.8 * (1 - 1 / len(frameworks))
        whiskers = {"errorbar": _interval, "err_kws": {"linewidth": 1.6}}
        seaborn.pointplot(rows, **shared, dodge=dodge, linestyle="none", markersize=5, **whiskers)
        axes.set(xlim=limits, xlabel="", ylabel="")
        axes.set_yticks(range(len(labels)), _texts(labels))
        axes.grid(axis="x")

    means = rows.groupby(["conventions", "framework"], sort=False).accuracy.mean()
    parts = [f"{framework} under {label} {number(value, 1)}%" for (label, framework), value in means.items()]
    spoken = f"Mean test accuracy of {cell}: {', '.join(parts)}."
    height = 0.75 + 0.55 * len(labels)
    href = results.links.runs(task="imdb", form="layer", cell=cell)
    return Panel(cell, draw(paint, spoken, widest, height=height), spoken, href)


def _texts(labels: Iterable[str]) -> list[str]:
    """Conventions on the axis, overrides on lines of their own."""
    return [label.replace("+", "\n") for label in labels]


def _interval(values) -> tuple[float, float]:
    found = statistics.mean(values)
    return found.low, found.high


def others(results: Results) -> Section:
    """Every other IMDB experiment: other forms, other settings."""
    imdb = results.trials[results.trials.task == "imdb"]
    rest = imdb[~imdb.spec_fingerprint.isin(layer_table(results.trials).spec_fingerprint)]
    blocks: list[Block] = list(shortfall(rest, "of another form or setting on IMDB"))
    if (rest.state == "done").any():
        note = (
            "A form never changes the mathematics: within one setting and under imposed conventions, where all start "
        )
        note += "alike, a cell's forms should end alike but for rounding."
        blocks += [Prose(note), table(rest, results, form=True)]
    return Section("others", "Other forms and settings", tuple(blocks))


def other_tasks(results: Results) -> list[Section]:
    """Every other task that is scored by its accuracy, such as digits."""
    scored = [task for task, module in MODULES.items() if module.SPEC.METRIC == "test/accuracy" and task != "imdb"]
    return [
        Section(task, f"Task {task}", (*shortfall(trials, f"on {task}"), table(trials, results, form=True, task=task)))
        for task in scored
        if len(trials := results.trials[results.trials.task == task])
    ]
