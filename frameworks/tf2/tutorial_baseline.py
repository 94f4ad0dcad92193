"""A training run as TensorFlow's tutorials write it, without this project: the baseline for a trial's cost."""

import keras

from experiments.spec import ExperimentSpec
from experiments.tasks import Task
from frameworks.tf2.support import STOCK


def train(spec: ExperimentSpec, task: Task, evaluated: int) -> float:
    """Train on reviews by ``fit`` and test after each epoch, ``evaluated`` at a time; return the last accuracy."""
    network, training = spec.network, spec.training
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Embedding(spec.task.words, network.embedding_size)])
    for index, units in enumerate(network.units, start=1):
        kind = getattr(keras.layers, STOCK[network.cell])
        model.add(kind(units, dropout=network.dropout, return_sequences=index < len(network.units)))
    model.add(keras.layers.Dense(1))
    model.compile(
        optimizer=keras.optimizers.Adam(training.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
    )
    history = model.fit(
        *task.train,
        batch_size=training.batch_size,
        epochs=training.epochs,
        validation_data=tuple(task.test),
        validation_batch_size=evaluated,
        verbose=0,
    )
    return history.history["val_accuracy"][-1]
