"""Train one twin in a process of its own and print its losses: ``python parity_worker.py TWIN CONVENTIONS``."""

import json
import sys

import frameworks
from experiments import canonical
from experiments.spec import ExperimentSpec
from experiments.tasks import Split
from experiments.trial import imposed_batches

STEPS = 50
WORDS, TOKENS, SAMPLES = 60, 9, 70


class TinyTask:
    """Random tokens, from a stream that every process draws alike."""

    interface = canonical.Interface("tokens", TOKENS, WORDS, 1, "binary_crossentropy")

    def __init__(self):
        rng = canonical.stream(0, "parity task")
        x = rng.integers(0, WORDS, (SAMPLES, TOKENS)).astype("int32")
        self.train = Split(x, (x[:, :1] % 2).astype("float64"))


def spec(cell: str, form: str, conventions: str) -> ExperimentSpec:
    """Two layers of unequal size, dropout on, Adam, float64."""
    return ExperimentSpec.model_validate(
        {
            "task": {"name": "imdb", "words": WORDS, "tokens": TOKENS},
            "network": {"cell": cell, "form": form, "units": [8, 6], "embedding_size": 7, "dropout": 0.3},
            "training": {"batch_size": 16, "dtype": "float64", "learning_rate": 0.01},
            "conventions": conventions,
        }
    )


def losses(twin: str, cell: str, form: str, conventions: str) -> list[float]:
    """Every step's loss, over as many epochs as ``STEPS`` takes."""
    experiment, task = spec(cell, form, conventions), TinyTask()
    weights = canonical.draw(experiment, task.interface, 0)
    model = frameworks.load(twin).build(experiment, task.interface, weights, 0)
    found, epoch = [], 0
    while len(found) < STEPS:
        epoch += 1
        found += [model.train_step(batch).loss for batch in imposed_batches(experiment, task, 0, epoch)]
    return found[:STEPS]


if __name__ == "__main__":
    twin, conventions, *pairs = sys.argv[1:]
    print(json.dumps({pair: losses(twin, *pair.split("/"), conventions) for pair in pairs}))
