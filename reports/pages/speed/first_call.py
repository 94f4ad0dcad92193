"""What a variant costs before it is steady, from which step on that has paid, and what memory it takes."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import NONE, count, name, number, seconds
from reports.pages.speed.comparisons import Board
from reports.pages.speed.timings import Clocked, milliseconds, ratio, several

MIB = 2**20
HOW = (
    "The first call holds tracing and compiling. Of two ways, the one whose first call is shorter leads until the "
    "other's faster steps have made up for it. That takes (first call A − first call B) / (step B − step A) steps "
    "after the first call, by the medians. Compared are the twins' fastest forms, and in each twin its layer with its "
    "fastest form. Where the interval of the steps' ratio contains 1 no crossing is given. Processes time their "
    "variants in turn, every second one backwards; what a framework does but once in a process (starting threads, "
    "loading kernels) is done before, on a small network that is not timed."
)


class Crossing(NamedTuple):
    """``steps`` after its first call the starter falls behind: infinite if it never does, NaN if none can be told."""

    starter: Clocked
    other: Clocked
    steps: float


def crossing(one: Clocked, another: Clocked) -> Crossing:
    """Which of two is ahead at first, and for how many steps."""
    starter, other = sorted((one, another), key=lambda row: row.first)
    if not ratio(starter, other).decided:
        return Crossing(starter, other, math.nan)
    if starter.step < other.step:
        return Crossing(starter, other, math.inf)
    return Crossing(starter, other, (other.first - starter.first) / (starter.step - other.step))


def crossings(boards: Sequence[Board], results: Results) -> Section:
    """In words for the twins, and a table of all."""
    parts = [
        Details(board.title, blocks, open=place == 0)
        for place, board in enumerate(boards)
        if (blocks := _blocks(board, results))
    ]
    none = () if parts else (Prose("There are no two ways to compare yet.", "missing"),)
    return Section("first", "The first call, and from which step on it has paid", (Prose(HOW), *parts, *none))


def _blocks(board: Board, results: Results) -> tuple[Points | Table, ...]:
    found = [(cell, *pair) for cell in board.cells for pair in _compared(board, cell)]
    if not found:
        return ()
    twins = tuple(f"{cell}: {_words(each)}" for cell, between, each in found if between)
    return (*(Points(twins) for _ in range(bool(twins))), _table(board, found, results))


def _compared(board: Board, cell: str) -> Iterator[tuple[bool, Crossing]]:
    """The twins' fastest forms, then each twin's layer with its fastest form."""
    fastest = {twin: board.fastest(cell, twin) for twin in TWINS}
    if all(fastest.values()):
        yield True, crossing(*fastest.values())
    for twin, best in fastest.items():
        for layer in board.of(cell, "layer", twin):
            if layer is not best:
                yield False, crossing(layer, best)


def _words(found: Crossing) -> str:
    starter, other = found.starter.who, found.other.who
    if math.isnan(found.steps):
        return f"{starter} starts sooner than {other}; whose steps are faster is too close to call."
    if math.isinf(found.steps):
        return f"{starter} starts sooner than {other} and steps faster: it is never behind."
    whole = math.floor(found.steps)
    if whole == 0:
        return f"{starter} starts sooner, but {other} is ahead from the first step on."
    return f"{starter} is ahead for the first {count(whole, 'step')}, then {other}."


def _table(board: Board, found: Sequence[tuple[str, bool, Crossing]], results: Results) -> Table:
    columns: list[Column | str] = ["Cell", "Starts sooner", Column("First call", True), Column("Step, ms", True)]
    columns += ["Compared with", Column("First call", True), Column("Step, ms", True), Column("Ahead for, steps", True)]
    rows = [_row(cell, each, results) for cell, _, each in found]
    caption = (
        f"{board.title}: medians over {several(row.n for row in board.rows)} steps × processes, the first call once a "
        "process. ∞: never behind."
    )
    return Table.of(caption, columns, rows, results.speed_links.timings(task=board.task))


def _row(cell: str, found: Crossing, results: Results) -> list[Cell]:
    cells = [Cell(cell, kind="code")]
    for row in (found.starter, found.other):
        cells += [
            Cell(row.who, href=results.speed_links.run(row.timed.run_id), kind=row.framework),
            Cell(seconds(row.first), row.first),
            Cell(milliseconds(row.step), row.step),
        ]
    if math.isnan(found.steps):
        return [*cells, Cell(NONE, kind="quiet", note="too close to call")]
    return [*cells, Cell("∞" if math.isinf(found.steps) else f"{math.floor(found.steps):,}", found.steps)]


# --- memory


def memory(boards: Sequence[Board], results: Results) -> Section:
    """Peak memory of each variant of the largest board."""
    board = max(boards, key=lambda board: len(board.rows))
    how = Prose(
        "Peak is the highest number of resident bytes of the whole process, as Linux counts them (VmHWM, reset after "
        "building), over the first call, warming up and the steady steps. Beyond idle is that peak less what the "
        "process held before the variant was built, its freed memory handed back: weights, optimiser, activations and "
        "workspace, and whatever the framework loads lazily. Each is the largest of the processes."
    )
    columns: list[Column | str] = ["Cell", "Form"]
    for title in ("Beyond idle", "Peak"):
        columns += [Column(f"{title}, MiB, {name(twin)}", True, twin) for twin in TWINS]
    columns += [Column("Processes", True)]
    found = [(cell, form, _by_twin(board, cell, form)) for cell in board.cells for form in board.forms]
    rows = [_memory_row(cell, form, rows, results) for cell, form, rows in found if rows]
    caption = f"Memory: {board.title}, {board.setting}."
    table = Table.of(caption, columns, rows, results.speed_links.timings(task=board.task))
    return Section("memory", "Memory", (how, table))


def _by_twin(board: Board, cell: str, form: str) -> dict[str, Clocked]:
    return {row.framework: row for row in board.of(cell, form)}


def _memory_row(cell: str, form: str, rows: dict[str, Clocked], results: Results) -> list[Cell]:
    parts = [("memory/step_bytes", twin) for twin in TWINS] + [("memory/peak_bytes", twin) for twin in TWINS]
    n = " / ".join(dict.fromkeys(str(len(row.timed.processes)) for row in rows.values()))
    cells = [_mib(rows.get(twin), metric, results) for metric, twin in parts]
    return [Cell(cell, kind="code"), Cell(form, kind="code"), *cells, Cell(n, kind="quiet")]


def _mib(row: Clocked | None, metric: str, results: Results) -> Cell:
    if row is None:
        return Cell(NONE, kind="quiet")
    value = row.figures[metric] / MIB
    return Cell(number(value, 0), value, results.speed_links.run(row.timed.run_id))
