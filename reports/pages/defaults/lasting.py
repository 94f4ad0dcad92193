"""Does an effect last? Each field's effect after the first epoch beside that after the last."""

from reports.html.blocks import Group, Points
from reports.html.format import n_of, number
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Judged, ranked
from reports.pages.defaults.words import NAMES, within
from reports.statistics import Estimate
from reports.statistics.factorial import Effect

LONG = 5  # epochs; over fewer the question is not asked


def section(found: Judged) -> Group | None:
    """A sentence for each field of a setting that was trained long enough."""
    first, last = found.epochs[0], found.last
    if not found.switches.scored or last.epoch < LONG or len(found.epochs) < 2:
        return None
    order = ranked(first.main)
    items = (
        _sentence(found.switches, place, (first.epoch, first.main[place]), (last.epoch, last.main[place]))
        for place in order
    )
    return Group("Does it last?", (Points(tuple(items)),))


def _sentence(switches: Switches, place: int, first: tuple[int, Effect], last: tuple[int, Effect]) -> str:
    ends = (f"{_in_words(effect.together)} after epoch {epoch}" for epoch, effect in (first, last))
    name = NAMES[switches.fields[place]][0]
    text = f"{', '.join(ends)} (PyTorch's default minus Keras's, {n_of(last[1].estimate.n)} seeds)"
    return f"{name[0].upper()}{name[1:]}: {text}. {verdict(switches, first[1], last[1])}"


def _in_words(estimate: Estimate) -> str:
    value, low, high = (number(each, 1, sign=True) for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} points (95% interval {low} to {high})"


def verdict(switches: Switches, first: Effect, last: Effect) -> str:
    """Whether the effect after the last epoch is that after the first."""
    if not first.together.excludes_zero:
        return "No effect is shown at first." if last.verdict != "moves" else "It comes with training."
    if last.verdict == "does not":
        return f"It does not last: what is left is shown to lie within {within(switches)}."
    if last.verdict == "open":
        return "Whether it lasts is not decided: the last interval holds both zero and more than the margin."
    turned = first.estimate.value * last.estimate.value < 0
    share = number(100 * abs(last.estimate.value / first.estimate.value), 0)
    return "It turns: the other default is better at the end." if turned else f"It lasts: {share}% of it is left."
