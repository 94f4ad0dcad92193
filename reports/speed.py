"""The speed page: times taken while training, which is no benchmark and says so."""

import json

import numpy as np
import pandas as pd
import seaborn

from experiments.presentation import COLOURS
from reports.blocks import Block, Cell, Column, Figure, Key, Panel, Points, Prose, Section, Table
from reports.figures import draw
from reports.results import TWINS, Results
from reports.selection import CELLS, FORMS, FRAMEWORKS, alike, experiments, ordered, pairs, sample
from reports.words import NONE, Settings, listed, name, number, seconds, seeds_cell, shortfall, significant

TITLE = "Speed"
LEAD = "Which is faster here, written which way?"
METRICS = {"time/step_s": "Steady step", "time/first_step_s": "First step", "time/epoch_s": "Epoch"}
CAUTION = (
    "These times come from training trials, which ran beside other workers on the same processor: they are no "
    "benchmark. Trust a factor of two, not a few per cent."
)


def timed(results: Results) -> pd.DataFrame:
    """The trials, with the median of each trial's epochs as ``time/epoch_s``."""
    epochs = results.history.groupby("fingerprint")["time/epoch_s"].median()
    return results.trials.assign(**{"time/epoch_s": results.trials.fingerprint.map(epochs).astype(float)})


def ratios(chosen: pd.DataFrame, metric: str = "time/step_s") -> np.ndarray:
    """tf2 / pytorch for each seed of one experiment; none where their threads or devices differ."""
    done = chosen[(chosen.state == "done") & chosen.framework.isin(TWINS)]
    if done.threads.nunique() > 1 or done.device.nunique() > 1:
        return np.array([])
    wide = pairs(done, metric)
    return (wide[TWINS[0]] / wide[TWINS[1]]).to_numpy(float)


def answer(results: Results) -> tuple[Block, ...]:
    """Each cell's fastest form in each framework, for the front page."""
    trials = alike(timed(results))
    done = trials[(trials.state == "done") & (trials.task == "imdb") & trials.framework.isin(TWINS)]
    medians = done.dropna(subset="time/step_s").groupby(["cell", "framework", "form"])["time/step_s"].median()
    if medians.empty:
        return (Prose("No answer yet: no trial on IMDB has been timed."),)
    fastest = {key: (part.idxmin()[2], part.min()) for key, part in medians.groupby(level=[0, 1])}
    cells = ordered(medians.index.get_level_values("cell"), CELLS)
    texts = [text for cell in cells if (text := _fastest(cell, fastest))]
    label, n = done.conventions.iloc[0], done.groupby(["cell", "framework", "form"]).size()
    trials_each = f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"
    text = f"By each twin's fastest form, under {label} conventions, a training step on IMDB takes"
    return (Prose(f"{text} (medians, n\u00a0=\u00a0{trials_each}):"), Points(tuple(texts)), Prose(CAUTION))


def _fastest(cell: str, fastest: dict[tuple[str, str], tuple[str, float]]) -> str:
    parts = [
        f"{seconds(fastest[cell, twin][1])} in {name(twin)} ({fastest[cell, twin][0]})"
        for twin in TWINS
        if (cell, twin) in fastest
    ]
    return f"{cell}: {listed(parts)}."


def sections(results: Results) -> list[Section]:
    """The page's sections: for each task one like-for-like comparison, then the rest."""
    trials = timed(results)
    chosen = alike(trials)
    made = [_task(task, part, results) for task, part in chosen.groupby("task", sort=False)]
    return [_reading(trials), *made, *_rest(trials[~trials.spec_fingerprint.isin(chosen.spec_fingerprint)], results)]


def _task(task: str, chosen: pd.DataFrame, results: Results) -> Section:
    label = chosen.conventions.iloc[0]
    blocks: list[Block] = [*shortfall(chosen, f"on {task} under {label} conventions")]
    if chosen["time/step_s"].notna().any():
        blocks += [_conditions(label, chosen), _figure(task, chosen, results), _table(chosen, results)]
    return Section(task, f"Training steps: {task}", tuple(blocks))


def _reading(trials: pd.DataFrame) -> Section:
    text = (
        "A steady step is the median over a trial's training steps but its first; the first step holds tracing and "
        "compiling; an epoch is the sum of its steps, without evaluation. Only trials of one and the same experiment "
        "with the same number of threads enter a ratio."
    )
    return Section("reading", "How to read these times", (Prose(CAUTION, "note"), Prose(text), *shortfall(trials, "")))


def _conditions(label: str, chosen: pd.DataFrame) -> Prose:
    threads = sorted({f"{value:g}" for value in chosen.threads.dropna()})
    each = f", {listed(threads, 'or')} thread{'' if threads == ['1'] else 's'} a worker" if threads else ""
    return Prose(f"Under {label} conventions{each}.")


