"""The numbers behind the charts: fields, pairs, and what is left over."""

from collections.abc import Sequence
from textwrap import wrap

from experiments.probes import porting
from reports import statistics
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Code, Column, Details, Points, Prose, Table
from reports.html.format import NONE, count, estimate_cell, listed, n_of, number, probability
from reports.pages.defaults.arms import Switches
from reports.pages.defaults.effects import Effects, Judged, convention, moving, ranked
from reports.pages.defaults.in_words import MOST_NAMED, cost, defaults, within
from reports.statistics.equivalence import LEVEL
from reports.statistics.factorial import Effect

VERDICTS = {
    "moves": ("moves the result", "good"),
    "does not": ("shown not to", "quiet"),
    "open": ("not decided", "quiet"),
}

WIDTH = 88  # of a line of code on the page


def answer(setting: Judged) -> Points:
    """A sentence for each field that moves the result, and one each for those shown not to and those left open."""
    switches, main = setting.switches, setting.last.main
    by_verdict = {verdict: [place for place in ranked(main) if main[place].verdict == verdict] for verdict in VERDICTS}
    items = [_sentence(switches, place, main[place]) for place in by_verdict["moves"]]
    if still := by_verdict["does not"]:
        names = listed(switches.fields[place] for place in still)
        items.append(f"Shown to change nothing beyond {within(switches)}: {names}.")
    items += [each.text for each in undecided(setting)]
    return Points(tuple(items))


def undecided(setting: Judged) -> tuple[Prose, ...]:
    """The fields of which neither an effect nor its absence is shown."""
    main = setting.last.main
    unclear = [setting.switches.fields[place] for place in ranked(main) if main[place].verdict == "open"]
    return (Prose(f"Not decided by {_seeds(main)}: {listed(unclear)}."),) if unclear else ()


def recipes(effects: Effects, switches: Switches) -> list[Block]:
    """The lines that carry over each field that moves the result: of the three largest, and folded of the others."""
    moved = [switches.fields[place] for place in moving(effects)]
    first, rest = (_lines(part, switches.cell) for part in (moved[:MOST_NAMED], moved[MOST_NAMED:]))
    folded = f"The lines for {listed(moved[MOST_NAMED:])}"
    return [*first, *([Details(folded, tuple(rest))] if rest else [])]


def _lines(fields: list[str], cell: str) -> list[Code]:
    texts = {
        "In PyTorch, for Keras's behaviour": porting.in_pytorch(fields),
        "In Keras, for PyTorch's behaviour": porting.in_keras(fields, cell),
    }
    return [Code(title, _wrapped(text)) for title, text in texts.items() if text]


def _wrapped(text: str) -> str:
    """Wrap long comments, so that the lines fit the page."""
    lines = (
        wrap(line, WIDTH, subsequent_indent="# ") if line.startswith("# ") else [line] for line in text.split("\n")
    )
    return "\n".join(part for parts in lines for part in parts)


def _sentence(switches: Switches, place: int, effect: Effect) -> str:
    worse, better = defaults(switches, place, effect)
    return f"{worse} {cost(switches, effect.together, '95% interval')} against {better}."


def _seeds(effects: Sequence[Effect]) -> str:
    return count(effects[0].estimate.n, "seed")


def fields(setting: Judged, results: Results) -> Table:
    """Every field's effect in the design and alone from both corners, with both conventions in words."""
    switches, effects = setting.switches, setting.last
    columns: list[Column | str] = ["Field", "Keras's", "PyTorch's"]
    parts = {"Over the design": effects.over_design, "In from Keras's corner": effects.from_keras}
    parts = {
        title: part for title, part in (parts | {"Out from PyTorch's corner": effects.from_pytorch}).items() if part
    }
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
                *(estimate_cell(part[place].together, sign=True) for part in parts.values()),
                *(_p(value) for value in (main.differs, main.equal)),
                Cell(str(main.estimate.n), main.estimate.n),
                Cell(text, kind=kind),
            ]
        )
    return Table.of(
        f"Effect of PyTorch's convention in place of Keras's after epoch {effects.epoch}, ± half of its 95% interval "
        f"over seeds; the {len(effects.main)} intervals of a column are simultaneous (Bonferroni). p values are of "
        f"the first column of effects, adjusted together with all {setting.family} fields of this page (Holm); an "
        f"effect is shown to be none where it lies within {within(switches)} (TOST).",
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
        f"(95% interval {number(corners.low, sign=True)} to {number(corners.high, sign=True)}, {n_of(corners.n)}). The "
        f"{count(len(effects.over_design), 'effect')} sum to {number(total, sign=True)}; the rest, "
        f"{number(corners.value - total, sign=True)}, is not additive: three or more fields together."
    )
