"""The traps page: what goes wrong in silence when a network is ported, the costliest trap first."""

from experiments.traps.catalogue import NOT_YET
from reports.data.cached import cached_by_fields
from reports.data.results import Recorded, Results
from reports.html.blocks import Block, Cell, Points, Prose, Section, Table
from reports.html.format import count, unfinished
from reports.pages.traps import chart, trap
from reports.pages.traps.costs import Cost, costs

TITLE = "Traps"
LEAD = "What goes wrong in silence when a recurrent network is ported, what it costs, and the lines to change."
MOST_NAMED = 3  # on the front page
ERROR = "by the largest error of a naive port into each framework, as a share of the original's largest number"
ACCURACY = "by the points of accuracy, naive minus right port"
TIME = "by the ratio of times, naive to right port"
METHOD = (
    "Each trap is run on both twins. A network is written as one framework's users write it, then ported to the other "
    "twice: as one does at first, and right. The weights and inputs are the same arrays in both. The code shown is the "
    "code that ran. In it lstm(weights), gru(weights) and both_ways(forward, backward) make the framework's own layer "
    "and load its weights; before(steps, lengths) tells the words from the padding."
)


def planned(results: Results) -> bool:
    """Whether the study plans any trap, and so has this page."""
    return bool(results.traps)


@cached_by_fields("traps", "trap_links")
def sections(results: Results) -> list[Section]:
    """The chart, then every trap folded."""
    errors, scored, timed = costs(results.traps)
    blocks: list[Block] = [*unfinished((each.state for each in results.traps), "trap"), Prose(METHOD)]
    if errors or scored or timed:
        blocks += [_answer([*errors, *scored], timed), chart.figure(errors, scored, timed, results)]
    made = [Section("costs", "What each trap costs", tuple(blocks))]
    if failed := [each for each in results.traps if each.state == "failed"]:
        made.append(Section("failed", "What failed", (_failed(failed),)))
    if errors:
        made.append(Section("errors", "The output is wrong", tuple(trap.block(each, results) for each in errors)))
    if scored:
        made.append(Section("accuracy", "The accuracy changes", tuple(trap.block(each, results) for each in scored)))
    if timed:
        made.append(Section("time", "It takes longer", tuple(trap.block(each, results) for each in timed)))
    return made + [Section("not-yet", "What is not run here", (_not_yet(),))] * bool(NOT_YET)


@cached_by_fields("traps", "trap_links")
def answer(results: Results) -> tuple[Block, ...]:
    """The front page's answer: how many naive ports are wrong, and the costliest; empty if no trap has run."""
    errors, scored, timed = costs(results.traps)
    if not (errors or scored or timed):
        return ()
    # Errors, points of accuracy and ratios of times have no common order.
    named = [_costliest(traps, unit) for traps, unit in ((errors, ERROR), (scored, ACCURACY), (timed, TIME))]
    return (_answer([*errors, *scored], timed), *(block for blocks in named for block in blocks))


def _costliest(traps: list[Cost], unit: str) -> tuple[Block, ...]:
    wrong = [cost for cost in traps if any(port.wrong for port in cost.ports)][:MOST_NAMED]
    return (Prose(f"The costliest, {unit}:"), Points(tuple(map(trap.summary, wrong)))) if wrong else ()


def _answer(untimed: list[Cost], timed: list[Cost]) -> Prose:
    said = []
    if untimed:
        wrong, rest, which = _of(untimed)
        more = f"; the other {rest} {_is(rest)} right, since the trap bites in one direction only" * bool(rest)
        said.append(f"{which}, {wrong} {_is(wrong)} wrong without any error message{more}.")
    if timed:
        slow, _, which = _of(timed)
        said.append(f"{which} that {_costs(timed)} time, {slow} {_takes(slow)} longer than the right one.")
    return Prose(" ".join(said))


def _of(traps: list[Cost]) -> tuple[int, int, str]:
    """How many ports cost anything, how many nothing, and of how many these are."""
    ports = [port for cost in traps for port in cost.ports]
    wrong = sum(port.wrong for port in ports)
    return wrong, len(ports) - wrong, f"Of {count(len(ports), 'naive port')} of {count(len(traps), 'trap')}"


def _costs(traps: list[Cost]) -> str:
    return "costs" if len(traps) == 1 else "cost"


def _takes(n: int) -> str:
    return "takes" if n == 1 else "take"


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _failed(failed: list[Recorded]) -> Table:
    rows = [[Cell(each.job.trap, kind="code"), Cell(each.failure, kind="wide")] for each in failed]
    return Table.of("A new start of the study tries them again.", ["Trap", "What failed"], rows)


def _not_yet() -> Table:
    rows = [
        [
            each.title,
            Cell(each.happens, kind="wide"),
            Cell(each.threads[0], href=trap.address(each.threads[0]), note=", ".join(each.threads[1:])),
            Cell(each.reason, kind="wide"),
        ]
        for each in NOT_YET
    ]
    return Table.of("Traps that are not run.", ["Trap", "What happens", "Thread", "Why it is not run"], rows)
