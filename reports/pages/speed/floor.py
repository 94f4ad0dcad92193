"""How far each step lies from the floor of bare matrix products, and which operators fill the distance."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from experiments.speed.measure import PROFILED_STEPS
from experiments.twins import TWINS
from reports.data.comparable import ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import NONE, count, name, percent, seconds, significant
from reports.pages.speed.comparisons import Board
from reports.pages.speed.timings import Clocked, milliseconds, several, times

FLOOR = (
    "The floor is the matrix products that the step's mathematics cannot do without, as few and as large as they go, "
    "run alone by the same framework in the same process: all time steps' inputs in one product, only the recurrence's "
    "own one after the other. The multiple is the step over its floor. GFLOP counts those products alone, a "
    "multiplication and an addition for each term; the rate is GFLOP over the step's time."
)
FAR = 10  # times: frameworks do not differ by this much in a bare product
BELOW = (
    " A multiple below 1 means that the framework does the products together, fused or over several threads, faster "
    "than one by one."
)


def sections(boards: Sequence[Board], results: Results) -> list[Section]:
    """The distance, then its reasons; of what was timed with its floor."""
    floored = [replace(board, rows=tuple(row for row in board.rows if row.floored)) for board in boards]
    floored = [board for board in floored if board.rows]
    return [_distance(floored, results), _reasons(floored, results)] if floored else []


def multiple(row: Clocked) -> float:
    """The step over its floor."""
    return row.figures["floor/multiple"]


def _forward_multiple(row: Clocked) -> float:
    """The forward pass over its own products."""
    return row.figures["floor/forward_multiple"]


def _distance(boards: Sequence[Board], results: Results) -> Section:
    rows = [row for board in boards for row in board.rows]
    below = any(min(multiple(row), _forward_multiple(row)) < 1 for row in rows)
    extremes = Points(tuple(text for board in boards for text in _extremes(board)))
    tables = [Details(board.title, (_table(board, results),)) for board in boards]
    doubts = [Prose(text, "missing") for board in boards for text in _doubts(board)]
    return Section("floor", "Distance from the floor", (Prose(FLOOR + BELOW * below), *doubts, extremes, *tables))


def _doubts(board: Board) -> Iterator[str]:
    """Both twins' floors are the same products: where they lie far apart one of them did not do them."""
    for cell in board.cells:
        floors = [row.figures["floor/step_s"] for row in board.of(cell)]
        if max(floors) > FAR * min(floors):
            low, high = milliseconds(min(floors)), milliseconds(max(floors))
            said = f"its floors, {low} to {high} ms, are the same products: do not trust the lowest."
            yield f"{board.title}, {cell}: {said}"


def _extremes(board: Board) -> Iterator[str]:
    """Each twin's nearest and furthest variant."""
    for twin in TWINS:
        rows = sorted((row for row in board.rows if row.framework == twin), key=multiple)
        if rows:
            nearest, furthest = (f"{row.cell} {row.form} at {times(multiple(row))}" for row in (rows[0], rows[-1]))
            end = f"nearest is {nearest}, furthest {furthest}" if len(rows) > 1 else f"{nearest}"
            yield f"{board.title}, {name(twin)}: {end} its floor (n\u00a0=\u00a0{count(len(rows), 'variant')})."


def _table(board: Board, results: Results) -> Table:
    columns = ["Cell", "Form", "Twin", "Track", Column("Step, ms", True), Column("Floor, ms", True)]
    columns += [Column("Step / floor", True), Column("GFLOP", True), Column("GFLOP/s", True)]
    columns += [Column(title, True) for title in ("Forward, ms", "First call", "Build")]
    caption = (
        f"{board.title}, {board.setting}: medians over {several(row.n for row in board.rows)} steps × processes; the "
        "first call and building happen once a process. Beneath the forward pass its multiple of its own products."
    )
    rows = [_row(row, results) for cell in board.cells for row in board.of(cell)]
    return Table.of(caption, columns, rows, results.speed_links.timings(task=board.task))


def _row(row: Clocked, results: Results) -> list[Cell]:
    found = row.figures
    forward, floor = found["time/forward_s"], found["floor/step_s"]
    return [
        Cell(row.cell, kind="code"),
        Cell(row.form, kind="code"),
        Cell(name(row.framework), kind=row.framework),
        Cell(row.timed.timing.track, kind="" if row.tuned else "quiet"),
        Cell(milliseconds(row.step), row.step, results.speed_links.run(row.timed.run_id)),
        Cell(milliseconds(floor), floor),
        Cell(times(multiple(row)), multiple(row)),
        Cell(significant(found["rate/gflop"]), found["rate/gflop"]),
        Cell(significant(found["rate/gflop_per_s"]), found["rate/gflop_per_s"]),
        Cell(milliseconds(forward), forward, note=times(_forward_multiple(row))),
        Cell(seconds(row.first), row.first),
        Cell(seconds(found["time/build_s"]), found["time/build_s"]),
    ]


# --- what the rest of the time goes to


def operators(row: Clocked) -> list[tuple[str, float]]:
    """The operators that took most of the time, with their shares; empty where it was not profiled."""
    return next((each["operators"] for each in row.timed.processes if each.get("operators")), [])


def _reasons(boards: Sequence[Board], results: Results) -> Section:
    steps = count(PROFILED_STEPS, "step")
    how = Prose(
        f"Shares are of the time in all operators, by each framework's own profiler, over {steps} of one process. "
        "Operators run beside each other on several threads, so their times do not add up to the step's; what a "
        "framework does between operators is in none of them."
    )
    said = [
        Details(f"As usually written: {board.title}", (Points(tuple(_sentences(board))),), open=place == 0)
        for place, board in enumerate(boards)
    ]
    cells = ordered((cell for board in boards for cell in board.cells), ())
    tables = [Details(f"{cell}: top operators", (_operators(cell, boards, results),)) for cell in cells]
    return Section("why", "Why: where a step's time goes", (how, *said, *tables))


def _sentences(board: Board) -> Iterator[str]:
    """Each cell's fastest stock form in each twin, its multiple and its top operator."""
    for cell in board.cells:
        rows = filter(None, (board.fastest(cell, twin, stock=True) for twin in TWINS))
        if parts := [_sentence(row) for row in rows]:
            yield f"{cell}: {'; '.join(parts)}."


def _sentence(row: Clocked) -> str:
    said = f"{row.who} takes {milliseconds(row.step)} ms, {times(multiple(row))} its floor"
    top = operators(row)
    return f"{said}, with {percent(top[0][1])} of its operators' time in {top[0][0]}" if top else said


def _operators(cell: str, boards: Sequence[Board], results: Results) -> Table:
    columns: list[Column | str] = ["Where", "Form", *(Column(name(twin), kind=twin) for twin in TWINS)]
    rows = []
    for board in boards:
        for form in board.forms:
            found = {row.framework: row for row in board.of(cell, form)}
            if found:
                both = [_top(found.get(twin), results) for twin in TWINS]
                rows.append([Cell(board.title), Cell(form, kind="code"), *both])
    return Table.of("The top five operators and their shares of all operators' time.", columns, rows)


def _top(row: Clocked | None, results: Results) -> Cell:
    found = operators(row) if row else []
    if not found:
        return Cell(NONE, kind="quiet", note="not profiled" if row else "")
    text = " · ".join(f"{operator}\u00a0{percent(share)}" for operator, share in found)
    return Cell(text, found[0][1], results.speed_links.run(row.timed.run_id), kind="wide")
