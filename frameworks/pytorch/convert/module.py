"""Write the ``nn.Module`` that canonical weights and an outline are, as plain tutorial code."""

import itertools
from collections.abc import Iterator

from torch import nn

from experiments.canonical import Weights
from experiments.errors import UserError
from frameworks.convert import outline as neutral
from frameworks.convert.outline import Outline, Recurrent, has_bias, sizes
from frameworks.pytorch.convert.forward import forward_lines
from frameworks.pytorch.support import STOCK

_CODE = """\
\"\"\"The module that the converted weights belong to.\"\"\"

{imports}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
{layers}

    def forward(self, {taken}):
        # {shapes}
{forward}
        return x
"""


def source(weights: Weights, described: Outline, stack: bool = True) -> str:
    """Return the code of a module with a class ``Model``; ``stack`` lets one nn layer stack like recurrent layers.

    Raises:
        UserError: torch.nn lacks a layer.
    """
    if missing := [step for step in described.recurrent if step.cell not in STOCK]:
        raise UserError(
            f"layer {missing[0].layer}: PyTorch has no layer for {missing[0].cell}; allowed: {', '.join(STOCK)}"
        )
    stacked = stack and stacks(weights, described)
    words = "embedding/table" in weights
    sequence = ", time" * described.recurrent[-1].sequences
    shapes = f"(batch, time{', features' * (not words)}) -> (batch{sequence}, outputs)"
    taken = "tokens" if words else "x"
    forward = _indented(forward_lines(described, stacked))
    return _CODE.format(
        imports=_imports(forward),
        layers=_indented(_layers(weights, described, stacked)),
        taken=taken,
        shapes=shapes,
        forward=forward,
    )


def build(code: str) -> nn.Module:
    """Run the code that ``source`` wrote, and return its module."""
    names: dict = {"__name__": "written"}
    exec(compile(code, "module", "exec"), names)
    return names["Model"]()


def _imports(forward: str) -> str:
    """Return the imports that the lines need."""
    packing = [name for name in ("pack_padded_sequence", "pad_packed_sequence") if f"{name}(" in forward]
    lines = ["import torch"] * ("torch." in forward) + ["from torch import nn"]
    lines += [f"from torch.nn.utils.rnn import {', '.join(packing)}"] * bool(packing)
    return "\n".join(lines)


def stacks(weights: Weights, described: Outline) -> bool:
    """Tell whether one nn layer can stack all recurrent layers: they are alike, and only equal dropout lies between."""
    _first, *others = described.recurrent
    if not others:
        return True
    places = [place for place, step in enumerate(described.steps) if isinstance(step, Recurrent)]
    gaps = [described.steps[a + 1 : b] for a, b in itertools.pairwise(places)]
    rates = {tuple((step.kind, getattr(step, "rate", 0)) for step in gap) for gap in gaps}
    plain_gaps = all(len(gap) <= 1 and all(_is_plain_dropout(step) for step in gap) for gap in gaps)
    kinds = {(step.cell, step.both_ways, step.activation) for step in described.recurrent}
    shapes = {(*sizes(weights, index)[1:], has_bias(weights, f"rnn/{index}")) for index in range(len(places))}
    special = any(step.backwards or step.dropout or step.merge != "concat" for step in described.recurrent)
    return plain_gaps and len(rates) == len(kinds) == len(shapes) == 1 and not special


def _is_plain_dropout(step: neutral.Step) -> bool:
    return isinstance(step, neutral.Dropout) and not step.shared_in_time


def _indented(lines: Iterator[str]) -> str:
    return "\n".join(f"{' ' * 8}{line}" for line in lines)


def _layers(weights: Weights, described: Outline, stacked: bool) -> Iterator[str]:
    """Yield the lines that make the layers, under the names that a converted state dict has."""
    if "embedding/table" in weights:
        rows, width = weights["embedding/table"].shape
        yield f"self.embedding = nn.Embedding({rows}, {width})"
    if stacked:
        yield f"self.rnn = {_recurrent(weights, described, 0, len(described.recurrent))}"
    else:
        yield from _module_list("rnn", [_recurrent(weights, described, i, 1) for i in range(len(described.recurrent))])
    heads = [_linear(weights, index) for index in range(len(described.dense))]
    if len(heads) == 1:
        yield f"self.head = {heads[0]}"
    elif heads:
        yield from _module_list("head", heads)


def _module_list(name: str, calls: list[str]) -> Iterator[str]:
    yield f"self.{name} = nn.ModuleList("
    yield "    ["
    yield from (f"        {call}," for call in calls)
    yield "    ]"
    yield ")"


def _recurrent(weights: Weights, described: Outline, index: int, layers: int) -> str:
    step = described.recurrent[index]
    inputs, units, projection = sizes(weights, index)
    between = [step.rate for step in described.steps if _is_between(step, described)] if layers > 1 else []
    options = {
        "num_layers": layers if layers > 1 else None,
        "nonlinearity": f'"{step.activation}"' if step.activation != "tanh" else None,
        "bias": None if has_bias(weights, f"rnn/{index}") else False,
        "batch_first": True,
        "dropout": between[0] if between else None,
        "bidirectional": step.both_ways or None,
        "proj_size": projection,
    }
    given = "".join(f", {name}={value}" for name, value in options.items() if value is not None)
    return f"nn.{STOCK[step.cell]}({inputs}, {units}{given})"


def _is_between(step: neutral.Step, described: Outline) -> bool:
    """Tell whether a step is a dropout between two recurrent layers."""
    places = [place for place, other in enumerate(described.steps) if isinstance(other, Recurrent)]
    return isinstance(step, neutral.Dropout) and any(step is other for other in described.steps[places[0] : places[-1]])


def _linear(weights: Weights, index: int) -> str:
    inputs, outputs = weights[f"head/{index}/kernel"].shape
    return f"nn.Linear({inputs}, {outputs}{'' if has_bias(weights, f'head/{index}') else ', bias=False'})"
