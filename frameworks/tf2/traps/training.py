"""A small network, trained by Keras's ``fit``, for the traps that cost accuracy."""

import keras

from experiments.tasks import Task


def classifier(data: Task, embeddings_initializer: str | keras.Initializer = "uniform", units: int = 32):
    """Make an LSTM and a dense head, above an embedding where the inputs are words; all as Keras starts them."""
    model = keras.Sequential()
    if data.interface.input == "tokens":
        model.add(keras.layers.Embedding(data.interface.features, units, embeddings_initializer))
    model.add(keras.layers.LSTM(units))
    model.add(keras.layers.Dense(data.interface.outputs))
    return model


def accuracy(model: keras.Model, optimiser: keras.Optimizer, data: Task, epochs: int) -> float:
    """Train in batches of 64, shuffled; return the accuracy on the test split."""
    binary = data.interface.outputs == 1
    loss = keras.losses.BinaryCrossentropy if binary else keras.losses.CategoricalCrossentropy
    model.compile(optimiser, loss(from_logits=True))
    model.fit(data.train.x, data.train.y, batch_size=64, epochs=epochs, verbose=0)
    return data.score(model.predict(data.test.x, batch_size=512, verbose=0), data.test.y)["accuracy"]
