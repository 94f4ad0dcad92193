"""Train one twin in a process of its own and print its losses: ``python one_twin.py TWIN keras/lstm/layer …``."""

import json
import sys
from itertools import islice

import numpy as np

import frameworks
from experiments import canonical
from experiments.parity.measure import losses as every_loss
from experiments.spec import ExperimentSpec
from experiments.tasks import Split

STEPS = 50
WORDS, TOKENS, SAMPLES = 60, 9, 70


class TinyTask:
    """Random tokens, from a stream that every process draws alike."""

    interface = canonical.Interface("tokens", TOKENS, WORDS, 1, "binary_crossentropy")

    def __init__(self):
        rng = canonical.generator(0, "parity task")
        x = rng.integers(0, WORDS, (SAMPLES, TOKENS)).astype("int32")
        self.train = Split(x, (x[:, :1] % 2).astype("float64"))


class TinyText:
    """A text of few of the characters, each near the one before, in windows; its streams are 25 batches long."""

    interface = canonical.Interface("tokens", TOKENS, WORDS, WORDS, "sequence_cross_entropy", stateful=True)

    def __init__(self):
        rng = canonical.generator(0, "parity text")
        text = np.cumsum(rng.integers(0, 3, 25 * 16 * TOKENS + 1)).astype("int32") % 6
        self.train = Split(text[:-1].reshape(-1, TOKENS), text[1:].reshape(-1, TOKENS))


def spec(cell: str, form: str, conventions: str, task: str = "imdb") -> ExperimentSpec:
    """Two layers of unequal size, dropout on, Adam, float64; for the text Adagrad, which no other run has."""
    if task == "chars":
        return ExperimentSpec.model_validate(
            {
                "task": {"name": "chars", "window": TOKENS},
                "network": {"cell": cell, "form": form, "units": [8, 6], "embedding_size": 7, "dropout": 0.3},
                "training": {"batch_size": 16, "dtype": "float64", "optimiser": "adagrad", "learning_rate": 0.1},
                "conventions": conventions,
            }
        )
    return ExperimentSpec.model_validate(
        {
            "task": {"name": "imdb", "words": WORDS, "tokens": TOKENS},
            "network": {"cell": cell, "form": form, "units": [8, 6], "embedding_size": 7, "dropout": 0.3},
            "training": {"batch_size": 16, "dtype": "float64", "learning_rate": 0.01},
            "conventions": conventions,
        }
    )


def losses(twin: str, conventions: str, cell: str, form: str, task: str = "imdb") -> list[float]:
    """Every step's loss, over as many epochs as ``STEPS`` takes."""
    experiment, loaded = spec(cell, form, conventions, task), TinyText() if task == "chars" else TinyTask()
    weights = canonical.draw(experiment, loaded.interface, 0)
    model = frameworks.load(twin).build(experiment, loaded.interface, weights, 0)
    return list(islice(every_loss(model, experiment, loaded, 0), STEPS))


if __name__ == "__main__":
    twin, *names = sys.argv[1:]
    print(json.dumps({name: losses(twin, *name.split("/")) for name in names}))
