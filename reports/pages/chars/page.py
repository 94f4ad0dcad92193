"""The writing page: does it learn the next character, and do both twins write the same?"""

from collections.abc import Mapping

import pandas as pd
import seaborn

from experiments.twins import COLOURS
from reports import statistics
from reports.data.comparable import FRAMEWORKS, experiments, ordered, sample
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Figure, Key, Panel, Prose, Section, Table
from reports.html.format import NONE, Settings, count, name, number, seeds_cell, shortfall, significant
from reports.html.svg import INK, WIDTHS, draw
from reports.pages.chars import texts

TITLE = "Writing"
LEAD = "Does it learn to write, and do both twins write the same?"
MOST_PANELS = 12
BASELINES = {"unigram": "baseline/unigram", "bigram": "baseline/bigram"}
METRICS = {
    "test/loss": ("Nats", 3),
    "test/bits_per_char": ("Bits", 3),
    "test/perplexity": ("Perplexity", 2),
    "time/chars_per_s": ("Read a second", 0),
}


# --- the page


def planned(results: Results) -> bool:
    """Whether the study has anything to write: then it has this page."""
    return bool((results.trials.task == "chars").any())


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    return [scores(results), curves(results), *texts.sections(results)]


def answer(results: Results) -> str:
    """Two sentences for the front page."""
    return f"{_learned(texts.of(results))} {texts.said(results)}"


def _learned(trials: pd.DataFrame) -> str:
    done = trials[trials.state == "done"]
    if done.empty or not {"test/loss", "baseline/bigram"} <= set(done.columns):
        return "No answer yet: no trial on characters is done."
    better = int((done["test/loss"] < done["baseline/bigram"]).sum())
    best = done.loc[done["test/loss"].astype(float).idxmin()]
    return (
        f"{_better(better, len(done))} The best ({best.slug}, {name(best.framework)}) is at "
        f"{significant(best['test/loss'])} nats a character, where counting pairs could reach "
        f"{significant(best['baseline/bigram'])} at best."
    )


def _better(better: int, done: int) -> str:
    if not better:
        return f"Of {count(done, 'trial')} none scores below the bigram entropy of the test text yet."
    whole = "In the one trial" if done == 1 else f"In {'all' if better == done else better} of {done} trials"
    return (
        f"{whole} the network knows more than pairs of characters: it scores below the bigram entropy of the test text."
    )


# --- scores


def scores(results: Results) -> Section:
    """Test cross-entropy, bits, perplexity and speed, beside what counting characters could reach."""
    trials = texts.of(results)
    blocks: list[Block] = [
        Prose(
            "Each network reads a text a character at a time and is asked for the next one at every step. The "
            "cross-entropy is the mean over the test part, the text's last tenth, after the last epoch, whose number "
            "was fixed beforehand. Beside it stand two entropies of the very characters that are scored: no model that "
            "ignores what came before can score below the unigram entropy, and none that sees only the last character "
            "below the bigram entropy."
        ),
        *shortfall(trials, "on characters"),
    ]
    if (trials.state == "done").any():
        blocks += [Prose(_learned(trials)), _scores(trials, results)]
    return Section("scores", "How well it predicts", tuple(blocks))


def _scores(trials: pd.DataFrame, results: Results) -> Table:
    settings = Settings(trials)
    columns = ["Cell", "Form", "Conventions", *settings.column(), "Framework", Column("Seeds", True)]
    columns += [Column(title, True) for title, _ in METRICS.values()]
    columns += [Column(title, True) for title in ("Unigram", "Bigram")]
    rows = [
        _score(key, chosen, framework, settings, results)
        for key, chosen in experiments(trials)
        for framework in ordered(chosen.framework, FRAMEWORKS)
    ]
    return Table.of(
        "Cross-entropy on the test part in nats and in bits a character, and its perplexity: mean over seeds ± half of "
        "its 95% t interval. Characters read a second are those of the last epoch's training steps, beside other "
        f"workers: no benchmark. Unigram and bigram entropies in nats. {settings.caption}",
        columns,
        rows,
        results.links.runs(task="chars"),
    )


def _score(key: str, chosen: pd.DataFrame, framework: str, settings: Settings, results: Results) -> list[Cell]:
    first = chosen.iloc[0]
    cells = [Cell(first.cell, kind="code"), Cell(first.form, kind="code")]
    cells += [Cell(first.conventions, href=results.links.spec(key)), *settings.cell(chosen)]
    cells += [Cell(name(framework), kind=framework), seeds_cell([len(sample(chosen, framework, "test/loss"))])]
    cells += [_estimate(sample(chosen, framework, metric), digits) for metric, (_, digits) in METRICS.items()]
    return [*cells, *(_bound(chosen, metric) for metric in BASELINES.values())]


