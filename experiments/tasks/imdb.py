"""Sentiment of IMDB film reviews (Maas et al. 2011): a word a step, the label after the last."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from experiments.errors import UserError
from experiments.padding import lengths_of, moved
from experiments.tasks.imdb_store import Reviews, prepared_file, read
from experiments.tasks.task import DataSource, Interface, PaddedTaskSpec, Predictor, Split, Task

PADDING, START, OOV, INDEX_FROM = 0, 1, 2, 3  # Keras's start_char, oov_char and index_from: a word's id is its rank + 3
BATCH = 125  # reviews predicted at a time
#: The packaged reviews' lengths in words, the start included: from the shortest to the longest in steps of 5 %.
LENGTHS = (11, 66, 93, 114, 123, 130, 137, 146, 155, 166, 178, 193, 210, 232, 257, 291, 331, 384, 467, 610, 2494)


class ImdbSpec(PaddedTaskSpec):
    """Sentiment of a film review. Sizes of None take all reviews of the split.

    ``validation_reviews`` are the training split's reviews after those that are trained on; none of them is trained
    on, and none is a test review, so an epoch may be chosen by them.
    """

    DEFAULTS: ClassVar = {
        "network": {"units": [64, 64], "dropout": 0.5, "encoder": "embedding", "embedding_size": 100},
        "training": {"epochs": 4, "batch_size": 128},
    }
    METRIC: ClassVar = "test/accuracy"
    HISTORIES: ClassVar = ("train/accuracy", "test/accuracy", "validation/accuracy")
    LENGTH: ClassVar = "tokens"
    INPUT: ClassVar = "tokens"

    name: Literal["imdb"] = "imdb"
    words: Annotated[int, Field(ge=5)] = 10_000
    tokens: PositiveInt = 80
    train_reviews: PositiveInt | None = None
    test_reviews: PositiveInt | None = None
    validation_reviews: NonNegativeInt = 0

    def in_words(self, training_samples: int | None) -> str:
        """Such as ``20,000 reviews of 80 tokens, 10,000 words``."""
        reviews = f"{training_samples:,} reviews" if training_samples else "all reviews"
        kept = f", {self.validation_reviews:,} for validation" * bool(self.validation_reviews)
        padded = "".join(f", {words}" for words in self.padding_in_words)
        return f"{reviews} of {self.tokens} tokens, {self.words:,} words{kept}{padded}"

    @property
    def slug_parts(self) -> list[str]:
        """The padding where it is not as the sources have it, such as ``right-masked``."""
        return self.padding_parts


SPEC = ImdbSpec

#: Sources that any machine can find: a data source's name → what ``--imdb`` calls it.
KNOWN = {"imdb-packaged": "packaged", "imdb-keras": "keras"}


def locate(spec: ImdbSpec, imdb: str = "packaged") -> DataSource:
    """Find the reviews and see that their prepared file exists.

    Args:
        spec: the task.
        imdb: ``packaged``, ``keras`` or a path to a file in the format of Keras's ``imdb.npz``.

    Raises:
        UserError: the reviews are missing, broken or too few, or the cache folder cannot be written.
    """
    source, path, prepared = prepared_file(imdb)
    train, test = len(prepared.train.labels), len(prepared.test.labels)
    left = train - spec.validation_reviews
    for field, count in (("validation_reviews", train - 1), ("train_reviews", left), ("test_reviews", test)):
        if (getattr(spec, field) or 0) > count:
            raise UserError(
                f"task.{field}: {getattr(spec, field)} is more than {source.name} has; allowed: 1 to {count}"
            )
    description = f"{train:,} training and {test:,} test reviews: {source.origin}."
    sizes = spec.train_reviews or left, spec.test_reviews or test
    return DataSource(source.name, source.digest, str(path), description, *sizes)


def usual_lengths(spec: ImdbSpec, count: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths drawn as the reviews have them, cut to the window: ``(count,)`` int32."""
    shares = np.linspace(0, 1, len(LENGTHS))
    return np.minimum(np.interp(rng.random(count), shares, LENGTHS), spec.tokens).astype(np.int32)


