"""Which digit: scikit-learn's 8×8 images (Alpaydin & Kaynak 1998), each read row by row as 8 steps of 8 values."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveInt

from experiments.errors import UserError
from experiments.tasks.task import BaseTaskSpec, DataSource, Interface, Predictor, Split, Task

CLASSES, ROWS, TEST_IMAGES = 10, 8, 297
ORDER_SEED = 113
BRIGHTEST = 16  # of the images' whole numbers


class DigitsSpec(BaseTaskSpec):
    """Which digit: scikit-learn's 8×8 images, read row by row as a sequence of 8 steps."""

    DEFAULTS: ClassVar = {"network": {"units": [64]}, "training": {"epochs": 20, "batch_size": 64}}
    METRIC: ClassVar = "test/accuracy"
    HISTORIES: ClassVar = ("train/accuracy", "test/accuracy")
    LENGTH: ClassVar = ""

    name: Literal["digits"] = "digits"
    train_images: PositiveInt | None = None

    def in_words(self, training_samples: int | None) -> str:
        """Such as ``1,500 images``."""
        return f"{training_samples:,} images" if training_samples else "all images"


SPEC = DigitsSpec


@dataclass(frozen=True)
class DigitsTask(Task):
    """1,500 images to train on and 297 to test; y holds a 1 at the digit's place, ``(N, 10)``."""

    interface: Interface
    train: Split
    test: Split

    def score(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """The share of a batch whose largest output is its digit's."""
        return {"accuracy": float(np.mean(outputs.argmax(axis=1) == y.argmax(axis=1)))}

    def evaluate(self, model: Predictor) -> dict[str, float]:
        """Cross-entropy in nats and accuracy over every test image."""
        from scipy.special import log_softmax  # here: its import is a third of a worker's start

        outputs = model.predict(self.test.x).astype(np.float64)
        loss = float(np.mean(-(log_softmax(outputs, axis=1) * self.test.y).sum(axis=1)))
        return {"test/loss": loss, "test/accuracy": self.score(outputs, self.test.y)["accuracy"]}


def locate(spec: DigitsSpec, imdb: str) -> DataSource:
    """The images that scikit-learn carries.

    Raises:
        UserError: more training images are asked for than there are.
    """
    images, labels = _images()
    most = len(images) - TEST_IMAGES
    if (spec.train_images or 0) > most:
        raise UserError(f"task.train_images: {spec.train_images}; allowed: 1 to {most}")
    digest = sha256(images.tobytes() + labels.tobytes()).hexdigest()
    description = f"{most:,} training and {TEST_IMAGES} test images of 8×8 pixels."
    return DataSource("digits", digest, None, description, spec.train_images or most, TEST_IMAGES)


def interface(spec: DigitsSpec) -> Interface:
    """A row a step."""
    return Interface("values", ROWS, ROWS, CLASSES, "cross_entropy")


def load(spec: DigitsSpec, source: DataSource, dtype: str) -> DigitsTask:
    """``x (N, 8, 8)`` from 0 to 1 in ``dtype``; the first of a fixed permutation are the test images."""
    images, labels = _images()
    order = np.random.default_rng(ORDER_SEED).permutation(len(images))
    x, y = (images[order] / BRIGHTEST).astype(dtype), np.eye(CLASSES, dtype=dtype)[labels[order]]
    test, rest = slice(0, TEST_IMAGES), slice(TEST_IMAGES, None)
    limit = slice(spec.train_images)
    return DigitsTask(interface(spec), Split(x[rest][limit], y[rest][limit]), Split(x[test], y[test]))


def _images() -> tuple[np.ndarray, np.ndarray]:
    """What ``sklearn.datasets.load_digits`` reads, from its file: importing scikit-learn takes each worker 2 s."""
    folder = Path(*find_spec("sklearn").submodule_search_locations)
    table = np.loadtxt(folder / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    return table[:, :-1].reshape(-1, ROWS, ROWS), table[:, -1].astype(int)
