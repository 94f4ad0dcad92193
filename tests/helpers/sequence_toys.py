"""A text of random characters for the tests of heads at every step, carried states and checkpoints.

Apart from the tests, since a worker that is killed in one imports this.
"""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np

import frameworks
from experiments import tasks
from experiments.draws import generator
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource, Interface, Split, Task
from experiments.training.trial import Trial

VOCABULARY, WINDOW, WINDOWS, ROWS = 11, 3, 10, 4  # two windows are left over
DATA = DataSource("tiny text", "fedcba9876543210" * 4, None, "Random characters.")


class TinyText(Task):
    """Windows of one text; what is asked for at each step is the character that follows."""

    def __init__(self, stateful: bool) -> None:
        self.interface = Interface("tokens", WINDOW, VOCABULARY, VOCABULARY, "sequence_cross_entropy", stateful)
        text = generator(0, "tiny text").integers(0, VOCABULARY, WINDOWS * WINDOW + 1).astype(np.int32)
        self.train = Split(text[:-1].reshape(WINDOWS, WINDOW), text[1:].reshape(WINDOWS, WINDOW))
        self.test = Split(self.train.x[:ROWS], self.train.y[:ROWS])

    def evaluate(self, model):
        """The mean of all logits after two windows, the states carried: whatever changes changes it."""
        _, states = model.advance(self.test.x)
        return {"test/loss": float(np.mean(model.advance(self.test.x, states)[0], dtype=np.float64))}

    def epoch(self, loss, samples, seconds):
        return {"train/samples": float(samples)}

    def sample(self, model):
        outputs, _ = model.advance(self.test.x[:1, :1])
        return [{"text": str(outputs.argmax()), "largest": float(outputs.max())}]

    @staticmethod
    def load(spec, source, dtype):
        return TinyText(spec.stateful)


def spec(cell="lstm", form="layer", conventions="keras", stateful=True, network=None, **training) -> ExperimentSpec:
    """Two layers of unequal size, dropout on."""
    return ExperimentSpec.model_validate(
        {
            "task": {"name": "chars", "window": WINDOW, "stateful": stateful},
            "network": {"cell": cell, "form": form, "units": [5, 4], "embedding_size": 6, "dropout": 0.3}
            | (network or {}),
            "training": {"epochs": 3, "batch_size": ROWS, "learning_rate": 1e-2, "clip_norm": None} | training,
            "conventions": conventions,
        }
    )


def trial(framework: str, experiment: ExperimentSpec, seed: int = 0) -> Trial:
    return Trial(experiment, framework, "toy 1.0", seed, DATA)


def load(name: str) -> Framework:
    """The real twin on the tiny text; a worker's first one is killed in its second epoch where ``TOY_KILL`` says."""
    tasks.module_of = lambda spec: TinyText
    framework = frameworks.load(name)
    return replace(framework, reuse=lambda model: _mortal(framework.reuse(model)))


def _mortal(model):
    steps, killed = WINDOWS // ROWS, Path(os.environ.get("TOY_KILL", ""))
    train_step, taken = model.train_step, []

    def step(batch):
        taken.append(batch)
        if killed.name and len(taken) == steps + 2 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return train_step(batch)

    model.train_step = step
    return model
