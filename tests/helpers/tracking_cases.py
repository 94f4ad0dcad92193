"""Shared by the tests of tracking."""

import toys

from experiments.events import EpochEnded, Finished, Started
from experiments.protocol import NativeShapes

STARTED = Started(
    {"versions": {"toy": "1.0"}}, {"time/build_s": 0.5, "model/parameters": 7}, NativeShapes((), (), 7, 7)
)


FINISHED = Finished(
    {"time/first_step_s": 0.25}, {"weights.safetensors": b"w", "spec.toml": b"s", "model/data/model.keras": b"k"}
)


def epoch(number, accuracy=0.75):
    return EpochEnded(number, {"train/loss": 1 / number, "test/accuracy": accuracy, "time/epoch_s": 2.0})


def whole(trial, accuracy=0.75):
    return [(trial, STARTED), (trial, epoch(1)), (trial, epoch(2, accuracy)), (trial, FINISHED)]


TRIAL = toys.trial(seed=3)


TWINS = [toys.trial(name, seed) for name in ("tf2", "pytorch") for seed in range(2)]
