"""The defaults page: which convention moves the result, by how much, and which are shown not to."""

import numpy as np

from experiments.study import factorial
from reports.data.results import Results
from reports.html.blocks import Block, Details, Prose, Section
from reports.html.format import count, number, significant
from reports.pages.defaults import chart, tables
from reports.pages.defaults.arms import Switches, settings
from reports.pages.defaults.effects import measured
from reports.statistics.factorial import detectable

TITLE = "Defaults"
LEAD = "Which default makes the difference, and by how much?"
SPREADS = (1.0, 2.0)  # of one seed's effect, for what could be shown


def planned(results: Results) -> bool:
    """Whether the study switched fields one by one, and so has this page."""
    return bool(settings(results))


def sections(results: Results) -> list[Section]:
    """A section for each task and cell, then how it was found."""
    found = settings(results)
    return [*(_section(switches, results) for switches in found), agreement(found), method(found)]


def _section(switches: Switches, results: Results) -> Section:
    epochs = [effects for epoch in switches.epochs if (effects := measured(switches, epoch)).main]
    title = f"{switches.cell} on {switches.task}"
    if not epochs:
        text = "No effect yet: it needs two seeds of every arm."
        return Section(switches.name, title, (Prose(switches.setting), Prose(text, "missing")))
    last = epochs[-1]
    blocks: list[Block] = [tables.answer(switches, last), chart.figure(switches, epochs, results)]
    blocks += [
        Prose(f"Setting: {switches.setting}. Metric: {switches.metric}, trained by {switches.framework}.", "note")
    ]
    if sentence := tables.additive(switches, last):
        blocks.append(sentence)
    if lines := tables.recipes(switches, last):
        blocks.append(Details("The lines to add when porting", tuple(lines)))
    blocks.append(Details("Every field's effect in numbers", (tables.fields(switches, last, results),)))
    if last.pairs:
        together = chart.pair_map(switches, last, results), tables.pairs(switches, last)
        blocks.append(Details("Which fields act together", together))
    return Section(switches.name, title, tuple(blocks))


def agreement(found: list[Switches]) -> Section:
    """Do the twins agree on the share of trials that both have run?"""
    lines = []
    for switches in found:
        if len(pairs := switches.pairs):
            gaps = np.abs(pairs.iloc[:, 0] - pairs.iloc[:, 1])
            lines.append(
                f"{switches.cell} on {switches.task}: {count(len(pairs), 'trial')}, mean gap "
                f"{significant(gaps.mean(), 2)}, largest {significant(gaps.max(), 2)} {switches.unit}"
            )
    text = (
        "One framework trains the arms, since the twins are equal under imposed conventions. A random share of the "
        "trials, fixed by their fingerprints, ran on both: "
    )
    body = (
        Prose(text + "; ".join(lines) + ".") if lines else Prose("No trial has run on both frameworks yet.", "missing")
    )
    return Section("agreement", "Do both frameworks say the same?", (body,))


def method(found: list[Switches]) -> Section:
    """The design, its aliases and its power in plain words."""
    designs = dict.fromkeys(
        factorial.in_words(len(each.fields)) + f" ({', '.join(each.fields)})"
        for each in found
        if each.design is not None
    )
    seeds = max((len(each.rows.seed.unique()) for each in found), default=0)
    fields = max(len(each.fields) for each in found)
    shown = (
        [f"{number(detectable(each, seeds, fields), 1)} at a spread of {each:g}" for each in SPREADS]
        if seeds > 1
        else []
    )
    blocks = [
        Prose(
            "Each field of the conventions has two levels, Keras's and PyTorch's. In the design every field takes each "
            "level in half of the arms, and each pair of fields each combination in a quarter, so that neither a field "
            "nor a pair is confused with another (resolution V); three fields together may be confused with a pair. "
            "Seeds are blocks: a seed draws the same random numbers in every arm, and every effect is taken within a "
            "seed. Where no three fields act together, a field's effect is its Shapley value."
        ),
        Prose(f"Designs: {'; '.join(designs)}.")
        if designs
        else Prose("This study switches each field alone; no design."),
    ]
    if shown:
        blocks.append(
            Prose(
                f"With {seeds} seeds an effect is shown with 80% power if it is at least {' or '.join(shown)} (points, "
                f"standard deviation of one seed's effect; Holm's strictest level over {fields} fields)."
            )
        )
    return Section("method", "How this was found", tuple(blocks))


def answer(results: Results) -> tuple[Block, ...]:
    """The front page's answer: what moves the result of the first setting, and the lines that carry it over."""
    for switches in settings(results):
        effects = measured(switches, switches.epochs[-1])
        if effects.main:
            when = f"For {switches.cell} on {switches.task}, after {count(effects.epoch, 'epoch')}:"
            lines = Details("The lines to add when porting", tuple(tables.recipes(switches, effects)))
            return (Prose(when), tables.answer(switches, effects), *([lines] if lines.blocks else []))
    return (Prose("No effect yet: it needs two seeds of every arm.", "missing"),)
