"""The claims page: what the study's results support, what they do not, and the numbers that decide it."""

from reports.data.results import Results
from reports.html.blocks import Block, Cell, Group, Link, Points, Prose, Section, Table
from reports.html.format import count, number
from reports.pages.claims.facts import UNKNOWN, Facts, shown_equal
from reports.pages.index import headline
from reports.pages.parity import page as parity
from reports.statistics import MARGIN

TITLE = "What this study can and cannot claim"
LEAD = "Before a number of this study is quoted elsewhere, this is what it rests on."
HELPED = (
    "Sharing weights, batches and dropout masks makes the twins agree by itself. Their agreement under imposed "
    "conventions is a check of the method and not a finding.",
    "The SimpleRNN's learning rate was lowered from 1e-3 to 3e-4 in the study quick, because the twins parted at 1e-3: "
    "that network amplifies float32's rounding from step to step. Its agreement there holds for the lower rate alone. "
    "parity.html shows the control at both rates: one framework against itself, its initial weights moved by one unit "
    "in the last place.",
)
NO_TABLE = "This study plans no trial of form layer on IMDB, so it claims nothing about how the frameworks' accuracy "
NO_TABLE += "differs."


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    facts = Facts(results)
    return [
        Section("can", "What it can claim", _can(facts)),
        Section("cannot", "What it cannot claim", (Points(_cannot(facts)),)),
        Section("helped", "Where agreement was helped", (Points(HELPED),)),
        Section("numbers", "The numbers behind this page", (_numbers(facts),)),
    ]


def _can(facts: Facts) -> tuple[Block, ...]:
    identity = parity.answer(facts.results)
    if any(recorded.state == "done" for recorded in facts.results.checks):
        identity += " This is exact up to the stated tolerances and needs no statistics. It holds for what was checked."
    return (
        Group("The mathematics is the same", (Prose(identity, links=(Link("every check", "parity.html"),)),)),
        Group("What conventions do to accuracy, after a named epoch", _effect(facts)),
        Group("Speed on this machine", (Prose(_speed(facts), links=(Link("all times", "speed.html"),)),)),
    )


def _effect(facts: Facts) -> tuple[Block, ...]:
    if facts.table.empty:
        return (Prose(NO_TABLE, "missing"),)
    scope = (
        "This holds for these data, sizes and epochs alone, in the settings that stand with each table. Data: "
        f"{facts.data}. Epochs: {facts.epochs}. Device: {facts.devices}. Seeds of each framework and conventions: "
        f"{facts.seeds}."
    )
    links = (Link("every epoch, with intervals", "accuracy.html"),)
    return (Prose(headline.first(facts.results)), Prose(scope, links=links))


def _speed(facts: Facts) -> str:
    timings = facts.results.timings
    if not timings:
        return "This study plans no speed phase, so it claims nothing about speed."
    done = sum(timing.state == "done" for timing in timings)
    return (
        f"{done:,} of {count(len(timings), 'planned timing')} {'is' if done == 1 else 'are'} done, each in processes "
        f"of its own. They rank the ways to write a network on this processor ({facts.processors}), with the threads "
        "and shapes that stand with each time."
    )


def _cannot(facts: Facts) -> tuple[str, ...]:
    """What no such study can claim, and what these accuracies do not show."""
    general = (
        f"Anything about GPUs, where kernels, precision and the order of sums differ. Device of the trials: "
        f"{facts.devices}.",
        f"Anything about other releases than these: {facts.releases}. Defaults change between releases.",
        "Which framework is better. A stock difference is one of defaults, and every default can be set.",
    )
    if facts.table.empty:
        return general
    return (
        f"Anything about other data or sizes: the accuracies are those of {facts.data}.",
        *general,
        f"That a difference that is not significant is equality: {_equality(facts)}",
        f"That an effect lasts beyond the epochs trained: {facts.epochs}. Defaults move how fast a network learns, and "
        "a difference can vanish or reverse with more training.",
        f"An accuracy more exact than its test set allows: {facts.half_width or UNKNOWN}. That is half the 95% "
        "interval of an accuracy as an estimate for all reviews there might be. Differences are more exact, since all "
        "trials are scored on the same reviews.",
        f"That an imposed convention is the framework itself: {_faithful(facts)}",
    )


def _equality(facts: Facts) -> str:
    if not facts.tested:
        return "here no comparison has the two seeds of each side that a test needs."
    equal = sum(map(shown_equal, facts.tested))
    same = sum(map(shown_equal, facts.comparisons)) - equal
    identical = f" {same} more {'is' if same == 1 else 'are'} identical in every seed." if same else ""
    return (
        f"equality within ±{number(MARGIN, 1)} points was shown in {equal} of {count(len(facts.tested), 'comparison')} "
        f"tested.{identical} If the true difference is 0, one such test alone passes with a probability of "
        f"{facts.power} (its power at 5%, at the spread that was seen)."
    )


def _faithful(facts: Facts) -> str:
    if not facts.faithful:
        return "here no framework is planned both under stock and under its own convention."
    shown = sum(map(shown_equal, facts.faithful))
    total = count(len(facts.faithful), "comparison")
    tested = sum(each.tested for each in facts.faithful)
    return f"that stock and imposed end alike was shown in {shown} of {total}, of which {tested} could be tested."


def _numbers(facts: Facts) -> Table | Prose:
    if facts.table.empty:
        return Prose(NO_TABLE, "missing")
    rows = [
        ("Seeds of each framework and conventions", facts.seeds),
        ("Epochs after which accuracy is compared", facts.epochs),
        ("Half width that the test set leaves (95%)", facts.half_width or UNKNOWN),
        ("Margin of equality, fixed before any run", f"±{number(MARGIN, 1)} points"),
        ("Comparisons tested on the accuracy page, one family", str(len(facts.tested))),
        ("Power of one equality test at a true difference of 0", facts.power),
        ("Seeds for a power of 80%", facts.seeds_needed),
    ]
    caption = "Computed from the results of this study."
    return Table.of(caption, ["What", "Value"], [[Cell(what), Cell(value, kind="wide")] for what, value in rows])