def _figure(task: str, chosen: pd.DataFrame, results: Results) -> Figure:
    done = chosen[chosen.state == "done"].dropna(subset="time/step_s")
    done = done.assign(ms=lambda frame: 1000 * frame["time/step_s"].astype(float))
    forms, top = ordered(done.form, FORMS), 1.08 * done.ms.max()
    panels = tuple(
        _panel(cell, done[done.cell == cell], forms, top, results.links.runs(task=task, cell=cell))
        for cell in ordered(done.cell, CELLS)
    )
    keys = [Key(name(each), each) for each in ordered(done.framework, FRAMEWORKS)]
    return Figure(
        "Steady training step, ms: median over trials, with a line from the fastest to the slowest trial. Further left "
        "is faster; compare colours within a form, and forms within a colour.",
        panels,
        (*keys, Key("fastest to slowest trial", "ink", "line")),
        results.links.runs(task=task),
    )


def _panel(cell: str, rows: pd.DataFrame, forms: list[str], top: float, href: str | None) -> Panel:
    frameworks = ordered(rows.framework, FRAMEWORKS)

    def paint(axes) -> None:
        order = {"order": forms, "hue_order": frameworks, "palette": COLOURS, "dodge": 0.35 * (len(frameworks) > 1)}
        spread = {"estimator": "median", "errorbar": ("pi", 100), "err_kws": {"linewidth": 1.6}}
        marks = {"linestyle": "none", "markersize": 5, "legend": False}
        seaborn.pointplot(rows, x="ms", y="form", hue="framework", **order, **spread, **marks, ax=axes)
        axes.set(xlim=(0, top), xlabel="", ylabel="")
        axes.grid(axis="x")

    medians = rows.groupby(["form", "framework"], sort=False).ms.median()
    parts = [f"{framework} {form} {significant(value)} ms" for (form, framework), value in medians.items()]
    spoken = f"Median steady step of {cell}: {', '.join(parts)}."
    return Panel(cell, draw(paint, spoken, forms, height=0.7 + 0.38 * len(forms)), spoken, href)


def _table(chosen: pd.DataFrame, results: Results, conventions: bool = False) -> Table:
    frameworks, settings = ordered(chosen.framework, FRAMEWORKS), Settings(chosen)
    columns = ["Cell", "Form", *["Conventions"] * conventions, *settings.column(), Column("Trials", True)]
    columns += [Column(f"{text}, {name(each)}", True, each) for text in METRICS.values() for each in frameworks]
    columns.insert(len(columns) - 2 * len(frameworks), Column("tf2 / PyTorch", True))
    rows = [_row(key, part, frameworks, settings, conventions, results) for key, part in experiments(chosen)]
    return Table.of(
        "Times while training: median over trials, and beneath it the fastest to the slowest. The ratio is that of the "
        f"steady steps, seed by seed; below 1 TensorFlow 2 is the faster. {settings.caption}",
        columns,
        rows,
        results.links.runs(task=chosen.task.iloc[0]),
    )


def _row(key: str, chosen: pd.DataFrame, frameworks, settings: Settings, conventions: bool, results) -> list[Cell]:
    first, (step, *others) = chosen.iloc[0], METRICS
    counts = [len(sample(chosen, framework, step)) for framework in frameworks]
    return [
        Cell(first.cell, kind="code"),
        Cell(first.form, href=results.links.spec(key), kind="code"),
        *[Cell(first.conventions)] * conventions,
        *settings.cell(chosen),
        seeds_cell(counts),
        *(_middle(sample(chosen, framework, step), seconds) for framework in frameworks),
        _middle(ratios(chosen), number),
        *(_middle(sample(chosen, framework, metric), seconds) for metric in others for framework in frameworks),
    ]


def _middle(values: np.ndarray, write) -> Cell:
    """The median, with the lowest to the highest beneath."""
    if not len(values):
        return Cell(NONE, kind="quiet")
    low, middle, high = (float(each) for each in (values.min(), np.median(values), values.max()))
    return Cell(write(middle), middle, note=_span(write(low), write(high)) if len(values) > 1 else "")


def _span(low: str, high: str) -> str:
    """``43.8 to 45.8 ms``: a unit that both share is said once."""
    unit = low.rpartition(" ")[2] if " " in low else ""
    return f"{low.removesuffix(f' {unit}') if unit and high.endswith(f' {unit}') else low} to {high}"


def _rest(rest: pd.DataFrame, results: Results) -> list[Section]:
    """The experiments under other conventions or settings, as far as any is done."""
    rest = rest[rest.spec_fingerprint.isin(rest[rest.state == "done"].spec_fingerprint)]
    tables = tuple(_table(part, results, conventions=True) for _, part in rest.groupby("task", sort=False))
    note = Prose(
        "Under imposed conventions batches and dropout masks are drawn outside and handed over, so their steps are not "
        "the stock ones."
    )
    return [Section("others", "Under other conventions and settings", (note, *tables))] if tables else []


def parse(text: str) -> tuple[dict, ...]:
    """A run's ``timing.json``: a record for each process.

    Raises:
        ValueError: it is none.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or not found.get("processes"):
        raise ValueError("no timing's record")
    return tuple(found["processes"])
