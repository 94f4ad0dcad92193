"""The defaults page: which convention moves the result, by how much, and which are shown not to."""

import numpy as np

from experiments.study import factorial
from reports.data.results import Results
from reports.html.blocks import Block, Code, Details, Prose, Section
from reports.html.format import count, listed, number, significant
from reports.pages.defaults import curves, dumbbells, in_words, lasting, pair_map, ported, tables
from reports.pages.defaults.arms import Switches, settings
from reports.pages.defaults.effects import Judged, judged
from reports.statistics.factorial import detectable

TITLE = "Defaults"
LEAD = "Which default makes the difference, and by how much?"
NONE_YET = "No effect yet: it needs two seeds of every combination of levels."
MOST_LINES = 16  # of code on the front page, unfolded
SPREADS = (1.0, 2.0)  # of one trial within a seed, in points, for what could be shown


def planned(results: Results) -> bool:
    """Whether the study switched fields one by one, and so has this page."""
    return bool(settings(results))


def sections(results: Results) -> list[Section]:
    """A section for each setting, whether the recipes work, then how it was found."""
    judged_settings = judged(results)
    switches = [each.switches for each in judged_settings]
    own = [_section(each, name, results) for each, name in zip(judged_settings, _names(switches), strict=True)]
    return [*own, ported.section(judged_settings, results), agreement(switches), method(judged_settings)]


def _names(all_switches: list[Switches]) -> list[str]:
    """Anchors, each once."""
    names = [each.name for each in all_switches]
    return [name + f"-{names[:place].count(name) + 1}" * (name in names[:place]) for place, name in enumerate(names)]


def _section(setting: Judged, name: str, results: Results) -> Section:
    switches = setting.switches
    title = f"{switches.title[0].upper()}{switches.title[1:]}"
    if not setting.epochs:
        return Section(name, title, (Prose(switches.setting), Prose(NONE_YET, "missing")))
    last = setting.last
    blocks: list[Block | None] = [tables.answer(setting), dumbbells.figure(setting, results), lasting.section(setting)]
    blocks += [
        Prose(f"Setting: {switches.setting}. Metric: {switches.metric}, trained by {switches.framework}.", "note"),
        tables.additive(switches, last),
        curves.figure(setting, results),
    ]
    if lines := tables.recipes(last, switches):
        blocks.append(Details("The lines to add when porting", tuple(lines)))
    blocks.append(Details("Every field's effect in numbers", (tables.fields(setting, results),)))
    if last.pairs:
        together = pair_map.figure(switches, last, results), tables.pairs(switches, last)
        blocks.append(Details("Which fields act together", tuple(block for block in together if block)))
    facets = {"task": switches.task, "cell": switches.cell}
    return Section(name, title, tuple(block for block in blocks if block), facets)


def agreement(all_switches: list[Switches]) -> Section:
    """Do the twins agree on the share of trials that both have run?"""
    lines = []
    for switches in all_switches:
        if len(pairs := switches.pairs):
            gaps = np.abs(pairs.iloc[:, 0] - pairs.iloc[:, 1])
            lines.append(
                f"{switches.title}: {count(len(pairs), 'trial')}, mean gap "
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


def method(judged_settings: list[Judged]) -> Section:
    """The design, its aliases, its power and how verdicts are given, in plain words."""
    designs = dict.fromkeys(
        factorial.in_words(len(each.switches.fields)) + f" ({', '.join(each.switches.fields)})"
        for each in judged_settings
        if each.switches.design is not None
    )
    blocks = [
        Prose(
            "Each field of the conventions has two levels, Keras's and PyTorch's; an arm is one combination of levels, "
            "trained with every seed. In the design every field takes each level in half of the arms, and each pair of "
            "fields each combination in a quarter, so that neither a field nor a pair is confused with another "
            "(resolution V); three fields together may be confused with a pair. "
            "Seeds are blocks: a seed draws the same random numbers in every arm, and every effect is taken within a "
            "seed. Where no three fields act together, a field's effect is its Shapley value."
        ),
        Prose(f"Designs: {'; '.join(designs)}.")
        if designs
        else Prose("This study switches each field alone; no design."),
        *(Prose(text) for text in dict.fromkeys(map(_power, judged_settings)) if text),
        Prose(_family(judged_settings)),
    ]
    return Section("method", "How this was found", tuple(blocks))


def _power(setting: Judged) -> str:
    """What the design could show, known before any run."""
    switches, arms = setting.switches, setting.switches.design
    seeds = switches.rows.seed.nunique()
    if not switches.scored or seeds < 2:
        return ""
    share = 2 / len(arms) ** 0.5 if arms is not None else 2**0.5  # an effect's standard deviation over a trial's
    family = max(setting.family, len(switches.fields))  # before any effect is known it is this setting's own
    shown = listed((f"{number(detectable(each * share, seeds, family), 1)} at {each:g}" for each in SPREADS), "or")
    return (
        f"With {seeds} seeds and {f'{len(arms)} arms' if arms is not None else 'each field alone'}, "
        f"{len(switches.fields)} fields, an effect is shown with 80% power if it is at least {shown} points of one "
        f"trial's spread (within a seed, Holm's strictest level over {family} effects)."
    )


def _family(judged_settings: list[Judged]) -> str:
    size = max((each.family for each in judged_settings), default=0)
    return (
        f"Verdicts: {count(size, 'effect')} on this page, those after each setting's last epoch, are one family. Each "
        "is tested for a difference from zero and for equality within the margin, and Holm's method keeps the chance "
        "of any false verdict at 5%. The intervals of one panel are simultaneous (Bonferroni); pairs are judged "
        "by Benjamini and Hochberg's, which keeps the share of false ones at 5%."
    )


def opening(results: Results) -> str | None:
    """The front page's first sentence: the answer for the first setting that has one."""
    return next((in_words.headline(each) for each in judged(results) if each.epochs), None)


def answer(results: Results) -> tuple[Block, ...]:
    """What stands behind ``opening``: the chart, what is not decided, and the lines that carry the effects over."""
    for setting in judged(results):
        if setting.epochs:
            undecided = tables.undecided(setting)
            figure = dumbbells.summary(setting, results)
            return (*undecided, figure, *_folded(tables.recipes(setting.last, setting.switches)))
    return (Prose(NONE_YET, "missing"),)


def _folded(recipes: list[Block]) -> list[Block]:
    """Fold lines of code that would fill a screen."""
    lines = sum(block.text.count("\n") + 1 for block in recipes if isinstance(block, Code))
    return [Details("The lines to change", tuple(recipes))] if lines > MOST_LINES else recipes
