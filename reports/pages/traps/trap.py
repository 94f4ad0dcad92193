"""One trap, folded: what happens, the naive lines, the right lines, the cost and where people met it."""

import difflib

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Block, Code, Details, Group, Link, Prose
from reports.html.format import bracketed, count, n_of, name, number, percent, seconds, significant
from reports.pages.traps.costs import Cost, Port, Slower


def block(cost: Cost, results: Results) -> Details:
    """The trap's section."""
    trap = cost.trap
    links = [Link(thread, address(thread)) for thread in trap.threads]
    if href := results.trap_links.run(cost.recorded.run_id):
        links.append(Link("run in MLflow", href))
    given = Prose(f"Given: {trap.case.__doc__} Compared: {trap.compared}.", "quiet")
    directions = (_direction(cost, port) for port in cost.ports)
    return Details(summary(cost), (Prose(trap.happens, links=tuple(links)), given, *directions))


def summary(cost: Cost) -> str:
    """The trap and what it costs in each direction, in one line."""
    sizes = [f"{name(port.into)} {_size(port)}" for port in cost.ports]
    return f"{cost.trap.title}: {', '.join(sizes)}"


def _size(port: Port) -> str:
    if not port.wrong:
        return "nothing"
    if port.moved:
        return f"{number(port.moved.value, 1, sign=True)} points"
    if port.slower:
        return f"{significant(port.slower.ratio.value, 2)} times as long"
    return percent(port.naive) if port.naive >= 0.01 else significant(port.naive, 2)


def _direction(cost: Cost, port: Port) -> Group:
    (other,) = (twin for twin in TWINS if twin != port.into)
    code = cost.recorded.record["code"]
    naive, right, original = code[port.into]["naive"], code[port.into]["right"], code[other]["original"]
    blocks: list[Block] = [Prose(_cost(port)), Code(f"The original in {name(other)}", original)]
    if naive == right:
        reason = cost.trap.harmless.get(port.into, "")
        blocks.append(Code(f"The naive port into {name(port.into)}, already right", right))
        blocks += [Prose(reason, "note")] * bool(reason)
    else:
        lines = count(_changed(naive, right), "line")
        blocks += [Code("Naive", naive), Code(f"Right: {lines} to change", right)]
    return Group(f"From {name(other)} to {name(port.into)}", tuple(blocks), f"{port.into} codes")


def _cost(port: Port) -> str:
    if port.moved:
        right, naive = percent(port.right), percent(port.naive)
        return f"Accuracy: naive {naive}, right {right}. Naive minus right: {bracketed(port.moved)}."
    if port.slower:
        return _slower(port, port.slower)
    return f"Error: naive {significant(port.naive, 2)}, right {significant(port.right, 2)}."


def _slower(port: Port, slower: Slower) -> str:
    if slower.alone:
        counted = f"{number(slower.counts[1], 0)} {slower.counted}"
        return f"A step: {seconds(port.right)} with {counted}, {n_of(slower.ratio.n)}."
    sides = zip(("naive", "right"), (port.naive, port.right), slower.counts, strict=True)
    taken = ", ".join(f"{side} {seconds(each)} with {number(n, 0)} {slower.counted}" for side, each, n in sides)
    ratio, low, high = (significant(each) for each in slower.ratio[:3])
    within = f"95% interval {low} to {high}, {n_of(slower.ratio.n)} rounds of both"
    return f"A step, medians: {taken}. Naive takes {ratio} times as long as right ({within})."


def _changed(naive: str, right: str) -> int:
    """How many lines of the right port are not in the naive one."""
    diff = difflib.ndiff(naive.splitlines(), right.splitlines())
    return max(1, sum(line.startswith("+ ") for line in diff))


def address(thread: str) -> str:
    """A public thread's page; the host sends a pull request's number on."""
    repository, _, number = thread.partition("#")
    return f"https://github.com/{repository}/issues/{number}"