def _estimate(values, digits: int) -> Cell:
    found = statistics.mean(values)
    if not found.n:
        return Cell(NONE, kind="quiet")
    text = number(found.value, digits) + (f" ± {number(found.half, digits)}" if found.known else "")
    return Cell(text, found.value, note="" if found.known else "no interval")


def _bound(chosen: pd.DataFrame, metric: str) -> Cell:
    """An entropy of the test text: the same for every network, so it has no interval."""
    value = _entropy(chosen, metric)
    return Cell(number(value, 3), value) if value == value else Cell(NONE, kind="quiet")


def _entropy(chosen: pd.DataFrame, metric: str) -> float:
    """NaN where no trial is done."""
    return float(chosen[metric].astype(float).mean()) if metric in chosen else float("nan")


# --- curves


def curves(results: Results) -> Section:
    """Training and test loss, epoch by epoch, a panel for each experiment."""
    trials = texts.of(results)
    found = bands(results.history, trials)
    blocks: tuple[Block, ...] = (_curves(found, trials, results),) if len(found) else shortfall(trials, "on characters")
    return Section("curves", "How it learns", blocks)


def bands(history: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """For each experiment, framework, part (train, test) and epoch: the loss's mean, lowest and highest seed."""
    keys = ["spec_fingerprint", "framework", "epoch"]
    chosen = history[history.fingerprint.isin(trials.fingerprint)]
    long = chosen.melt(keys, ["train/loss", "test/loss"], "split", "loss").dropna(subset="loss")
    long = long.assign(split=long.split.str.removesuffix("/loss"), loss=long.loss.astype(float))
    return long.groupby([*keys[:2], "split", "epoch"], sort=False).loss.agg(["mean", "min", "max"]).reset_index()


def _curves(found: pd.DataFrame, trials: pd.DataFrame, results: Results) -> Figure:
    groups = [each for each in experiments(trials) if each[0] in set(found.spec_fingerprint)]
    settings = Settings(trials)
    panels = tuple(
        _curve(key, chosen, found[found.spec_fingerprint == key], settings, results)
        for key, chosen in groups[:MOST_PANELS]
    )
    keys = [Key(name(each), each, "line") for each in ordered(found.framework, FRAMEWORKS)]
    keys += [Key("test", "ink", "line"), Key("train", "ink", "dash"), Key("lowest to highest seed", "faint", "band")]
    more = len(groups) - len(panels)
    left_out = f" {count(more, 'more panel is', 'more panels are')} left out." if more else ""
    return Figure(
        "Cross-entropy in nats a character by epoch: mean over seeds, with a band from the lowest to the highest seed. "
        "Where the colours lie on one line the twins learn alike. Below the line of the bigram entropy the network "
        f"knows more than the last character.{left_out} {settings.caption}",
        panels,
        tuple(keys),
        results.links.runs(task="chars"),
    )


def _curve(key: str, chosen: pd.DataFrame, rows: pd.DataFrame, settings: Settings, results: Results) -> Panel:
    last = rows[(rows.epoch == rows.epoch.max()) & (rows.split == "test")]
    title = texts.title(chosen, settings)
    entropies = {text: _entropy(chosen, metric) for text, metric in BASELINES.items()}
    ends = ", ".join(f"{row.framework} {significant(row.mean)}" for row in last.rename(columns=str).itertuples())
    spoken = f"Losses of {title}; mean test cross-entropy ends at {ends} nats a character."
    svg = draw(lambda axes: _lines(axes, rows, entropies), spoken, ("3.0",), height=2.5)
    return Panel(title, svg, spoken, results.links.spec(key))


def _lines(axes, rows: pd.DataFrame, entropies: Mapping[str, float]) -> None:
    shown = ordered(rows.framework, FRAMEWORKS)
    for (framework, _), line in rows.groupby(["framework", "split"], sort=False):
        axes.fill_between(line.epoch, line["min"], line["max"], color=COLOURS[framework], alpha=0.15, linewidth=0)
    styles = {"style": "split", "style_order": ["test", "train"], "dashes": {"test": "", "train": (2.2, 1.6)}}
    widths = {"size": "framework", "sizes": WIDTHS, "size_order": shown}
    colours = {"hue": "framework", "hue_order": shown, "palette": COLOURS}
    shared = {"estimator": None, "legend": False, "ax": axes}
    seaborn.lineplot(rows, x="epoch", y="mean", **colours, **widths, **styles, **shared)
    for (text, value), (x, side) in zip(entropies.items(), ((1, "right"), (0, "left")), strict=True):
        if value == value:  # each named where a loss that falls from left to right leaves room
            axes.axhline(value, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate(text, (x, value), (0, 2), ("axes fraction", "data"), "offset points", ha=side, va="bottom")
    epochs = sorted(rows.epoch.unique())
    axes.set(xlabel="epoch", ylabel="")
    axes.set_xticks(epochs if len(epochs) <= 10 else epochs[:: -(-len(epochs) // 8)])
    axes.grid(axis="y")
