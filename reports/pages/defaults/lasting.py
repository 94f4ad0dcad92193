"""Does an effect last? Each field's effect after the first epoch beside that after the last."""

from reports.html.blocks import Group, Points, Prose
from reports.html.format import count, n_of, number
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Judged, ranked
from reports.pages.defaults.in_words import NAMES, within
from reports.statistics import Estimate
from reports.statistics.factorial import Effect

LONG = 5  # epochs; over fewer the question is not asked


def section(setting: Judged) -> Group | None:
    """A sentence for each field of a setting that was trained long enough."""
    first, last = setting.epochs[0], setting.last
    if not setting.switches.scored or last.epoch < LONG or len(setting.epochs) < 2:
        return None
    seeds, fields = n_of(last.main[0].estimate.n), count(len(last.main), "field")
    lead = (
        f"PyTorch's default minus Keras's, in points of test accuracy, with 95% intervals ({seeds} seeds; those of the "
        f"{fields} are simultaneous):"
    )
    ends = (first.epoch, last.epoch)
    items = tuple(
        _sentence(setting.switches, place, ends, first.main[place], last.main[place]) for place in ranked(first.main)
    )
    return Group("Does it last?", (Prose(lead), Points(items)), "ink")


def _sentence(switches: Switches, place: int, epochs: tuple[int, int], first: Effect, last: Effect) -> str:
    name = NAMES[switches.fields[place]][0]
    ends = (_in_words(effect.together, epoch) for effect, epoch in zip((first, last), epochs, strict=True))
    return f"{name[0].upper()}{name[1:]}: {', '.join(ends)}. {verdict(switches, first, last)}"


def _in_words(estimate: Estimate, epoch: int) -> str:
    value, low, high = (number(each, 1, sign=True) for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high}) after epoch {epoch}"


def verdict(switches: Switches, first: Effect, last: Effect) -> str:
    """Whether the effect after the last epoch is that after the first."""
    if not first.together.excludes_zero:
        return (
            "No effect is shown at first."
            if last.verdict != "moves"
            else "None is shown at first; at the end there is one."
        )
    if last.verdict == "does not":
        return f"It does not last: what is left is shown to lie within {within(switches)}."
    if last.verdict == "open":
        return "Whether it lasts is not decided."
    turned = first.estimate.value * last.estimate.value < 0
    return "It reverses: the other default is better at the end." if turned else "It lasts."