@dataclass(frozen=True)
class ImdbTask(Task):
    """``x (N, tokens)`` int32 ids, ``y (N, 1)`` 0 or 1; the network answers with logits ``(N, 1)``."""

    interface: Interface
    train: Split
    test: Split
    validation: Split | None = None

    def score(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """The share of a batch's reviews whose logit ``(B, 1)`` lies on their label's side of 0."""
        return {"accuracy": float(np.mean((outputs > 0) == (y > 0)))}

    def evaluate(self, model: Predictor) -> dict[str, float]:
        """Loss and accuracy over every test review, and over every validation review where there are any."""
        scores = self._scores("test", self.test, model)
        return scores | (self._scores("validation", self.validation, model) if self.validation else {})

    def _scores(self, name: str, split: Split, model: Predictor) -> dict[str, float]:
        x, y, _ = split
        parts = (split.part(slice(start, start + BATCH)) for start in range(0, len(x), BATCH))
        logits = np.concatenate([model.predict(part.x, part.lengths) for part in parts])
        if logits.shape != y.shape:
            raise ValueError(f"the network answered {x.shape} with {logits.shape} in place of {y.shape}")
        return {
            f"{name}/loss": binary_crossentropy(logits, y),
            f"{name}/accuracy": self.score(logits, y)["accuracy"],
        }


def binary_crossentropy(logits: np.ndarray, y: np.ndarray) -> float:
    """Mean of −log σ(z) where y is 1 and −log σ(−z) where it is 0, in float64, finite for every finite logit z."""
    signs = 1 - 2 * y.astype(np.float64)
    return float(np.mean(np.logaddexp(0, signs * logits.astype(np.float64))))


def interface(spec: ImdbSpec) -> Interface:
    """A word a step."""
    return Interface("tokens", spec.tokens, spec.words, 1, "binary_crossentropy")


def load(spec: ImdbSpec, source: DataSource, dtype: str) -> ImdbTask:
    """The task's arrays, labels in ``dtype``; a limit of reviews takes the first of the fixed order.

    Raises:
        ValueError: the prepared file was damaged since ``locate`` checked it.
    """
    train, test = read(Path(source.path))
    trained_on = spec.train_reviews or len(train.labels) - spec.validation_reviews
    kept_back = slice(trained_on, trained_on + spec.validation_reviews)
    return ImdbTask(
        interface(spec),
        _arrays(train, slice(trained_on), spec, dtype),
        _arrays(test, slice(spec.test_reviews), spec, dtype),
        _arrays(train, kept_back, spec, dtype) if spec.validation_reviews else None,
    )


def _arrays(reviews: Reviews, chosen: slice, spec: ImdbSpec, dtype: str) -> Split:
    labels = reviews.labels[chosen]
    first = chosen.start or 0
    offsets = reviews.offsets[first : first + len(labels) + 1]
    x, y = encode(Reviews(reviews.ranks, offsets, labels), spec.words, spec.tokens), labels[:, None].astype(dtype)
    lengths = lengths_of(x != PADDING, "left")
    x = moved(x, lengths) if spec.padding_side == "right" else x
    return Split(x, y, lengths if spec.masked else None)


def encode(reviews: Reviews, words: int, tokens: int) -> np.ndarray:
    """Reviews as Keras's ``load_data(num_words=words)`` and ``pad_sequences(maxlen=tokens)`` give them.

    0 is padding, 1 the start, 2 out of vocabulary, a word's id its rank + 3, ids from ``words`` on become 2; the last
    ``tokens`` ids of each review are kept, shorter ones padded in front. Source: keras/src/datasets/imdb.py.

    Returns:
        ``(N, tokens)`` int32.
    """
    x = np.empty((len(reviews.labels), tokens), np.int32)
    for first in range(0, len(x), BATCH):  # a block at a time, since positions are int64
        rows = slice(first, first + BATCH)
        starts = reviews.offsets[:-1][rows, None]
        places = reviews.offsets[1:][rows, None] + np.arange(-tokens, 0)
        ids = reviews.ranks[np.maximum(places, 0)] + np.int32(INDEX_FROM)
        ids[ids >= words] = OOV
        ids[places == starts - 1] = START
        ids[places < starts - 1] = PADDING
        x[rows] = ids
    return x
