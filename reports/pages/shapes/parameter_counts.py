"""The parameters of both twins' models, and why their numbers differ: from the weights that the live models listed."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

import pandas as pd

from experiments.twins import TWINS
from reports.data.comparable import CELLS, FORMS, ordered
from reports.html.format import listed, name, number

Shapes = Mapping[str, Any]
SEEN = ["cell", "form", "framework", "spec_fingerprint", "units", "conventions", "shapes"]  # columns of the runs
PARTS = ("embedding", "recurrent kernels", "recurrent biases", "head")


def part(weight: Shapes) -> str:
    """Which part of the network a native weight belongs to."""
    if not weight["canonical"]:
        return "recurrent biases" if "bias" in weight["name"] else "recurrent kernels"
    first, *_, last = weight["canonical"][0].split("/")
    if first != "rnn":
        return first
    return "recurrent biases" if "bias" in last else "recurrent kernels"


def size(shapes: Shapes, wanted: str) -> int:
    """The number of values that a model holds natively in one part of the network."""
    return sum(prod(weight["shape"]) for weight in shapes["weights"] if part(weight) == wanted)


def reason(left: Shapes, right: Shapes) -> str:
    """Why two models of one network differ in their number of parameters; empty if they do not."""
    difference = left["parameters"] - right["parameters"]
    if difference == 0:
        return ""
    more, less, framework = (left, right, TWINS[0]) if difference > 0 else (right, left, TWINS[1])
    surplus = {wanted: size(more, wanted) - size(less, wanted) for wanted in PARTS}
    parts = [f"{number(extra, 0, sign=True)} in {wanted}" for wanted, extra in surplus.items() if extra]
    return _second_bias(more, less, abs(difference), framework) or f"{name(framework)}: {listed(parts)}"


def _second_bias(more: Shapes, less: Shapes, difference: int, framework: str) -> str:
    """The second biases, layer by layer, if they are exactly the surplus; else empty."""
    seconds = [weight for weight in more["weights"] if _is_second(weight)]
    extra = size(more, "recurrent biases") - size(less, "recurrent biases")
    if not difference == extra == sum(prod(weight["shape"]) for weight in seconds):
        return ""
    products = []
    for weight in seconds:
        gates = len(weight["gates"]) or 1
        products.append(f"{gates}·{prod(weight['shape']) // gates}")
    unused = "" if any(weight["trained"] for weight in seconds) else ", held at zero"
    where = "each layer" if len(products) > 1 else "its layer"
    return f"{name(framework)} has a second bias of gates·hidden in {where} ({' + '.join(products)}){unused}"


def _is_second(weight: Shapes) -> bool:
    names = {path.split("/")[-1] for path in weight["canonical"]}
    # Keras's conventions leave PyTorch's second bias without a canonical weight, at zero.
    return names == {"recurrent_bias"} or (not names and "bias" in weight["name"])


class Twins(NamedTuple):
    """One network in both twins."""

    cell: str
    form: str
    units: str
    conventions: str
    left: Shapes
    right: Shapes

    @property
    def counts(self) -> tuple[int, int]:
        """Both numbers of parameters."""
        return self.left["parameters"], self.right["parameters"]

    @property
    def equal(self) -> bool:
        """Whether both have the same number."""
        return self.counts[0] == self.counts[1]


def networks(runs: pd.DataFrame) -> Iterator[Twins]:
    """Each cell and form that both twins ran in one experiment."""
    by_network: dict[tuple[str, str], list[Any]] = {}
    for run in runs[runs.framework.isin(TWINS)][SEEN].itertuples():
        by_network.setdefault((run.cell, run.form), []).append(run)
    for cell in ordered(runs.cell, CELLS):
        for form in ordered(runs.form, FORMS):
            both = by_network.get((cell, form), [])
            if len(both) == 2 and both[0].spec_fingerprint == both[1].spec_fingerprint:
                shapes = {run.framework: run.shapes for run in both}
                yield Twins(cell, form, both[0].units, both[0].conventions, *(shapes[twin] for twin in TWINS))
