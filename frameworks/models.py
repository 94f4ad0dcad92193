"""A trained network as an MLflow model: a plain Keras or PyTorch one, which loads where this project is not installed.

These are the files that MLflow's ``load_model`` reads. Its own ``save_model`` takes seconds to write them: it imports
MLflow and asks pip what the model needs.
"""

import json
from importlib import import_module
from importlib.metadata import version

from experiments.canonical import MLP_DROPOUT, Weights
from experiments.conventions import Owner
from experiments.errors import UserError
from experiments.spec import ExperimentSpec
from experiments.twins import FRAMEWORKS
from frameworks.convert.outline import Dense, Dropout, Embedding, Outline, Recurrent, Step
from frameworks.convert.sides import fill, refuse_cells


def files(name: str, spec: ExperimentSpec, weights: Weights) -> dict[str, bytes]:
    """Return the model's files by their paths in its folder; it maps a batch of inputs to logits.

    Args:
        name: the framework.
        spec: of the trained network.
        weights: canonical ones.

    Raises:
        UserError: the framework's layers cannot compute what the network does; says what.
    """
    described, cells = outline(spec, FRAMEWORKS[name].owner), [spec.network.cell] * len(spec.network.units)
    refuse_cells(name, cells)
    twin = import_module(f"frameworks.{name}.convert")
    weights = twin.fold_biases(weights, cells)
    code = twin.source(weights, described)
    opened = twin.make(weights, cells, described, code)
    fill(twin, opened, weights, cells)
    flavours, made = twin.model_files(opened, code)
    needed = "".join(f"{package}=={version(package).partition('+')[0]}\n" for package in FRAMEWORKS[name].packages)
    # JSON is YAML, the format of this file.
    told = json.dumps({"flavors": flavours, "mlflow_version": version("mlflow")}, indent=1)
    return {"MLmodel": told.encode(), "requirements.txt": needed.encode()} | made


def outline(spec: ExperimentSpec, home: Owner) -> Outline:
    """Return the chain of stock layers that a spec's network is, whatever its form; ``home`` decides under ``stock``.

    Raises:
        UserError: it is none; says why.
    """
    network = spec.network
    if reason := _refusal(spec):
        raise UserError(reason)
    steps: list[Step] = []
    if network.embedding_size:
        steps.append(Embedding(layer="embedding", skips_padding=spec.task.masked))
    shared = spec.conventions.owner("dropout", home) == "keras"  # one mask for all steps, before every layer
    for index in range(len(network.units)):
        if network.dropout and index and not shared:
            steps.append(Dropout(layer=f"dropout.{index}", rate=network.dropout))
        steps.append(
            Recurrent(
                layer=f"rnn.{index}",
                cell=network.cell,
                both_ways=network.bidirectional,
                sequences=index + 1 < len(network.units) or spec.task.EVERY_STEP,
                dropout=network.dropout * shared,
            )
        )
    if network.head == "mlp":
        steps += [Dense(layer="head.0", activation="relu"), Dropout(layer="dropout", rate=MLP_DROPOUT)]
    return Outline(steps=(*steps, Dense(layer="head")))


def _refusal(spec: ExperimentSpec) -> str:
    """Tell why stock layers in a chain cannot compute the network; empty where they can."""
    network = spec.network
    reasons = {
        "a bag of words is no stock layer": network.encoder == "bag",
        "one-hot vectors without a table are no stock layer": network.encoder and not network.embedding_size,
        "stock layers clip no state": network.cell_clip is not None,
        "stock layers clip no projection": network.projection_clip is not None,
        "a padded character has no id of its own, by which a model could skip it": (
            spec.task.masked and spec.task.EVERY_STEP
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
