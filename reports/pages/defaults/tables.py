"""The numbers behind the charts: fields, pairs, and what is left over."""

from collections.abc import Sequence

from reports import statistics
from reports.data.results import Results
from reports.html.blocks import Cell, Code, Column, Points, Prose, Table
from reports.html.format import NONE, count, estimate_cell, listed, number, probability
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Effects, convention, ranked
from reports.pages.defaults.recipes import IN_KERAS, IN_PYTORCH, recipe
from reports.statistics.equivalence import LEVEL
from reports.statistics.factorial import Effect

VERDICTS = {
    "moves": ("moves the result", "good"),
    "does not": ("shown not to", "quiet"),
    "open": ("not decided", "quiet"),
}


def answer(switches: Switches, effects: Effects) -> Points:
    """A sentence for each field that moves the result, and one each for those shown not to and those left open."""
    main = effects.main
    by_verdict = {verdict: [place for place in ranked(main) if main[place].verdict == verdict] for verdict in VERDICTS}
    items = [_sentence(switches, place, main[place]) for place in by_verdict["moves"]]
    if still := by_verdict["does not"]:
        names = listed(switches.fields[place] for place in still)
        items.append(f"Shown to change nothing beyond ±{number(switches.margin, 1)} {switches.unit}: {names}.")
    if unclear := by_verdict["open"]:
        items.append(f"Not decided by {_seeds(main)}: {listed(switches.fields[place] for place in unclear)}.")
    return Points(tuple(items))


def recipes(switches: Switches, effects: Effects) -> list[Code]:
    """The lines that carry over each field that moves the result."""
    moving = [switches.fields[place] for place in ranked(effects.main) if effects.main[place].verdict == "moves"]
    titles = {"In PyTorch, for Keras's behaviour": IN_PYTORCH, "In Keras, for PyTorch's behaviour": IN_KERAS}
    return [Code(title, text) for title, table in titles.items() if (text := recipe(table, moving))]


def _sentence(switches: Switches, place: int, effect: Effect) -> str:
    field, estimate = switches.fields[place], effect.estimate
    low, high = (number(bound, sign=True) for bound in (estimate.low, estimate.high))
    return (
        f"{field}: PyTorch's ({convention(field, 'pytorch')}) in place of Keras's ({convention(field, 'keras')}) "
        f"{number(estimate.value, sign=True)} {switches.unit} (95% interval {low} to {high}, n = {estimate.n} seeds)."
    )


def _seeds(effects: Sequence[Effect]) -> str:
    return count(effects[0].estimate.n, "seed")


def fields(switches: Switches, effects: Effects, results: Results) -> Table:
    """Every field's effect in the design and alone from both corners, with both conventions in words."""
    columns: list[Column | str] = ["Field", "Keras's", "PyTorch's"]
    parts = {"Over the design": effects.over_design, "All else Keras's": effects.from_keras}
    parts = {title: part for title, part in (parts | {"All else PyTorch's": effects.from_pytorch}).items() if part}
    columns += [Column(f"{title}, {switches.unit}", True) for title in parts]
    columns += [Column("p of no effect", True), Column("p of an effect", True), Column("Seeds", True), "Verdict"]
    rows = []
    for place in ranked(effects.main):
        name, main = switches.fields[place], effects.main[place]
        text, kind = VERDICTS[main.verdict]
        rows.append(
            [
                Cell(name, kind="code"),
                *(Cell(convention(name, owner)) for owner in ("keras", "pytorch")),
                *(estimate_cell(part[place].estimate, sign=True) for part in parts.values()),
                *(_p(value) for value in (main.differs, main.equal)),
                Cell(str(main.estimate.n), main.estimate.n),
                Cell(text, kind=kind),
            ]
        )
    return Table.of(
        f"Effect of PyTorch's convention in place of Keras's after epoch {effects.epoch}, ± half of its 95% t interval "
        "over seeds. p values are those of the first column of effects, adjusted together (Holm); an effect is shown "
        f"to be none where it lies within ±{number(switches.margin, 1)} {switches.unit} (TOST).",
        columns,
        rows,
        results.links.runs(task=switches.task, cell=switches.cell),
    )


def _p(value: float) -> Cell:
    return Cell(probability(value), value) if value == value else Cell(NONE, kind="quiet")


def pairs(switches: Switches, effects: Effects) -> Table | Prose:
    """The pairs of fields that act together."""
    shown = [pair for pair in effects.pairs if pair.estimate.excludes_zero]
    if not shown:
        return Prose(f"Of {count(len(effects.pairs), 'pair')} of fields none has an interval that excludes zero.")
    rows = [
        [
            *(Cell(switches.fields[place], kind="code") for place in pair.fields),
            estimate_cell(pair.estimate, sign=True),
            _p(pair.differs),
            Cell("acts together", kind="good") if pair.differs <= LEVEL else Cell("may be chance", kind="quiet"),
        ]
        for pair in sorted(shown, key=lambda pair: -abs(pair.estimate.value))
    ]
    return Table.of(
        f"Pairs of fields whose interval excludes zero, of {len(effects.pairs)}: half the change of one field's effect "
        "when the other is switched. p adjusted by Benjamini and Hochberg over all pairs.",
        ["Field", "Field", Column(f"Together, {switches.unit}", True), Column("p", True), "Verdict"],
        rows,
    )


def additive(switches: Switches, effects: Effects) -> Prose | None:
    """The sum of the effects beside the difference of the corners."""
    if not effects.over_design or len(effects.corners) < 2:
        return None
    total = sum(effect.estimate.value for effect in effects.over_design)
    corners = statistics.mean(effects.corners)
    return Prose(
        f"All fields together: PyTorch's corner minus Keras's is {number(corners.value, sign=True)} {switches.unit} "
        f"(95% interval {number(corners.low, sign=True)} to {number(corners.high, sign=True)}, n = {corners.n}). The "
        f"{count(len(effects.over_design), 'effect')} sum to {number(total, sign=True)}; the rest, "
        f"{number(corners.value - total, sign=True)}, is not additive: three or more fields together."
    )
