"""What a single setting costs: the same variant with it and without, for dropout and for masked padding."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from experiments.spec import ExperimentSpec
from experiments.twins import TWINS
from reports.data.comparable import CELLS, FORMS, ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Prose, Section, Table
from reports.html.format import count, name, significant
from reports.pages.speed.timed.timings import Comparisons, TimedVariant, milliseconds, threads, times
from reports.pages.speed.timed.traits import traits


class Contrast(NamedTuple):
    """A setting that some variants have and others, alike in all else, have not."""

    anchor: str
    title: str
    explanation: str
    trait: str  # of ``traits``
    plain: Any  # its value in the variants without it
    has: Callable[[ExperimentSpec], bool]
    column: str  # heading of the column that shows its value
    columns: tuple[str, str]  # headings of the times without it and with it


DROPOUT = Contrast(
    "dropout",
    "What dropout costs",
    "The comparisons above are without dropout, because the two frameworks drop different things under their own "
    "conventions: Keras the input of every recurrent layer, with one mask for all steps; PyTorch only what goes from "
    "one layer to the next, with a fresh mask at every step, so nothing where there is one layer. Here each framework "
    "is compared with itself: the ratio is what its own dropout adds to a training step.",
    "dropout",
    0.0,
    lambda spec: spec.network.dropout > 0,
    "Dropout",
    ("Without", "With"),
)
PADDING = Contrast(
    "padding",
    "What masking and packing cost",
    "The same batch with every step read, and with padded steps masked. The lengths are drawn as IMDB's reviews have "
    "them, cut to the window. Keras's layers take a mask and run every step; PyTorch's take a packed sequence, which "
    "leaves padded steps out; in every other form the states are held at padded steps.",
    "padding",
    "",
    lambda spec: spec.task.masked,
    "Padding",
    ("Read", "Masked"),
)
CONTRASTS = (DROPOUT, PADDING)


class Pair(NamedTuple):
    """One variant with the setting, and the same without."""

    changed: TimedVariant
    plain: TimedVariant


def pairs(rows: Sequence[TimedVariant], contrast: Contrast) -> list[Pair]:
    """Every variant that was timed both with the setting and without, on the same threads."""
    plain = {_key(row, contrast): row for row in rows if traits(row.spec)[contrast.trait] == contrast.plain}
    candidates = [(row, plain.get(_key(row, contrast))) for row in rows if contrast.has(row.spec)]
    known = [Pair(*each) for each in candidates if each[1] is not None]
    cells, forms = (ordered((getattr(each.plain, part) for each in known), order) for part, order in ORDERS.items())

    def place(pair: Pair) -> tuple[int, int, int, int]:
        row = pair.plain
        return -row.threads, cells.index(row.cell), forms.index(row.form), TWINS.index(row.framework)

    return sorted(known, key=place)


ORDERS = {"cell": CELLS, "form": FORMS}


def _key(row: TimedVariant, contrast: Contrast) -> tuple:
    """All but the setting."""
    others = tuple(value for name, value in traits(row.spec).items() if name != contrast.trait)
    return (*others, row.spec.usually_padded.variant, row.form, row.framework, row.threads)


def sections(rows: Sequence[TimedVariant], known: Comparisons, results: Results) -> list[Section]:
    """A table of the pairs of each setting that was timed both ways."""
    return [section for contrast in CONTRASTS for section in _section(pairs(rows, contrast), contrast, known, results)]


def _section(timed_pairs: list[Pair], contrast: Contrast, known: Comparisons, results: Results) -> list[Section]:
    if not timed_pairs:
        return []
    without, having = contrast.columns
    columns = ["Cell", "Form", "Framework", "Threads", Column("Units", True), Column(contrast.column, True)]
    columns += [Column(f"{without}, ms", True), Column(f"{having}, ms", True)]
    columns += [Column(f"{having} / {without.lower()}", True), "Reading", Column("Steps × processes", True)]
    table = Table.of(
        "Steady training step both ways: medians, below them the quartiles; the ratio with its 95% interval, from "
        f"{count(len(timed_pairs), 'pair')}.",
        columns,
        [_row(pair, contrast, known, results) for pair in timed_pairs],
        results.speed_links.timings(),
    )
    return [Section(contrast.anchor, contrast.title, (Prose(contrast.explanation), table))]


def _row(pair: Pair, contrast: Contrast, known: Comparisons, results: Results) -> list[Cell]:
    row, quotient = pair.changed, known.of(pair.changed, pair.plain)
    reading = f"{times(quotient.value)} the step" if quotient.decided else "too close to call"
    value = traits(row.spec)[contrast.trait]
    return [
        Cell(pair.plain.cell, kind="code"),
        Cell(row.form, kind="code"),
        Cell(name(row.framework), kind=row.framework),
        Cell(threads(row.threads)),
        Cell("×".join(map(str, row.spec.network.units))),
        Cell(f"{value:g}" if isinstance(value, float) else value, value),
        *(_step(each, results) for each in (pair.plain, row)),
        Cell(significant(quotient.value), quotient.value, note=quotient.interval),
        Cell(reading, kind="" if quotient.decided else "quiet"),
        Cell(row.n, kind="quiet"),
    ]


def _step(row: TimedVariant, results: Results) -> Cell:
    return Cell(milliseconds(row.step), row.step, results.speed_links.run(row.timed.run_id), note=row.quartiles_text)
