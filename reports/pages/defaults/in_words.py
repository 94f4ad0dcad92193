"""Effects in words: which framework's default costs how much."""

from reports.html.format import listed, n_of, number
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Judged, moving, ranked
from reports.statistics import Estimate
from reports.statistics.factorial import Effect

#: Each field by itself, and what it is under Keras's and PyTorch's convention; all in the singular, for any cell.
NAMES: dict[str, tuple[str, str, str]] = {
    "embedding": ("the embedding's initialiser", "U(−0.05,\u00a00.05) embedding", "N(0,\u00a01) embedding"),
    "kernel": ("the kernel's initialiser", "Glorot kernel", "U(±1/√hidden) kernel"),
    "recurrent_kernel": (
        "the recurrent kernel's initialiser",
        "orthogonal recurrent kernel",
        "uniform recurrent kernel",
    ),
    "bias": ("the bias", "bias from zero", "pair of random, trained biases"),
    "head": ("the head's initialiser", "Glorot head", "U(±1/√inputs) head"),
    "dropout": ("dropout", "time-shared dropout on every input", "dropout between the layers"),
    "adam": ("Adam's epsilon", "Adam epsilon of 1e-7", "Adam epsilon of 1e-8"),
    "rmsprop": ("RMSprop's constants", "RMSprop (ρ = 0.9)", "RMSprop (α = 0.99)"),
    "adagrad": ("Adagrad's accumulator", "Adagrad accumulator from 0.1", "Adagrad accumulator from 0"),
    "clipping": ("clipping", "clipping by variable", "global clipping"),
    "repeated_words": (
        "the treatment of repeated words",
        "squaring of repeated words one by one",
        "sum of repeated words",
    ),
    "padding_side": ("the side of padding", "padding on the left", "padding on the right"),
    "masked_output": ("the output at masked steps", "repeated output at masked steps", "zero at masked steps"),
    "masked_loss": ("the steps that the loss counts", "loss over valid steps", "loss over every step"),
}
MOST_NAMED = 3


def winner(effect: Effect) -> str:
    """The framework whose default is better by this effect."""
    return "pytorch" if effect.estimate.value > 0 else "tf2"


def defaults(switches: Switches, place: int, effect: Effect) -> tuple[str, str]:
    """The default that costs and the better one, such as ``PyTorch's N(0, 1) embedding``."""
    _, keras, pytorch = NAMES[switches.fields[place]]
    both = f"Keras's {keras}", f"PyTorch's {pytorch}"
    return both if winner(effect) == "pytorch" else both[::-1]


def amount(switches: Switches, value: float) -> str:
    """The size of an effect: ``4.1 points``, or a factor of the error."""
    return f"{number(abs(value), 1)} points" if switches.scored else f"{number(10 ** abs(value), 2)} times"


def cost(switches: Switches, estimate: Estimate, stated: str = "") -> str:
    """``costs 4.1 points (95% interval 3.2 to 5.0, n = 8)``, or by what factor an error is larger.

    Args:
        switches: the setting.
        estimate: of the effect, in its unit; the sign does not matter.
        stated: what stands before the interval, such as ``95% interval``; without it the seeds are not stated either.
    """
    sign = -1 if estimate.value < 0 else 1
    bounds = sorted((sign * estimate.low, sign * estimate.high))
    if not switches.scored:
        bounds = [10**bound for bound in bounds]
    ends = " to ".join(number(bound, 1 if switches.scored else 2) for bound in bounds)
    size = amount(switches, estimate.value)
    verb = f"costs {size}" if switches.scored else f"makes the {switches.error} {size} as large"
    return f"{verb} ({stated} {ends}, {n_of(estimate.n)})" if stated else f"{verb} ({ends})"


def within(switches: Switches) -> str:
    """The margin: ``±0.5 points``, or a factor."""
    return (
        f"±{number(switches.margin, 1)} points" if switches.scored else f"a factor of {number(10**switches.margin, 2)}"
    )


def headline(setting: Judged) -> str:
    """The answer in one sentence: the three largest effects, how many more there are, and what does nothing."""
    switches, main = setting.switches, setting.last.main
    moved = moving(setting.last)
    parts = [
        f"{defaults(switches, place, main[place])[0]} "
        + cost(switches, main[place].together, "" if turn else "95% interval")
        for turn, place in enumerate(moved[:MOST_NAMED])
    ]
    if more := moved[MOST_NAMED:]:
        parts.append(f"smaller, and shown too: {listed(_named(switches, more))}")
    still = [place for place in ranked(main) if main[place].verdict == "does not"]
    if still:
        verb = "changes" if len(still) == 1 else "change"
        parts.append(f"{listed(_named(switches, still))} {verb} nothing beyond {within(switches)}")
    said = "; ".join(parts) or f"no default is shown to move the result ({n_of(main[0].estimate.n)})"
    return f"For {switches.title.replace(', ', ', after ')}: {said}."


def _named(switches: Switches, places: list[int]) -> list[str]:
    return [NAMES[switches.fields[place]][0] for place in places]
