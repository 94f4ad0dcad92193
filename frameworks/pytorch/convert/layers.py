"""PyTorch's layers with weights ⇄ canonical weights, for models made anywhere.

A model is an optional ``nn.Embedding``; then recurrent modules or cells; then ``nn.Linear``.

Where Keras has one bias (SimpleRNN, LSTM), ``bias_hh`` becomes zeros: predictions stay equal, but both are trained.
"""

from dataclasses import dataclass, replace

import torch

from experiments.canonical import Weights
from experiments.cells import CELLS
from experiments.errors import UserError
from experiments.spec import ExperimentSpec
from frameworks.pytorch.support import HOME
from frameworks.pytorch.weights import Binding, bind_layer, plain, transposed


@dataclass(frozen=True)
class SavedLayer:
    """A layer with weights: its part of the model (embedding, rnn, head), each direction's variables by native name."""

    name: str
    part: str
    variables: tuple[dict[str, torch.Tensor], ...]
    cell: str = ""


def fold_biases(weights: Weights, cells: list[str]) -> Weights:
    """Leave out a ``bias_hh`` of zeros, which replaces the second bias that Keras's layer does not have."""
    zeros = {
        name
        for name, value in weights.items()
        if name.endswith("/recurrent_bias")
        and CELLS[cells[int(name.split("/")[1])]].biases("keras") == ("bias",)
        and not value.any()
    }
    return {name: value for name, value in weights.items() if name not in zeros}


def bind(layers: list[SavedLayer]) -> tuple[list[str], list[Binding]]:
    """Bind every variable to its canonical weights; return each recurrent layer's cell, and the bindings.

    Raises:
        UserError: there is more than one embedding.
    """
    embeddings, recurrent, heads = ([x for x in layers if x.part == part] for part in ("embedding", "rnn", "head"))
    if len(embeddings) > 1:
        raise UserError(f"{embeddings[1].name}: a second embedding; allowed: one")
    bindings = [plain(layer.name, layer.variables[0]["weight"], "embedding/table") for layer in embeddings]
    for index, layer in enumerate(recurrent):
        for direction, variables in zip(("forward", "backward"), layer.variables, strict=False):
            bindings += _bind_direction(layer, variables, f"rnn/{index}/{direction}/")
    for index, layer in enumerate(heads):
        for kind, variable in layer.variables[0].items():
            # nn.Linear stores (outputs, inputs).
            bind_variable, name = (transposed, "kernel") if kind == "weight" else (plain, "bias")
            bindings.append(bind_variable(layer.name, variable, f"head/{index}/{name}"))
    return [layer.cell for layer in recurrent], bindings


def _bind_direction(layer: SavedLayer, variables: dict[str, torch.Tensor], prefix: str) -> list[Binding]:
    """Bind one direction as ``bind_layer`` does, which needs both biases: a layer without them gets placeholders."""
    hidden, projection = hidden_sizes(variables)
    suffix = next(name for name in variables if name.startswith("weight_ih")).removeprefix("weight_ih")
    zeros = torch.zeros(len(variables[f"weight_ih{suffix}"]))
    placeholders = {f"bias_ih{suffix}": zeros, f"bias_hh{suffix}": zeros}
    network = {"cell": layer.cell, "form": "layer", "units": [hidden], "projection_size": projection}
    spec = ExperimentSpec.model_validate({"task": "sine", "network": network, "training": {}, "conventions": HOME})
    return [
        replace(binding, canonical=tuple(prefix + name.rpartition("/")[2] for name in binding.canonical))
        for binding in bind_layer(spec, 0, "forward", placeholders | variables, stock=True)
        if binding.name in variables
    ]


def hidden_sizes(variables: dict[str, torch.Tensor]) -> tuple[int, int | None]:
    """Return the number of hidden units and the size of the projection, None without one."""
    shapes = {kind[:9]: value.shape for kind, value in variables.items()}
    if {len(shapes.get(kind, ())) for kind in ("weight_ih", "weight_hh")} != {2}:
        raise UserError(f"{', '.join(variables)} are no recurrent layer; allowed: weight_ih and weight_hh of 2 axes")
    return (shapes["weight_hr"][1], shapes["weight_hr"][0]) if "weight_hr" in shapes else (shapes["weight_hh"][1], None)
