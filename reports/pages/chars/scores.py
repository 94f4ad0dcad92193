"""How well each network predicts the next character, beside what counting characters can reach."""

import math

import pandas as pd

from reports import statistics
from reports.data.comparable import FRAMEWORKS, experiments, ordered, sample
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Points, Prose, Section, Table
from reports.html.format import (
    NONE,
    Settings,
    count,
    name,
    number,
    plus_minus,
    seeds_cell,
    shortfall,
    significant,
)
from reports.pages.chars.trials import ENTROPIES, entropy, on_characters

METRICS = {
    "test/loss": ("Nats", 3),
    "test/bits_per_char": ("Bits", 3),
    "test/perplexity": ("Perplexity", 2),
    "time/chars_per_s": ("Characters a second", 0),
}
EXPLANATION = (
    "Each network reads a text character by character and predicts the next one at every step. Its score is the mean "
    "cross-entropy over the test part, the last tenth of the text, after the last epoch; the number of epochs was "
    "fixed in advance. For comparison, the table shows two entropies of the scored characters: a model that ignores "
    "the characters before cannot score below the unigram entropy, nor one that sees only the last of them below the "
    "bigram entropy."
)
CAPTION = (
    "Cross-entropy on the test part in nats and in bits per character, and its perplexity: mean over seeds ± half of "
    "its 95% t interval; a single seed has no interval. Characters a second are those of the last epoch's training "
    "steps, beside other workers: no benchmark. Unigram and bigram entropies in nats."
)


def section(results: Results) -> Section:
    """The scores, and the settings of all experiments on this page."""
    trials = on_characters(results)
    blocks: list[Block] = [Prose(EXPLANATION), *shortfall(trials, "on characters")]
    if (trials.state == "done").any():
        settings = Settings(trials)
        heading = f"Setting{'s' * settings.several} of this page:"
        blocks += [Prose(answer(trials)), Prose(heading), Points(settings.lines), _table(trials, settings, results)]
    return Section("scores", "How well the networks predict", tuple(blocks))


def answer(trials: pd.DataFrame) -> str:
    """How many trials score below the bigram entropy, and the best score."""
    done = trials[trials.state == "done"]
    if done.empty or not {"test/loss", "baseline/bigram"} <= set(done.columns):
        return "No answer yet: no trial on characters is done."
    better = int((done["test/loss"] < done["baseline/bigram"]).sum())
    best = done.loc[done["test/loss"].astype(float).idxmin()]
    return (
        f"{_better(better, len(done))} The best ({best.slug}, {name(best.framework)}) has a cross-entropy of "
        f"{significant(best['test/loss'])} nats per character; the bigram entropy is "
        f"{significant(best['baseline/bigram'])}."
    )


def _better(better: int, done: int) -> str:
    if not better:
        return f"Of {count(done, 'trial')} none scores below the bigram entropy of the test text yet."
    which = "In the one trial" if done == 1 else f"In {'all' if better == done else better} of {done} trials"
    return (
        f"{which} the network learned more than pairs of characters: it scores below the bigram entropy of the test "
        "text."
    )


def _table(trials: pd.DataFrame, settings: Settings, results: Results) -> Table:
    columns = ["Cell", "Form", "Conventions", *settings.column(), "Framework", Column("Seeds", True)]
    columns += [Column(title, True) for title, _ in METRICS.values()]
    columns += [Column(title.capitalize(), True) for title in ENTROPIES]
    rows = [
        _row(key, chosen, framework, settings, results)
        for key, chosen in experiments(trials)
        for framework in ordered(chosen.framework, FRAMEWORKS)
    ]
    return Table.of(CAPTION, columns, rows, results.links.runs(task="chars"))


def _row(key: str, trials: pd.DataFrame, framework: str, settings: Settings, results: Results) -> list[Cell]:
    first = trials.iloc[0]
    cells = [Cell(first.cell, kind="code"), Cell(first.form, kind="code")]
    cells += [Cell(first.conventions, href=results.links.spec(key)), *settings.cell(first)]
    cells += [Cell(name(framework), kind=framework), seeds_cell([len(sample(trials, framework, "test/loss"))])]
    cells += [_mean(trials, framework, metric) for metric in METRICS]
    return [*cells, *(_entropy(trials, metric) for metric in ENTROPIES.values())]


def _mean(trials: pd.DataFrame, framework: str, metric: str) -> Cell:
    estimate = statistics.mean(sample(trials, framework, metric))
    if not estimate.n:
        return Cell(NONE, kind="quiet")
    return Cell(plus_minus(estimate, METRICS[metric][1]), estimate.value)


def _entropy(trials: pd.DataFrame, metric: str) -> Cell:
    """The same for every network of a setting, so it has no interval."""
    value = entropy(trials, metric)
    return Cell(NONE, kind="quiet") if math.isnan(value) else Cell(number(value, 3), value)
