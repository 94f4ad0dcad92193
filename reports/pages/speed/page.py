"""The speed page: who is faster where, how far from the floor, why, and from which step on."""

from collections import Counter
from collections.abc import Sequence

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Link, Points, Prose, Section, Table
from reports.html.format import NONE, count, listed, name, significant
from reports.pages.speed import chart, first_call, floor, growth, notes
from reports.pages.speed.comparisons import Board, boards, clocked
from reports.pages.speed.timings import MARK, Clocked, Ratio, milliseconds, ratio, several, threads, times

TITLE = "Speed"
LEAD = "Which is faster here, written which way?"
UNPLANNED = "This study plans no speed phase"


def answer(results: Results) -> tuple[Block, ...]:
    """Each cell's fastest form in each twin, for the front page."""
    found = boards(clocked(results))
    if not found:
        planned = len(results.timings)
        why = f"of {count(planned, 'planned timing')} none is done" if planned else UNPLANNED[0].lower() + UNPLANNED[1:]
        return (Prose(f"No answer yet: {why}."),)
    board = found[0]
    fastest = [row for cell in board.cells for twin in TWINS if (row := board.fastest(cell, twin))]
    text = (
        f"By each twin's fastest form, a training step on {board.task} with {threads(board.threads)} (medians of "
        f"{several(row.n for row in fastest)} steps × processes):"
    )
    return (Prose(text), Points(tuple(_fastest(board, cell) for cell in board.cells)), *_pardon(fastest))


def _fastest(board: Board, cell: str) -> str:
    """A cell's winner with its ratio and interval."""
    rows = sorted(filter(None, (board.fastest(cell, twin) for twin in TWINS)), key=lambda row: row.step)
    said = [f"{row.who} ({milliseconds(row.step)} ms)" for row in rows]
    if len(rows) == 1:
        return f"{cell}: {said[0]}; the other twin was not timed."
    found = ratio(rows[1], rows[0])
    if not found.decided:
        return f"{cell}: {said[0]} and {said[1]} are too close to call (ratio {found.interval})."
    return f"{cell}: {said[0]} is {times(found.value)} faster than {said[1]}, interval {found.interval}."


def _pardon(rows: Sequence[Clocked]) -> tuple[Prose, ...]:
    marked = sum(bool(row.reservations) for row in rows)
    if not marked:
        return ()
    text = f"Of these {count(len(rows), 'timing')} {marked} varied or ran on a busy machine: marked {MARK} on the page."
    return (Prose(text, "note"),)


def sections(results: Results) -> list[Section]:
    """The page's sections, each answering one question."""
    rows = clocked(results)
    if not rows:
        return [_nothing(results)]
    found = boards(rows)
    made = [
        notes.reading(rows),
        *(_board(board, results) for board in found),
        *floor.sections(found, results),
        first_call.crossings(found, results),
        growth.section(rows, results),
        first_call.memory(found, results),
    ]
    return [*made, *notes.missing(results)]


def _nothing(results: Results) -> Section:
    if results.timings:
        return notes.missing(results)[0]
    text = (
        f"{UNPLANNED}. Training trials keep their own times in MLflow, but they run beside other workers on the same "
        "processor: they are no benchmark."
    )
    link = results.links.runs()
    return Section(
        "training", "Times while training", (Prose(text, "missing", (Link("training runs", link),) if link else ()),)
    )


def verdict(found: Ratio) -> Cell:
    """``PyTorch: 1.4× faster``, where the interval leaves 1 out."""
    if not found.decided:
        return Cell("too close to call", abs(found.value - 1), kind="quiet")
    winner, factor = (TWINS[1], found.value) if found.value > 1 else (TWINS[0], 1 / found.value)
    return Cell(f"{name(winner)}: {times(factor)} faster", found.value, kind=winner)


def _board(board: Board, results: Results) -> Section:
    blocks = (Prose(_tally(board)), chart.figure(board, results), _table(board, results))
    return Section(board.name, f"Who is faster: {board.title}", blocks)


def _pairs(board: Board) -> list[tuple[str, str, Clocked | None, Clocked | None]]:
    """Each cell and form with both twins' timings, None for one that has none."""
    found = []
    for cell in board.cells:
        for form in board.forms:
            rows = {row.framework: row for row in board.of(cell, form)}
            if rows:
                found.append((cell, form, *(rows.get(twin) for twin in TWINS)))
    return found


def _tally(board: Board) -> str:
    """How often either twin is the faster."""
    found = [ratio(left, right) for _, _, left, right in _pairs(board) if left and right]
    if not found:
        return f"Setting: {board.setting}. No form has been timed in both twins."
    won = Counter(verdict(each).kind for each in found)
    parts = [f"{name(twin)} is the faster in {won[twin]}" for twin in TWINS]
    return (
        f"Setting: {board.setting}. Of {count(len(found), 'pair')} of the same cell and form, {listed(parts)}; "
        f"{won['quiet']} {'is' if won['quiet'] == 1 else 'are'} too close to call."
    )


def _table(board: Board, results: Results) -> Table:
    marked = any(row.reservations for row in board.rows)
    columns = ["Cell", "Form", "Verdict", *(Column(f"{name(twin)}, ms", True, twin) for twin in TWINS)]
    columns += [Column("tf2 / PyTorch", True), Column("n", True), *[f"{MARK} because"] * marked]
    caption = (
        f"Steady training step, {board.title}: median over processes of each one's median, beneath it the lowest lower "
        "to the highest upper quartile; the ratio with its interval; n is steps × processes. Numbers lead to their "
        "MLflow runs."
    )
    rows = [_row(*pair, results)[: len(columns)] for pair in _pairs(board)]
    return Table.of(caption, columns, rows, results.speed_links.timings(task=board.task))


def _row(cell: str, form: str, left: Clocked | None, right: Clocked | None, results: Results) -> list[Cell]:
    both = [row for row in (left, right) if row]
    found = ratio(left, right) if left and right else None
    why = "; ".join(f"{name(row.framework)}: {', '.join(row.reservations)}" for row in both if row.reservations)
    return [
        Cell(cell, kind="code"),
        Cell(form, kind="code"),
        verdict(found) if found else Cell(NONE, kind="quiet"),
        _step(left, results),
        _step(right, results),
        Cell(significant(found.value), found.value, note=found.interval) if found else Cell(NONE, kind="quiet"),
        Cell(several(row.n for row in both), kind="quiet"),
        Cell(why, kind="quiet"),
    ]


def _step(row: Clocked | None, results: Results) -> Cell:
    if row is None:
        return Cell(NONE, kind="quiet")
    text = f"{MARK}\u00a0" * bool(row.reservations) + milliseconds(row.step)
    note = f"{milliseconds(row.low)} to {milliseconds(row.high)}"
    return Cell(text, row.step, results.speed_links.run(row.timed.run_id), note=note)
