"""Twins train alike under imposed conventions: every loss of 50 steps, each twin in the process of its group.

Each is held to the reference within half of the tolerance, and so within all of it to the other.
"""

from functools import cache
from itertools import islice

import numpy as np
import pytest
from cases import twin_params

import frameworks
from experiments import canonical
from experiments.parity.measure import losses as every_loss
from experiments.parity.tolerances import TRAINED
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface, Split

#: Each form once, each plain cell, both tasks, either conventions; the quick study's ladder compares all of them.
RUNS = [
    "keras/lstm/layer",
    "pytorch/lstm/layer",
    "pytorch/gru/unrolled",
    "keras/simple_rnn/wrapped",
    "pytorch/minimal/cell_loop",
    "keras/lstm/layer/chars",
    "pytorch/simple_rnn/scratch/chars",
]
STEPS = 50
WORDS, TOKENS, SAMPLES = 60, 3, 70
NETWORK = {"embedding_size": 7, "dropout": 0.3}
IMDB = {"task": {"name": "imdb", "words": WORDS, "tokens": TOKENS}, "training": {"learning_rate": 0.01}}
#: With Adagrad, which no other run has.
CHARS = {
    "task": {"name": "chars", "window": TOKENS},
    "training": {"optimiser": "adagrad", "learning_rate": 0.1},
}


class TinyTask:
    """Random tokens, from a stream that every process draws alike."""

    interface = Interface("tokens", TOKENS, WORDS, 1, "binary_crossentropy")

    def __init__(self):
        rng = canonical.generator(0, "parity task")
        x = rng.integers(0, WORDS, (SAMPLES, TOKENS)).astype("int32")
        self.train = Split(x, (x[:, :1] % 2).astype("float64"))


class TinyText:
    """A text of few of the characters, each near the one before, in windows; its streams are 25 batches long."""

    interface = Interface("tokens", TOKENS, WORDS, WORDS, "sequence_cross_entropy", stateful=True)

    def __init__(self):
        rng = canonical.generator(0, "parity text")
        text = np.cumsum(rng.integers(0, 3, 25 * 16 * TOKENS + 1)).astype("int32") % 6
        self.train = Split(text[:-1].reshape(-1, TOKENS), text[1:].reshape(-1, TOKENS))


@cache
def losses(twin: str, name: str) -> list[float]:
    """Every step's loss, over as many epochs as ``STEPS`` takes; the reference has one form."""
    conventions, cell, form, *task = name.split("/")
    parts, loaded = (CHARS, TinyText()) if task else (IMDB, TinyTask())
    spec = ExperimentSpec.model_validate(
        {
            "task": parts["task"],
            "network": NETWORK
            | {"cell": cell, "form": "scratch" if twin == "reference" else form}
            | {"units": [8, 6] if name == "pytorch/lstm/layer" else [8]},  # to trace two layers takes twice as long
            "training": parts["training"] | {"batch_size": 16, "dtype": "float64"},
            "conventions": conventions,
        }
    )
    weights = canonical.draw(spec, loaded.interface, 0)
    model = frameworks.load(twin).build(spec, loaded.interface, weights, 0)
    return list(islice(every_loss(model, spec, loaded, 0), STEPS))


@pytest.mark.parametrize("twin", twin_params())
@pytest.mark.parametrize("name", RUNS)
def test_fifty_steps_are_the_references_loss_by_loss(twin, name):
    ours, reference = losses(twin, name), losses("reference", name)
    assert len(set(reference)) == STEPS, "the reference does not train"
    assert reference[-1] != pytest.approx(reference[0], rel=1e-3)
    errors = np.abs(np.divide(ours, reference) - 1)
    largest, step = errors.max(), int(errors.argmax()) + 1
    assert largest <= TRAINED["float64"].rtol / 2, f"{name}: {twin} is off by {largest:.1e} at step {step}"


def test_the_two_conventions_do_train_differently():
    keras, pytorch = (losses("reference", f"{conventions}/lstm/layer") for conventions in ("keras", "pytorch"))
    assert not np.allclose(keras, pytorch, rtol=1e-3)
