"""What dropout costs: the same variant with it and without; timed apart, since the frameworks drop other things."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.twins import TWINS
from reports.data.comparable import CELLS, FORMS, ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Prose, Section, Table
from reports.html.format import count, name, significant
from reports.pages.speed.timings import TimedVariant, milliseconds, ratio, threads, times
from reports.pages.speed.traits import traits

EXPLANATION = (
    "The comparisons above are without dropout, because the two frameworks drop different things under their own "
    "conventions: Keras the input of every recurrent layer, with one mask for all steps; PyTorch only what goes from "
    "one layer to the next, with a fresh mask at every step, so nothing where there is one layer. Here each framework "
    "is compared with itself: the ratio is what its own dropout adds to a training step."
)


class Pair(NamedTuple):
    """One variant with dropout, and the same without."""

    dropping: TimedVariant
    plain: TimedVariant


def pairs(rows: Sequence[TimedVariant]) -> list[Pair]:
    """Every variant that was timed both with dropout and without, on the same threads."""
    plain = {_key(row): row for row in rows if row.spec.network.dropout == 0}
    found = [Pair(row, plain[_key(row)]) for row in rows if row.spec.network.dropout > 0 and _key(row) in plain]
    cells, forms = (ordered((getattr(each.plain, part) for each in found), order) for part, order in ORDERS.items())

    def place(pair: Pair) -> tuple[int, int, int, int]:
        row = pair.plain
        return -row.threads, cells.index(row.cell), forms.index(row.form), TWINS.index(row.framework)

    return sorted(found, key=place)


ORDERS = {"cell": CELLS, "form": FORMS}


def _key(row: TimedVariant) -> tuple:
    """All but the dropout."""
    others = tuple(value for name, value in traits(row.spec).items() if name != "dropout")
    return (*others, row.cell, row.form, row.framework, row.threads)


def sections(rows: Sequence[TimedVariant], results: Results) -> list[Section]:
    """A table of the pairs; none where nothing was timed both ways."""
    found = pairs(rows)
    if not found:
        return []
    columns = ["Cell", "Form", "Framework", "Threads", Column("Units", True), Column("Dropout", True)]
    columns += [Column("Without, ms", True), Column("With, ms", True), Column("With / without", True), "Reading"]
    table = Table.of(
        "Steady training step with the frameworks' own dropout and without: medians, below them the quartiles; the "
        f"ratio with its interval, from {count(len(found), 'pair')}.",
        [*columns, Column("Steps × processes", True)],
        [_row(pair, results) for pair in found],
        results.speed_links.timings(),
    )
    return [Section("dropout", "What dropout costs", (Prose(EXPLANATION), table))]


def _row(pair: Pair, results: Results) -> list[Cell]:
    row, quotient = pair.dropping, ratio(pair.dropping, pair.plain)
    reading = f"{times(quotient.value)} the step" if quotient.decided else "too close to call"
    return [
        Cell(row.cell, kind="code"),
        Cell(row.form, kind="code"),
        Cell(name(row.framework), kind=row.framework),
        Cell(threads(row.threads)),
        Cell("×".join(map(str, row.spec.network.units))),
        Cell(f"{row.spec.network.dropout:g}", row.spec.network.dropout),
        *(_step(each, results) for each in (pair.plain, row)),
        Cell(significant(quotient.value), quotient.value, note=quotient.interval),
        Cell(reading, kind="" if quotient.decided else "quiet"),
        Cell(row.n, kind="quiet"),
    ]


def _step(row: TimedVariant, results: Results) -> Cell:
    return Cell(milliseconds(row.step), row.step, results.speed_links.run(row.timed.run_id), note=row.quartiles_text)
