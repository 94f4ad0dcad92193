"""What the live models' calls took and returned, and their weights, cell by cell."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.data.comparable import CELLS, FORMS, FRAMEWORKS, ordered
from reports.data.results import Results
from reports.html.blocks import Cell, Details, Group, Link, Prose, Section, Table
from reports.html.format import NONE, count, listed, name, shape

EXPLANATION = (
    "The sections below show, for each cell and form, what the calls of live models took and returned for a batch of "
    "2, and each weight as the framework holds it beside the canonical weight: the layout to which the weights of both "
    "twins are converted. Forms with the same calls and weights are shown once."
)


def sections(runs: pd.DataFrame, results: Results) -> list[Section]:
    """An explanation, then a section for each cell: its forms folded, the frameworks side by side."""
    cells = [_section(cell, runs[runs.cell == cell], results) for cell in ordered(runs.cell, CELLS)]
    return (
        [Section("calls", "Calls and weights of this study's networks", (Prose(EXPLANATION),)), *cells] if cells else []
    )


def _section(cell: str, runs: pd.DataFrame, results: Results) -> Section:
    alike: dict[str, list[str]] = {}
    for form in ordered(runs.form, FORMS):
        alike.setdefault(_content(runs[runs.form == form]), []).append(form)
    folded = [
        _forms(cell, forms, runs[runs.form.isin(forms)], place == 0, results)
        for place, forms in enumerate(alike.values())
    ]
    return Section(f"cell-{cell}", cell, tuple(folded), {"cell": cell})


def _content(runs: pd.DataFrame) -> str:
    """Equal for two forms with the same calls and weights in every framework."""
    return json.dumps(dict(zip(runs.framework, runs.shapes, strict=True)), sort_keys=True)


def _forms(cell: str, forms: list[str], runs: pd.DataFrame, unfolded: bool, results: Results) -> Details:
    groups = tuple(
        _group(framework, runs[runs.framework == framework], results)
        for framework in ordered(runs.framework, FRAMEWORKS)
    )
    return Details(f"{cell}: {listed(forms)}", groups, columns=True, open=unfolded)


def _group(framework: str, runs: pd.DataFrame, results: Results) -> Group:
    shapes = runs.shapes.iloc[0]
    trained = shapes["trained_parameters"]
    text = f"{count(shapes['parameters'], 'parameter')}, "
    text += "all trained." if trained == shapes["parameters"] else f"{trained:,} trained."
    of_runs = zip(runs.slug, runs.seed, runs.run_id, strict=True)
    titles = [(f"{slug}, seed {seed}", results.links.run(run)) for slug, seed, run in of_runs]
    links = tuple(Link(title, href) for title, href in titles if href)
    if not links:
        text = f"{'; '.join(title for title, _ in titles)}: {text}"
    return Group(name(framework), (Prose(text, "quiet", links), _calls(shapes), _weights(shapes)), framework)


def _calls(shapes: Mapping[str, Any]) -> Table:
    rows = [[Cell(what), Cell(shape(sizes), kind="code")] for what, sizes in shapes["calls"]]
    return Table.of("Calls.", ["What", "Shape"], rows)


def _weights(shapes: Mapping[str, Any]) -> Table:
    columns = ["Native weight and its shape", "Canonical weight and its shape", "Layout, gates"]
    return Table.of("Weights.", columns, [_weight(weight) for weight in shapes["weights"]])


def _weight(weight: Mapping[str, Any]) -> list[Cell]:
    notes = ["not trained"] * (not weight["trained"]) + [weight["note"]] * bool(weight["note"])
    gates = ["gates " + " ".join(weight["gates"])] * bool(weight["gates"])
    canonical_shape = shape(weight["canonical_shape"]) if weight["canonical"] else ""
    return [
        Cell(weight["name"], kind="code", note=shape(weight["shape"])),
        Cell(" + ".join(weight["canonical"]) or NONE, kind="code", note=canonical_shape),
        Cell(weight["layout"], note="; ".join([*gates, *notes])),
    ]
