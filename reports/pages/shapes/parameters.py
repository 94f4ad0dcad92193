"""How many parameters each twin has, and why the numbers differ."""

import pandas as pd

from experiments.twins import TWINS
from reports.data.results import Results
from reports.html.blocks import Block, Cell, Column, Details, Points, Prose, Section, Table
from reports.html.format import count, listed, name, number, shortfall
from reports.pages.shapes.parameter_counts import Twins, networks, reason


def answer(runs: pd.DataFrame) -> tuple[Block, ...]:
    """The front page's answer: each cell in its first form."""
    firsts: dict[str, Twins] = {}
    for network in networks(runs):
        firsts.setdefault(network.cell, network)
    if not firsts:
        return (Prose("No answer yet: no cell has been trained by both twins in one experiment."),)
    different = [network for network in firsts.values() if not network.equal]
    text = f"{_share(list(firsts.values()))}, each built from one description"
    if not different:
        return (Prose(f"{text}."),)
    return (Prose(f"{text}; the others differ:"), Points(tuple(map(_sentence, different))))


def _share(known: list[Twins]) -> str:
    equal = sum(network.equal for network in known)
    return f"Both twins have the same number of parameters in {equal} of {count(len(known), 'network')}"


def _sentence(network: Twins) -> str:
    counts = [f"{many:,} in {name(twin)}" for many, twin in zip(network.counts, TWINS, strict=True)]
    title = f"{network.cell} ({network.form}, {network.conventions} conventions)"
    return f"{title}: {listed(counts)}. {reason(network.left, network.right)}."


def section(runs: pd.DataFrame, results: Results) -> Section:
    """The parameters of both twins: networks that differ in a table, the others folded."""
    known = list(networks(runs))
    blocks: tuple[Block, ...] = shortfall(results.trials, "")
    if known:
        equal, different = ([network for network in known if network.equal is same] for same in (True, False))
        blocks += (Prose(f"{_share(known)}, counted on the live models."),)
        blocks += (_different(different, results),) if different else ()
        blocks += (Details("Networks with the same number", (_equal(equal, results),)),) if equal else ()
    return Section("parameters", "How many parameters, and why they differ", blocks)


def _different(networks: list[Twins], results: Results) -> Table:
    columns = ["Cell", "Forms", "Units", "Conventions", *(Column(name(twin), True, twin) for twin in TWINS)]
    rows = []
    for group in _grouped(networks):
        (left, right), text = group[0].counts, reason(group[0].left, group[0].right)
        counts = [Cell(f"{left:,}", left), Cell(f"{right:,}", right)]
        difference = Cell(number(left - right, 0, sign=True), left - right)
        rows.append([*_named(group, results), *counts, difference, Cell(text, kind="wide")])
    return Table.of("Networks that differ.", [*columns, Column("Difference", True), "Why"], rows)


def _equal(networks: list[Twins], results: Results) -> Table:
    columns = ["Cell", "Forms", "Units", "Conventions", Column("Parameters", True)]
    rows = [
        [*_named(group, results), Cell(f"{group[0].counts[0]:,}", group[0].counts[0])] for group in _grouped(networks)
    ]
    return Table.of("Networks with the same number of parameters in both twins.", columns, rows)


def _grouped(networks: list[Twins]) -> list[list[Twins]]:
    """Networks that differ only in their form, together."""
    groups: dict[tuple, list[Twins]] = {}
    for network in networks:
        key = (network.cell, network.units, network.conventions, network.counts, reason(network.left, network.right))
        groups.setdefault(key, []).append(network)
    return list(groups.values())


def _named(group: list[Twins], results: Results) -> list[Cell]:
    first = group[0]
    href = results.links.runs(cell=first.cell, conventions=first.conventions)
    forms = ", ".join(network.form for network in group)
    return [Cell(first.cell, href=href, kind="code"), Cell(forms), Cell(first.units), Cell(first.conventions)]
