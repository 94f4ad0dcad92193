"""A training run as TensorFlow's tutorials write it, without this project: the baseline for a trial's cost.

Recipes are tried in it: arguments that give Keras PyTorch's conventions (``experiments/probes/porting.py``).
"""

from collections.abc import Sequence
from typing import Any

import keras

from experiments.probes.porting import KERAS_NAMES, keras_arguments
from experiments.spec import ExperimentSpec
from experiments.tasks import Task
from frameworks.tf2.support import STOCK


def train(spec: ExperimentSpec, task: Task, evaluated: int, seed: int = 0, fields: Sequence[str] = ()) -> float:
    """Train on reviews by ``fit`` and test after each epoch, ``evaluated`` at a time; return the last accuracy."""
    training = spec.training
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = _model(spec, fields)
    model.compile(
        optimizer=keras.optimizers.Adam(training.learning_rate, **_added(spec, fields, "keras.optimizers.Adam")),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
    )
    history = model.fit(
        *task.train[:2],
        batch_size=training.batch_size,
        epochs=training.epochs,
        validation_data=task.test[:2],
        validation_batch_size=evaluated,
        verbose=0,
    )
    return history.history["val_accuracy"][-1]


def _model(spec: ExperimentSpec, fields: Sequence[str]) -> keras.Model:
    """Embedding → recurrent layers → dense, each with the arguments that the recipes add."""
    network = spec.network
    kind = getattr(keras.layers, STOCK[network.cell])
    layer = f"keras.layers.{STOCK[network.cell]}"
    dropout = _added(spec, fields, layer).get("dropout", network.dropout)
    model = keras.Sequential()
    model.add(
        keras.layers.Embedding(
            spec.task.words, network.embedding_size, **_added(spec, fields, "keras.layers.Embedding")
        )
    )
    for index, units in enumerate(network.units, start=1):
        if index > 1 and dropout != network.dropout:  # where the layers' own dropout is off, PyTorch's lies between
            model.add(keras.layers.Dropout(network.dropout))
        options = {"dropout": network.dropout} | _added(spec, fields, layer)
        model.add(kind(units, return_sequences=index < len(network.units), **options))
    model.add(keras.layers.Dense(1, **_added(spec, fields, "keras.layers.Dense")))
    return model


def _added(spec: ExperimentSpec, fields: Sequence[str], call: str) -> dict[str, Any]:
    """The arguments that the recipes of ``fields`` add to a call, with initializers of its own."""
    names = {"keras": keras, "hidden": spec.network.units[0]}
    exec(KERAS_NAMES, names)
    return eval(f"dict({keras_arguments(fields, spec.network.cell).get(call, '')})", names)
