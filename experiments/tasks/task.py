"""What a task is: its spec, the interface it gives a network, its arrays, its metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from experiments.frozen import Frozen


@dataclass(frozen=True)
class Interface:
    """What a task asks of a network: ``features`` is the vocabulary for tokens, the width of a step for values.

    Under ``sequence_cross_entropy`` the head answers at every step, ``(B, T, outputs)``, and y holds the right ids
    ``(B, T)``. In a ``stateful`` task the rows of a batch continue the same rows of the batch before.
    """

    input: Literal["tokens", "values"]  # tokens: int32 (B, T); values: float (B, T, features)
    time: int
    features: int
    outputs: int
    loss: Literal["binary_crossentropy", "mse", "cross_entropy", "sequence_cross_entropy"]  # cross_entropy: one-hot y
    stateful: bool = False

    @property
    def every_step(self) -> bool:
        """Whether the head answers at every step, not only after the last."""
        return self.loss == "sequence_cross_entropy"


class BaseTaskSpec(Frozen):
    """A task's fields, and what the rest of the program needs to know of it."""

    #: The task's own settings, as its sources have them; an experiment states only what it changes.
    DEFAULTS: ClassVar[dict[str, dict[str, Any]]] = {}
    METRIC: ClassVar[str]  # the main metric, by its MLflow name
    HISTORIES: ClassVar[tuple[str, ...]] = ()  # metrics of which the pages get every epoch, beside the losses
    STEP_S: ClassVar[float] = 9e-6  # about what training on one time step of one sample takes, in seconds
    LENGTH: ClassVar[str]  # the field that sets the number of steps, empty where it is fixed
    INPUT: ClassVar[Literal["tokens", "values"]] = "values"
    EVERY_STEP: ClassVar[bool] = False  # whether the head answers at every step
    RESUMABLE: ClassVar[bool] = False  # whether a trial may last so long that each epoch leaves a checkpoint

    def in_words(self, training_samples: int | None) -> str:
        """The task's settings as a phrase."""
        raise NotImplementedError

    @property
    def slug_parts(self) -> list[str]:
        """What the name of an experiment says of the task beside its name."""
        return []

    @property
    def masked(self) -> bool:
        """Whether sequences have lengths of their own, and padded steps are skipped."""
        return False

    @property
    def padding_in_words(self) -> list[str]:
        """How sequences are padded, as a phrase, where that is not the usual way."""
        return []

    @property
    def padding_parts(self) -> list[str]:
        """The same as part of a name, such as ``right-masked``."""
        return [words.removeprefix("padded ").replace(" ", "-") for words in self.padding_in_words]


class PaddedTaskSpec(BaseTaskSpec):
    """A task whose sequences differ in length and are padded to one.

    ``padding_side``: ``conventions`` takes the side of the conventions' field of this name. ``padding_treatment``:
    ``none`` reads padding like any other input; ``masked`` keeps every state at a padded step.
    """

    padding_side: Literal["left", "right", "conventions"] = "left"
    padding_treatment: Literal["none", "masked"] = "none"

    @property
    def masked(self) -> bool:
        """Whether padded steps are skipped."""
        return self.padding_treatment == "masked"

    @property
    def padding_in_words(self) -> list[str]:
        """How sequences are padded, as a phrase; empty where padding is on the left and read as any input."""
        side = "" if self.padding_side == "left" and not self.masked else self.padding_side
        side = "by conventions" if side == "conventions" else side
        return [" ".join(filter(None, ["padded", side, "masked" * self.masked]))] * bool(side)


@dataclass(frozen=True)
class DataSource:
    """Where a task's data is and what it is: small, picklable, already checked."""

    name: str  # such as "imdb-packaged"; the dataset's name in MLflow
    digest: str  # sha256 of the data, hexadecimal
    path: str | None  # the prepared file that a worker reads; None where the data is computed
    description: str  # one sentence
    training_samples: int | None = None  # None where a spec need not say how many
    test_samples: int | None = None


class Split(NamedTuple):
    """``x (N, T)`` int32 tokens or ``(N, T, F)`` values; ``y (N, outputs)``, or ``(N, T)`` int32 of every step.

    ``lengths (N,)`` int32 are the numbers of valid steps where padding is masked, else None.
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None

    def part(self, chosen: slice | np.ndarray) -> "Split":
        """These samples alone."""
        return Split(*(None if array is None else array[chosen] for array in self))


class Conclusion(NamedTuple):
    """What is found out about a trained network: ``test/…`` metrics, and files by name."""

    metrics: Mapping[str, float] = MappingProxyType({})
    files: Mapping[str, bytes] = MappingProxyType({})


class Predictor(Protocol):
    """What a task needs of a model (``experiments.protocol.Model`` has it)."""

    def predict(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray: ...
    def advance(
        self, x: np.ndarray, states: Any = None, lengths: np.ndarray | None = None
    ) -> tuple[np.ndarray, Any]: ...


class Task(Protocol):
    """A loaded task; every method but ``evaluate`` has a default."""

    interface: Interface
    train: Split
    test: Split

    def evaluate(self, model: Predictor) -> dict[str, float]:
        """The ``test/…`` metrics over every test sample, after each epoch."""

    def score(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """Metrics of a training batch beside its loss, such as ``{"accuracy": 0.8}``."""
        return {}

    def epoch(self, loss: float, samples: int, seconds: float) -> dict[str, float]:
        """Further metrics of a training epoch, by their MLflow names.

        Args:
            loss: the epoch's mean.
            samples: the number trained on.
            seconds: spent in training steps.
        """
        return {}

    def sample(self, model: Predictor) -> list[dict[str, Any]]:
        """What the network generates after an epoch, to show how it learns; plain data."""
        return []

    def conclude(self, model: Predictor) -> Conclusion:
        """After the last epoch alone: metrics that take as long as the training, files of what the network does."""
        return Conclusion()
